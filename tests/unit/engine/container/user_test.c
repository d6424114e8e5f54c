/* Users and groups of hostile and of ordinary images. */
#include "tests/unit/engine/container/expect.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/container/user.h"
#include "tests/unit/base/tempdir.h"

static struct user_db db = {
    .passwd = (char[]){"# comment\n"
                       "root:x:0:0:root:/root:/bin/sh\n"
                       "broken\n"
                       "minus:x:-1:0::/m:/bin/sh\n"
                       "huge:x:4294967295:0::/h:/bin/sh\n"
                       "space:x: 5:0::/s:/bin/sh\n"
                       "u:x:1000:1000:U:/home/u:/bin/sh\n"
                       "1001:x:2000:2001::/named:/bin/sh\n"
                       "nohome:x:1002:1002:::\n"
                       "other:x:1000:7::/second:/bin/sh\n"
                       "short:x:6:6\n"
                       "last:x:3000:3000::/last:/bin/sh"},
    .group = (char[]){"root:x:0:\nu:x:1000:\nextra:x:77:a,u,b\nnotme:x:78:au,ub,u u\nfirst:x:79:u\nbad:x:-5:u\n"
                      "again:x:77:u\nnomembers:x:80\n"},
};

static void expect_user(const char *text, uint32_t uid, uint32_t gid, const char *home, const char *groups)
{
    AUTO_OCI_USER struct oci_user u = {0};
    expect_ok(user_resolve(&db, text, NULL, &u), text);
    assert_int_equal(u.ct_uid, uid);
    assert_int_equal(u.ct_gid, gid);
    assert_string_equal(u.home, home);
    AUTO_STRV struct strv list = STRV_INIT;
    AUTO_FREE char *joined = NULL;
    for (size_t i = 0; i < u.n_groups; i++)
        expect_ok(strv_addf(&list, "%u", u.groups[i]), "list");
    expect_ok(strv_join(&list, ",", &joined), "join");
    assert_string_equal(joined, groups);
}

static void users_are_found(void **state)
{
    (void)state;
    expect_user("", 0, 0, "/root", "");
    expect_user(":", 0, 0, "/root", "0");
    expect_user("root", 0, 0, "/root", "0");
    expect_user("u", 1000, 1000, "/home/u", "1000,77,79");
    expect_user("u:", 1000, 1000, "/home/u", "1000,77,79");
    expect_user("1000", 1000, 1000, "/home/u", "1000,77,79");
    expect_user("u:extra", 1000, 77, "/home/u", "77");
    expect_user("u:5", 1000, 5, "/home/u", "5");
    expect_user(":5", 0, 5, "/root", "5");
    expect_user("5", 5, 0, "/", "0");
    expect_user("1234:77", 1234, 77, "/", "77");
    expect_user("nohome", 1002, 1002, "/", "1002");
    expect_user("last", 3000, 3000, "/last", "3000");
    expect_user("4294967294", 4294967294u, 0, "/", "0");
    /* A name of digits is a name first, as everywhere. */
    expect_user("1001", 2000, 2001, "/named", "2001");
}

