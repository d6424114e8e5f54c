#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "rootless/doctor.h"

static struct err *overlay_works(const char *driver, const char *root)
{
    (void)root;
    return strcmp(driver, "overlay") == 0 ? NULL : ERR_NEW(ERR_INVALID, "unexpected driver");
}

static struct err *overlay_fails(const char *driver, const char *root)
{
    return strcmp(driver, "copy") == 0 ? NULL : ERR_NEW(ERR_UNSUPPORTED, "%s below %s: out of order", driver, root);
}

static struct err *nothing_works(const char *driver, const char *root)
{
    return ERR_NEW(ERR_UNSUPPORTED, "%s below %s: out of order", driver, root);
}

/* Never NULL: an empty item stands for one that is missing. */
static const struct doctor_item *item_of(const struct doctor_report *r, const char *need)
{
    static char empty[1];
    static const struct doctor_item none = {
        .need = "", .probed = empty, .found = empty, .meaning = empty, .fix = empty};
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].need, need) == 0)
            return &r->items[i];
    }
    return &none;
}

struct fixture {
    char root[32];
};

static int fixture_setup(void **state)
{
    static struct fixture f;
    memcpy(f.root, "/tmp/doctor.XXXXXX", 19);
    *state = &f;
    return mkdtemp(f.root) ? 0 : -1;
}

static int fixture_teardown(void **state)
{
    const struct fixture *f = *state;
    err_drop(file_remove_tree(AT_FDCWD, f->root));
    return 0;
}

static void every_need_is_examined(void **state)
{
    const struct fixture *f = *state;
    struct doctor_report r = {0};
    const struct doctor_opts opts = {.root = f->root};
    assert_null(doctor_run(&opts, &r));
    static const char *const needs[] = {"user namespaces",
                                        "security settings",
                                        "id ranges",
                                        "newuidmap and newgidmap",
                                        "data directory",
                                        "session directory",
                                        "FUSE",
                                        "TUN",
                                        "cgroups",
                                        "network namespaces",
                                        "namespaces",
                                        "proc",
                                        "sysfs",
                                        "sysctls",
                                        "seccomp",
                                        "limits",
                                        "OCI runtime",
                                        "kernel interfaces"};
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        const struct doctor_item *item = item_of(&r, needs[i]);
        assert_string_equal(item->need, needs[i]);
        assert_non_null(item->probed);
        assert_true(item->found[0] != '\0');
        assert_non_null(item->meaning);
        assert_non_null(item->fix);
    }
    assert_string_equal(item_of(&r, "overlay")->need, ""); /* nobody to ask */
    doctor_report_done(&r);
}

static void the_callers_storage_probe_is_tried(void **state)
{
    const struct fixture *f = *state;
    struct doctor_report r = {0};
    struct doctor_opts opts = {.root = f->root, .storage_probe = overlay_works};
    assert_null(doctor_run(&opts, &r));
    enum doctor_state userns = item_of(&r, "user namespaces")->state;
    if (userns == DOCTOR_OK)
        assert_int_equal(item_of(&r, "overlay")->state, DOCTOR_OK);
    doctor_report_done(&r);
    opts.storage_probe = overlay_fails;
    assert_null(doctor_run(&opts, &r));
    assert_int_equal(item_of(&r, "overlay")->state, DOCTOR_DEGRADED);
    if (userns == DOCTOR_OK)
        assert_non_null(strstr(item_of(&r, "overlay")->found, "out of order"));
    assert_int_equal(item_of(&r, "overlay")->rung, userns == DOCTOR_OK ? 3 : 0);
    doctor_report_done(&r);
    opts.storage_probe = nothing_works;
    assert_null(doctor_run(&opts, &r));
    assert_int_equal(item_of(&r, "overlay")->state, DOCTOR_MISSING);
    assert_int_equal(item_of(&r, "overlay")->rung, 0);
    assert_int_equal(doctor_verdict(&r), LADDER_ALL);
    doctor_report_done(&r);
}

/* What is missing decides, by what its ladder says that it breaks; what is degraded does not. */
static void the_verdict_is_of_what_is_missing(void **state)
{
    (void)state;
    struct doctor_item items[] = {{.need = "network", .state = DOCTOR_DEGRADED},
                                  {.need = "cgroups", .state = DOCTOR_MISSING}};
    const struct doctor_report r = {.items = items, .count = ARRAY_LEN(items)};
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i].ladder = ladder_find(items[i].need);
    assert_int_equal(doctor_verdict(&r), 0);
    items[0].state = DOCTOR_MISSING;
    assert_int_equal(doctor_verdict(&r), LADDER_PORTS);
}

static void a_bad_data_directory_is_a_finding(void **state)
{
    (void)state;
    struct doctor_report r = {0};
    const struct doctor_opts opts = {.root = "/proc/nowhere"};
    assert_null(doctor_run(&opts, &r));
    assert_int_equal(item_of(&r, "data directory")->state, DOCTOR_MISSING);
    assert_non_null(strstr(item_of(&r, "data directory")->found, "/proc/nowhere"));
    doctor_report_done(&r);
}

static void json_has_all_fields(void **state)
{
    (void)state;
    struct doctor_item item = {.need = "x",
                               .state = DOCTOR_DEGRADED,
                               .probed = (char[]){"p"},
                               .found = (char[]){"f \"quoted\""},
                               .meaning = (char[]){"m"},
                               .fix = (char[]){""},
                               .file = (char[]){""},
                               .ladder = ladder_find("overlay"),
                               .rung = 2};
    const struct doctor_report r = {.items = &item, .count = 1};
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *j = NULL;
    assert_null(doctor_json(&r, &text));
    assert_null(json_parse(text, strlen(text), "doctor", &j));
    const json_t *first = json_array_get(json_object_get(j, "needs"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "degraded");
    assert_string_equal(json_string_value(json_object_get(first, "found")), "f \"quoted\"");
    assert_string_equal(json_string_value(json_object_get(first, "fix")), "");
    assert_string_equal(json_string_value(json_object_get(first, "use")), "fuse-overlay (coracle-overlay)");
    assert_true(json_is_true(json_object_get(json_object_get(j, "works"), "run")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_need_is_examined, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_callers_storage_probe_is_tried, fixture_setup, fixture_teardown),
        cmocka_unit_test(a_bad_data_directory_is_a_finding),
        cmocka_unit_test(json_has_all_fields),
        cmocka_unit_test(the_verdict_is_of_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
