/* A container to generate a config.json for, and looking into the result. Include after expect.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/container/oci.h"

struct fixture {
    struct container_spec spec;
    struct image_config image;
    struct oci_user user;
    struct oci_facts facts;
    struct strv notices;
    json_t *config; /* of the last generate() */
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f)
        return -1;
    container_spec_init(&f->spec);
    f->spec.network.mode = NS_NONE;
    f->user.home = (char[]){"/root"};
    f->facts = (struct oci_facts){
        .container_id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .rootfs = "/rootfs",
        .user = &f->user,
        .hostname = "0123456789ab",
        .cgroup_v2 = true,
        .rlimit_nofile_hard = 20000,
        .rlimit_nproc_hard = UINT64_MAX,
        .proc_mountable = true,
        .mqueue_mountable = true,
        .sys_mountable = true,
        .init_path = "/usr/libexec/coracle-init",
    };
    static char home[] = "/root";
    f->user.home = home;
    expect_ok(strv_add(&f->spec.command, "sleep"), "command");
    expect_ok(strv_add(&f->spec.command, "100"), "command");
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    container_spec_done(&f->spec);
    strv_done(&f->image.env);
    strv_done(&f->image.cmd);
    strv_done(&f->image.entrypoint);
    strv_done(&f->facts.cgroup_controllers);
    strv_done(&f->facts.cgroup_lacking);
    strv_done(&f->facts.host_devices);
    strv_done(&f->notices);
    json_decref(f->config);
    free(f);
    return 0;
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

/* Generate and parse; the command line of the test is its own validator. */
static inline json_t *generate(struct fixture *f)
{
    AUTO_FREE char *text = NULL;
    expect_ok(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "generate");
    json_decref(f->config);
    f->config = NULL;
    expect_ok(json_parse(text, strlen(text), "config.json", &f->config), text);
    return f->config;
}

/* "process.user.uid"; array elements by index: "process.args.0". NULL when missing. */
static inline json_t *at(json_t *j, const char *path)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    expect_ok(strv_split(path, '.', &parts), path);
    for (size_t i = 0; i < parts.count && j; i++) {
        uint64_t index = 0;
        if (json_is_array(j))
            expect_ok(number_parse_u64(parts.items[i], 1000, &index), path);
        j = json_is_array(j) ? json_array_get(j, index) : json_object_get(j, parts.items[i]);
    }
    return j;
}

/* The value at `path` as compact JSON is `want`; NULL: there is none. */
static inline void expect_json(json_t *j, const char *path, const char *want)
{
    json_t *v = *path ? at(j, path) : j;
    if (!want) {
        assert_null(v);
        return;
    }
    if (!v)
        fail_msg("%s is missing", path);
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, want);
    free(text);
}

/* The mount on `target`: its index in "mounts", or -1. */
static inline long mount_index(json_t *config, const char *target)
{
    size_t i;
    json_t *m;
    json_array_foreach (at(config, "mounts"), i, m)
        if (strcmp(json_string_value(json_object_get(m, "destination")), target) == 0)
            return (long)i;
    return -1;
}

/* type, source and options of the mount on `target`, "bind /src bind,ro"; NULL: no such mount. */
static inline void expect_mount_on(json_t *config, const char *target, const char *want)
{
    long i = mount_index(config, target);
    if (!want) {
        assert_int_equal(i, -1);
        return;
    }
    if (i < 0)
        fail_msg("nothing is mounted on %s", target);
    json_t *m = json_array_get(at(config, "mounts"), (size_t)i);
    AUTO_STRV struct strv options = STRV_INIT;
    AUTO_FREE char *joined = NULL, *text = NULL;
    expect_ok(json_get_strv(m, "options", "mount", &options), "options");
    expect_ok(strv_join(&options, ",", &joined), "join");
    expect_ok(mem_asprintf(&text, "%s %s %s", json_string_value(json_object_get(m, "type")),
                           json_string_value(json_object_get(m, "source")), joined),
              "text");
    assert_string_equal(text, want);
}

/* Does the list at `path` hold the string? */
static inline bool lists(json_t *config, const char *path, const char *value)
{
    size_t i;
    json_t *v;
    json_array_foreach (at(config, path), i, v)
        if (strcmp(json_string_value(v), value) == 0)
            return true;
    return false;
}
