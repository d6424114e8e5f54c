/* A user and the two files of a hostile image, separated by NUL bytes: user, passwd, group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/user.h"
#include "tests/fuzz/fuzz.h"

/* Up to the next NUL byte or the end; *data moves behind it. */
static char *cut(const uint8_t **data, size_t *size)
{
    const uint8_t *nul = *size ? memchr(*data, '\0', *size) : NULL;
    size_t len = nul ? (size_t)(nul - *data) : *size;
    char *part = NULL;
    struct err *e = mem_strndup((const char *)*data, len, &part);
    FUZZ_CHECK(!e);
    *data += len + (nul != NULL);
    *size -= len + (nul != NULL);
    return part;
}

/* With the lines that were added, a numeric user and group have entries, so that nothing is added a second time. */
static void check_extended(const struct user_db *db, const char *user, const struct oci_user *u)
{
    const struct user_additions add = {.workdir = "/work"};
    struct user_db more = {0};
    AUTO_FREE char *passwd = NULL, *group = NULL;
    err_drop(user_db_extend(db, user, &add, &more.passwd, &more.group));
    struct user_db all = {.passwd = more.passwd ? more.passwd : db->passwd,
                          .group = more.group ? more.group : db->group};
    AUTO_OCI_USER struct oci_user again = {0};
    struct err *e = user_resolve(&all, user, NULL, &again);
    FUZZ_CHECK(!e && again.ct_uid == u->ct_uid && again.ct_gid == u->ct_gid);
    err_drop(user_db_extend(&all, user, &add, &passwd, &group));
    FUZZ_CHECK(!passwd && !group);
    user_db_done(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    AUTO_FREE char *user = cut(&data, &size);
    AUTO_USER_DB struct user_db db = {0};
    db.passwd = cut(&data, &size);
    db.group = cut(&data, &size);
    AUTO_STRV struct strv groups = STRV_INIT;
    err_drop(strv_split(user, ',', &groups));
    AUTO_OCI_USER struct oci_user u = {0}, added = {0};
    struct err *e = user_resolve(&db, user, NULL, &u);
    if (e) {
        FUZZ_CHECK(err_text(e)[0] != '\0');
        err_free(e);
    } else {
        FUZZ_CHECK(u.ct_uid <= USER_ID_MAX && u.ct_gid <= USER_ID_MAX && u.home && u.home[0]);
        check_extended(&db, user, &u);
    }
    err_drop(user_resolve(&db, "0", &groups, &added));
    return 0;
}
