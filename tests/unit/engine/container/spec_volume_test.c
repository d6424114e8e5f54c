/* -v and --tmpfs: what comes out, and Podman's messages for what can't be. */
#include "tests/unit/engine/container/expect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"

static void expect_mount(const struct mount_spec *m, enum mount_type type, const char *source, const char *target,
                         const char *options)
{
    AUTO_FREE char *joined = NULL;
    expect_ok(strv_join(&m->options, ",", &joined), "join");
    assert_int_equal(m->type, type);
    if (source)
        assert_string_equal(m->source, source);
    else
        assert_null(m->source);
    assert_string_equal(m->target, target);
    assert_string_equal(joined, options);
}

static void volumes_become_mounts(void **state)
{
    (void)state;
    static const struct {
        const char *value, *source, *target, *options;
        enum mount_type type;
    } good[] = {
        {"/tmp:/a", "/tmp", "/a", "rw,rprivate,rbind", MOUNT_BIND},
        {"/tmp/:/a//b/.", "/tmp", "/a/b", "rw,rprivate,rbind", MOUNT_BIND},
        {"/tmp:/a:ro", "/tmp", "/a", "ro,rprivate,rbind", MOUNT_BIND},
        {"/tmp:/a:rshared,noexec", "/tmp", "/a", "rshared,noexec,rw,rbind", MOUNT_BIND},
        {"/tmp:/a:bind,dev,suid", "/tmp", "/a", "bind,dev,suid,rw,rprivate", MOUNT_BIND},
        {"/tmp:/a:z,cached", "/tmp", "/a", "rw,rprivate,rbind", MOUNT_BIND},
        {"/with\\:colon:/a", "/with:colon", "/a", "rw,rprivate,rbind", MOUNT_BIND},
        {"v1:/d", "v1", "/d", "rw,rprivate,nosuid,nodev,rbind", MOUNT_VOLUME},
        {"v1:/d:exec,suid", "v1", "/d", "exec,suid,rw,rprivate,nodev,rbind", MOUNT_VOLUME},
        {"/e", "", "/e", "rw,rprivate,nosuid,nodev,rbind", MOUNT_VOLUME},
        {"/u:/a:O,upperdir=/x,workdir=/y", "/u", "/a", "upperdir=/x,workdir=/y,rw,rprivate,rbind", MOUNT_BIND},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct container_spec s;
        container_spec_init(&s);
        expect_ok(spec_add_volume(&s, good[i].value), good[i].value);
        assert_int_equal(s.n_mounts, 1);
        expect_mount(&s.mounts[0], good[i].type, good[i].source, good[i].target, good[i].options);
        container_spec_done(&s);
    }
}

static void letters_become_flags(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_volume(&s, "/tmp:/a:O,U"), "O,U");
    assert_true(s.mounts[0].overlay && s.mounts[0].chown);
    expect_ok(spec_add_volume(&s, "v:/b:nocopy,ro,idmap"), "nocopy");
    assert_true(s.mounts[1].no_copy && s.mounts[1].read_only);
    assert_string_equal(s.mounts[1].idmap, "");
    expect_ok(spec_add_volume(&s, "v:/c:copy,idmap=uids=0-1-1"), "copy");
    assert_false(s.mounts[2].no_copy);
    assert_string_equal(s.mounts[2].idmap, "uids=0-1-1");
    container_spec_done(&s);
}

static void the_same_twice_is_one(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_volume(&s, "/tmp:/a"), "first");
    expect_ok(spec_add_volume(&s, "/tmp:/a"), "again");
    assert_int_equal(s.n_mounts, 1);
    expect_ok(spec_add_tmpfs(&s, "/t"), "tmpfs");
    expect_ok(spec_add_tmpfs(&s, "/t:size=1m"), "tmpfs again");
    assert_int_equal(s.n_mounts, 2);
    assert_true(strv_contains(&s.mounts[1].options, "size=1m"));
    expect_ok(mem_strdup("i", &s.image), "image");
    expect_ok(container_spec_check(&s), "check");
    expect_ok(spec_add_volume(&s, "/var:/a"), "other source");
    expect_invalid(container_spec_check(&s), "two on /a", "/a: duplicate mount destination");
    container_spec_done(&s);
}

