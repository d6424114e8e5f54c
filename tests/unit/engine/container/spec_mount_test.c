/* --mount. */
#include "tests/unit/engine/container/expect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/container/spec.h"

#define FORMAT                                   \
    "incorrect mount format: should be --mount " \
    "type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>,]target=<ctr-dir>[,options]"
#define ARGUMENT ": must provide an argument for option"

static void each_type_becomes_a_mount(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum mount_type type;
        const char *source, *options;
    } good[] = {
        {"type=bind,src=/tmp,dst=/a", MOUNT_BIND, "/tmp", "rw,rprivate,rbind"},
        {"type=bind,source=/tmp,target=/a,ro", MOUNT_BIND, "/tmp", "ro,rprivate,rbind"},
        {"type=bind,dst=/a", MOUNT_BIND, "/a", "rw,rprivate,rbind"},
        {"destination=/a,src=/tmp,type=bind,readonly=false", MOUNT_BIND, "/tmp", "rw,rprivate,rbind"},
        {"type=bind,src=/tmp,dst=/a,bind-nonrecursive", MOUNT_BIND, "/tmp", "bind,rw,rprivate"},
        {"type=bind,src=/tmp,dst=/a,bind-propagation=rslave,nosuid,relabel=shared,consistency=delegated", MOUNT_BIND,
         "/tmp", "rslave,nosuid,rw,rbind"},
        {"type=bind,\"src=/with,comma\",dst=/a,rw=false", MOUNT_BIND, "/with,comma", "ro,rprivate,rbind"},
        {"type=bind,\"src=/a \"\"quoted\"\" one\",dst=/a", MOUNT_BIND, "/a \"quoted\" one", "rw,rprivate,rbind"},
        {"type=volume,src=v1,dst=/a", MOUNT_VOLUME, "v1", "rw,rprivate,nosuid,nodev,rbind"},
        {"type=volume,dst=/a", MOUNT_VOLUME, "", "rw,rprivate,nosuid,nodev,rbind"},
        {"type=tmpfs,dst=/a", MOUNT_TMPFS, NULL, "rw,rprivate,nosuid,nodev"},
        {"type=tmpfs,dst=/a,tmpfs-size=1m,tmpfs-mode=700", MOUNT_TMPFS, NULL,
         "size=1m,mode=700,rw,rprivate,nosuid,nodev"},
        {"type=ramfs,dst=/a,tmpfs-mode=1777", MOUNT_RAMFS, NULL, "mode=1777,rw,rprivate,nosuid,nodev"},
        {"type=devpts,dst=/a,gid=5,mode=0620,max=10", MOUNT_DEVPTS, NULL, "gid=5,mode=0620,max=10"},
        {"type=image,src=bb:1,dst=/a", MOUNT_IMAGE, "bb:1", "ro,rprivate,rbind"},
        {"type=image,src=bb:1,dst=/a,rw=true", MOUNT_IMAGE, "bb:1", "rw,rprivate,rbind"},
        {"type=glob,src=/x/*.so,dst=/a", MOUNT_GLOB, "/x/*.so", "rw,rprivate,rbind"},
        {"type=glob,src=/x/../y/[ab],dst=/a,ro,bind-propagation=slave", MOUNT_GLOB, "/y/[ab]", "ro,slave,rbind"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct container_spec s;
        AUTO_FREE char *joined = NULL;
        container_spec_init(&s);
        expect_ok(spec_add_mount(&s, good[i].value), good[i].value);
        const struct mount_spec *m = &s.mounts[0];
        expect_ok(strv_join(&m->options, ",", &joined), "join");
        assert_string_equal(joined, good[i].options);
        assert_string_equal(m->target, "/a");
        assert_int_equal(m->type, good[i].type);
        assert_true(good[i].source ? m->source && strcmp(m->source, good[i].source) == 0 : !m->source);
        assert_int_equal(m->read_only, strv_contains(&m->options, "ro"));
        container_spec_done(&s);
    }
}

static void keys_become_members(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_mount(&s,
                             "type=volume,src=v,dst=/a,volume-opt=type=tmpfs,volume-opt=o=size=1,volume-driver=local,U,"
                             "subpath=x/y,nocopy,idmap=uids=0-1-2"),
              "volume");
    const struct mount_spec *m = &s.mounts[0];
    assert_int_equal(m->volume_options.count, 2);
    assert_string_equal(m->volume_options.items[1], "o=size=1");
    assert_string_equal(m->volume_driver, "local");
    assert_string_equal(m->subpath, "x/y");
    assert_string_equal(m->idmap, "uids=0-1-2");
    assert_true(m->chown && m->no_copy);
    expect_ok(spec_add_mount(&s, "type=tmpfs,dst=/b,notmpcopyup,chown=false"), "tmpfs");
    assert_false(s.mounts[1].tmpcopyup || s.mounts[1].chown);
    container_spec_done(&s);
}