static void users_are_refused(void **state)
{
    (void)state;
#define RANGE "uids and gids must be in range 0-4294967294"
#define NO_USER(name) "unable to find user " name ": no matching entries in passwd file"
    static const struct {
        const char *value, *text;
    } bad[] = {
        {"nouser", NO_USER("nouser")},
        {"u ", NO_USER("u ")},
        {"0x5", NO_USER("0x5")},
        {"+5", NO_USER("+5")},
        {"1.5", NO_USER("1.5")},
        {"broken", NO_USER("broken")},
        {"minus", NO_USER("minus")},
        {"huge", NO_USER("huge")},
        {"short", NO_USER("short")},
        {"space", NO_USER("space")},
        {"# comment", NO_USER("# comment")},
        {"-1", RANGE},
        {"4294967295", RANGE},
        {"4294967296", RANGE},
        {"99999999999999999999999", RANGE},
        {"u:nogroup", "unable to find group nogroup: no matching entries in group file"},
        {"u:4294967295", RANGE},
        {"5:u:", "unable to find group u:: no matching entries in group file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_OCI_USER struct oci_user u = {0};
        expect_invalid(user_resolve(&db, bad[i].value, NULL, &u), bad[i].value, bad[i].text);
    }
}

static void groups_are_added(void **state)
{
    (void)state;
    AUTO_STRV struct strv add = STRV_INIT;
    AUTO_OCI_USER struct oci_user u = {0};
    expect_ok(strv_split("5,extra,keep-groups,5", ',', &add), "list");
    expect_ok(user_resolve(&db, "u:5", &add, &u), "groups");
    assert_int_equal(u.n_groups, 2);
    assert_int_equal(u.groups[0], 5);
    assert_int_equal(u.groups[1], 77);
    expect_ok(strv_add(&add, "nogrp"), "add");
    struct oci_user none = {0};
    expect_invalid(user_resolve(&db, "", &add, &none), "nogrp",
                   "looking up supplemental groups: unable to find group nogrp: no matching entries in group file");
}

static void expect_added(const char *user, const struct user_self *self, const char *passwd, const char *group)
{
    struct user_db small = {.passwd = (char[]){"root:x:0:0:root:/root:/bin/sh"}, .group = (char[]){"root:x:0:\n"}};
    AUTO_FREE char *p = NULL, *g = NULL;
    const struct user_additions add = {.self = self, .workdir = "/work"};
    expect_ok(user_db_extend(&small, user, &add, &p, &g), user);
    assert_true(passwd ? p && strcmp(p + strlen(small.passwd), passwd) == 0 : !p);
    assert_true(group ? g && strcmp(g + strlen(small.group), group) == 0 : !g);
}

static void missing_entries_are_made(void **state)
{
    (void)state;
    const struct user_self self = {.name = "jo", .group = "jog", .home = "/home/jo", .ct_uid = 1001, .ct_gid = 1002};
    const struct user_self hostile = {.name = "a:0:0\nb", .group = "x\ny:0", .ct_uid = 7, .ct_gid = 7};
    expect_added("", NULL, NULL, NULL);
    expect_added("0", NULL, NULL, NULL);
    expect_added("root", NULL, NULL, NULL);
    expect_added("5", NULL, "\n5:*:5:0:container user:/work:/bin/sh\n", NULL);
    expect_added("5:6", NULL, "\n5:*:5:6:container user:/work:/bin/sh\n", "6:x:6:5\n");
    expect_added("", &self, "\njo:*:1001:1002:jo:/home/jo:/bin/sh\n", "jog:x:1002:jo\n");
    expect_added("1001:1002", &self, "\njo:*:1001:1002:jo:/home/jo:/bin/sh\n", "jog:x:1002:jo\n");
    expect_added("", &hostile, NULL, NULL);
}

static void entries_are_made_as_asked_for(void **state)
{
    (void)state;
    struct user_db small = {.passwd = (char[]){""}, .group = (char[]){""}};
    AUTO_FREE char *p = NULL, *g = NULL;
    const struct user_additions add = {
        .workdir = "/work", .entry = "u$UID:$GID:$HOME", .group_entry = "$GROUPNAME-$GID-$USERLIST$"};
    expect_ok(user_db_extend(&small, "5:6", &add, &p, &g), "5:6");
    assert_string_equal(p, "u5:6:/work\n");
    assert_string_equal(g, "6-6-5$\n");
}

/* Everything but a regular file of a sensible size is refused, and links never leave the root. */
static void files_of_a_hostile_root(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int root = -1;
    AUTO_USER_DB struct user_db got = {0};
    expect_ok(file_open_dir(AT_FDCWD, t->path, &root), "open");
    expect_ok(user_db_read(root, &got), "nothing there");
    assert_string_equal(got.passwd, "");
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    user_db_done(&got);

    assert_int_equal(symlinkat("/etc/passwd", root, "etc/group"), 0);
    expect_ok(file_write_atomic(root, "etc/passwd", "root:x:0:0::/:\n", 15, 0644, FILE_NOSYNC), "write");
    expect_ok(user_db_read(root, &got), "a link inside");
    assert_string_equal(got.group, "root:x:0:0::/:\n");
    user_db_done(&got);

    assert_int_equal(unlinkat(root, "etc/group", 0), 0);
    assert_int_equal(symlinkat("../../../../../../../../etc/hostname", root, "etc/group"), 0);
    expect_ok(user_db_read(root, &got), "a link outside");
    assert_string_equal(got.group, "");
    user_db_done(&got);

    assert_int_equal(unlinkat(root, "etc/group", 0), 0);
    assert_int_equal(mkfifoat(root, "etc/group", 0644), 0);
    expect_invalid(user_db_read(root, &got), "a FIFO", "the container's /etc/group: not a regular file");

    assert_int_equal(unlinkat(root, "etc/group", 0), 0);
    AUTO_FD int big = openat(root, "etc/group", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(big, (off_t)USER_FILE_MAX + 1), 0);
    struct err *e = user_db_read(root, &got);
    assert_non_null(e);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found),
        cmocka_unit_test(users_are_refused),
        cmocka_unit_test(groups_are_added),
        cmocka_unit_test(missing_entries_are_made),
        cmocka_unit_test(entries_are_made_as_asked_for),
        cmocka_unit_test_setup_teardown(files_of_a_hostile_root, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