static void bad_volumes_are_refused(void **state)
{
    (void)state;
#define NAMES "running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"
    static const struct {
        const char *value, *text;
    } bad[] = {
        {"foo", "invalid container path \"foo\", must be an absolute path"},
        {":/a", "host directory cannot be empty"},
        {":", "host directory cannot be empty"},
        {"", "container directory cannot be empty"},
        {"a:b:c:d", "a:b:c:d: incorrect volume format, should be [host-dir:]ctr-dir[:option]"},
        {"/a:b", "invalid container path \"b\", must be an absolute path"},
        {"rel/x:/a", "creating named volume \"rel/x\": " NAMES},
        {"-bad:/a", "creating named volume \"-bad\": " NAMES},
        {"/tmp:/a:", "invalid option type \"\""},
        {"/tmp:/a:bad", "invalid option type \"bad\""},
        {"/tmp:/a:ro=1", "invalid option type \"ro=1\""},
        {"x:/a:size=1m", "invalid option type \"size=1m\""},
        {"/tmp:/a:ro,rw", "invalid options \"ro, rw\", can only specify 1 'rw' or 'ro' option"},
        {"/tmp:/a:z,Z", "invalid options \"z, Z\", can only specify 1 'z', 'Z', or 'O' option"},
        {"/tmp:/a:rshared,private",
         "invalid options \"rshared, private\", can only specify 1 '[r]shared', '[r]private', '[r]slave' or "
         "'[r]unbindable' option"},
        {"/tmp:/a:copy,nocopy", "invalid options \"copy, nocopy\", can only specify 1 'copy' or 'nocopy' option"},
        {"/tmp:/a:bind,rbind", "invalid options \"bind, rbind\", can only specify 1 '[r]bind' option"},
        {"/tmp:/a:exec,noexec", "invalid options \"exec, noexec\", can only specify 1 'noexec' or 'exec' option"},
        {"/tmp:/a:U,U", "invalid options \"U, U\", can only specify 1 'U' option"},
        {"/tmp:/a:O,ro", "can't use 'O' with other options"},
        {"/tmp:/a:O,upperdir=/x", "must set both `upperdir` and `workdir`"},
        {"/tmp:/a:upperdir=/x,workdir=/y", "`upperdir` and `workdir` can only be used with 'O'"},
        {"/tmp:/a:O,upperdir=x,workdir=/y", "upperdir=x: must be an absolute path"},
        {"/tmp:/", "invalid container path \"/\", the root directory cannot be mounted over"},
        {"/tmp:/a/..", "invalid container path \"/a/..\", the root directory cannot be mounted over"},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(spec_add_volume(&s, bad[i].value), bad[i].value, bad[i].text);
    assert_int_equal(s.n_mounts, 0);
    container_spec_done(&s);
}

static void tmpfs_has_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *value, *options;
        bool copyup;
    } good[] = {
        {"/a", "rw,rprivate,nosuid,nodev", true},
        {"/a:", "rw,rprivate,nosuid,nodev", true},
        {"/a:rw,size=1m,mode=1777", "rw,size=1m,mode=1777,rprivate,nosuid,nodev", true},
        {"/a:ro,exec,notmpcopyup", "ro,exec,rprivate,nosuid,nodev", false},
        {"/a:suid,dev,size=50%", "suid,dev,size=50%,rw,rprivate", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct container_spec s;
        container_spec_init(&s);
        expect_ok(spec_add_tmpfs(&s, good[i].value), good[i].value);
        expect_mount(&s.mounts[0], MOUNT_TMPFS, NULL, "/a", good[i].options);
        assert_int_equal(s.mounts[0].tmpcopyup, good[i].copyup);
        container_spec_done(&s);
    }
}

static void bad_tmpfs_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text;
    } bad[] = {
        {"rel", "invalid container path \"rel\", must be an absolute path"},
        {"", "container directory cannot be empty"},
        {"/a:foo", "unknown mount option \"foo\": invalid mount option"},
        {"/a:uid=1", "unknown mount option \"uid=1\": invalid mount option"},
        {"/a:b:c", "unknown mount option \"b:c\": invalid mount option"},
        {"/a:ro,rw", "only one of 'rw' and 'ro' can be used: duplicate mount option passed"},
        {"/a:size=1,size=2", "only one tmpfs size can be specified: duplicate mount option passed"},
        {"/a:bind", "the 'bind' and 'rbind' options are not allowed with tmpfs mounts: invalid mount option"},
        {"/a:Z", "the 'z' and 'Z' options are not allowed with tmpfs mounts: invalid mount option"},
        {"/a:size", "invalid tmpfs size \"\": must be a number with k, m, g or %"},
        {"/a:size=1mm", "invalid tmpfs size \"1mm\": must be a number with k, m, g or %"},
        {"/a:size=-1", "invalid tmpfs size \"-1\": must be a number with k, m, g or %"},
        {"/a:mode=9", "invalid tmpfs mode \"9\": must be an octal number"},
        {"/", "invalid container path \"/\", the root directory cannot be mounted over"},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(spec_add_tmpfs(&s, bad[i].value), bad[i].value, bad[i].text);
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_become_mounts), cmocka_unit_test(letters_become_flags),
        cmocka_unit_test(the_same_twice_is_one), cmocka_unit_test(bad_volumes_are_refused),
        cmocka_unit_test(tmpfs_has_defaults),    cmocka_unit_test(bad_tmpfs_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