static void relative_sources_become_absolute(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_mount(&s, "type=bind,src=rel,dst=/a"), "relative");
    assert_int_equal(s.mounts[0].source[0], '/');
    expect_ok(spec_add_volume(&s, "./rel:/b"), "relative");
    assert_string_equal(s.mounts[1].source, s.mounts[0].source);
    container_spec_done(&s);
}

static void bad_mounts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text;
    } bad[] = {
        {"", FORMAT},
        {"foo", FORMAT},
        {"type", FORMAT},
        {"dst=/a", FORMAT},
        {"src=v3,dst=/a", FORMAT},
        {"type=foo,dst=/a", "invalid filesystem type \"foo\""},
        {"type=bind", "must set volume destination"},
        {"type=bind,src=/tmp", "must set volume destination"},
        {"type=volume,src=v1", "must set volume destination"},
        {"type=tmpfs", "must set volume destination"},
        {"type=devpts", "must set volume destination"},
        {"type=bind,src=/tmp,dst=/a,foo", "foo: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,foo=bar", "foo: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,readwrite", "readwrite: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,size=1", "size: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,volume-opt=x=y", "volume-opt: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,nosuid=true", "nosuid: takes no argument: invalid mount option"},
        {"type=bind,src=/tmp,dst=rel", "invalid container path \"rel\", must be an absolute path"},
        {"type=bind,src=,dst=/a", "host directory cannot be empty" ARGUMENT},
        {"type=bind,src,dst=/a", "src" ARGUMENT},
        {"type=tmpfs,src=/x,dst=/a", "source is not supported with tmpfs mounts"},
        {"type=tmpfs,dst=/a,tmpfs-size", "tmpfs-size" ARGUMENT},
        {"type=tmpfs,dst=/a,tmpfs-size=foo", "invalid tmpfs size \"foo\": must be a number with k, m, g or %"},
        {"type=bind,src=/tmp,dst=/a,ro=foo",
         "'readonly', 'ro', or 'rw' must be set to true or false, instead received \"foo\"" ARGUMENT},
        {"type=bind,src=/tmp,dst=/a,ro=false,ro=true",
         "cannot pass 'readonly', 'ro', or 'rw' options more than once" ARGUMENT},
        {"type=bind,src=/tmp,dst=/a,bind-propagation=foo", "invalid option type \"foo\""},
        {"type=bind,src=/tmp,dst=/a,relabel=foo",
         "relabel mount option must be 'private' or 'shared': invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,U=foo",
         "'U' or 'chown' must be set to true or false, instead received \"foo\"" ARGUMENT},
        {"type=bind,src=/tmp,dst=/a,U=true,chown=false", "cannot pass 'U' or 'chown' option more than once" ARGUMENT},
        {"type=tmpfs,dst=/a,tmpcopyup,notmpcopyup",
         "cannot pass 'tmpcopyup' and 'notmpcopyup' options more than once" ARGUMENT},
        {"type=volume,dst=/a,foo=1", "foo: invalid mount option"},
        {"type=volume,dst=/a,volume-label=z", "the --volume-label option is not presently implemented"},
        {"type=volume,src=a/b,dst=/a",
         "creating named volume \"a/b\": running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: "
         "invalid argument"},
        {"type=image,dst=/a", "must set source and destination for image volume"},
        {"type=image,src=bb:1", "must set source and destination for image volume"},
        {"type=image,src=bb:1,dst=/a,foo", "foo: invalid mount option"},
        {"type=devpts,dst=/a,src=/b", "src: invalid mount option"},
        {"type=glob,dst=/a", "no file paths matching glob \"\""},
        {"type=glob,src=,dst=/a", "host directory cannot be empty" ARGUMENT},
        {"type=glob,src=/x,dst=/a,subpath=y", "subpath: invalid mount option"},
        {"type=artifact,dst=/a", "must set source and destination for artifact volume"},
        {"type=artifact,src=x:1", "must set source and destination for artifact volume"},
        {"type=artifact,src=x:1,dst=/a,rw", "rw: invalid mount option"},
        {"type=artifact,src=x:1,dst=/a,digest=sha256:1,title=t", "cannot specify both digest and title"},
        {"type=artifact,src=x:1,dst=/a,name=../b", "name=../b: not the name of a file: invalid mount option"},
        {"type=bind,src=/tmp,dst=/a,title=t", "title: invalid mount option"},
        {"type=devpts,dst=/a,gid=x", "gid=x: not a number: invalid mount option"},
        {"type=bind,src=/t\"x,dst=/a", "parse error on line 1, column 17: bare \" in non-quoted-field"},
        {"type=bind,\"src=/t", NULL},
        {"type=bind,\"src=/t\"x,dst=/a", NULL},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(spec_add_mount(&s, bad[i].value), bad[i].value, bad[i].text);
    assert_int_equal(s.n_mounts, 0);
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_becomes_a_mount),
        cmocka_unit_test(keys_become_members),
        cmocka_unit_test(relative_sources_become_absolute),
        cmocka_unit_test(bad_mounts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
