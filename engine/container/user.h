/* Users and groups as a container's own /etc/passwd and /etc/group define them.
 *
 * The files belong to an image, so their content and what they are is hostile: they are opened inside the root only,
 * must be regular files, and are limited in size; ids are parsed strictly. Everything else here only computes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/container/oci.h"

#define USER_FILE_MAX ((size_t)8 << 20)
#define USER_ID_MAX (UINT32_MAX - 1) /* the kernel keeps the last one for "no id" */

void oci_user_done(struct oci_user *u);
#define AUTO_OCI_USER __attribute__((cleanup(oci_user_done)))
/* A supplementary group more, unless it is there. */
struct err *oci_user_add_group(struct oci_user *u, uint32_t gid) ERR_RESULT;

/* passwd(5) and group(5), as text. */
struct user_db {
    char *passwd, *group; /* owned, "" when missing */
};
void user_db_done(struct user_db *db);
#define AUTO_USER_DB __attribute__((cleanup(user_db_done)))
/* Of the root file system open at `rootfd`. Missing files are empty. */
struct err *user_db_read(int rootfd, struct user_db *ret) ERR_RESULT;

/* `user` is "", "user[:group]", each a name or a number; `group_add` names and numbers ("keep-groups" is skipped), or
 * NULL. Supplementary groups are those that list the user, unless a group was named. ERR_INVALID: `unable to find user
 * x: no matching entries in passwd file`. */
struct err *user_resolve(const struct user_db *db, const char *user, const struct strv *group_add,
                         struct oci_user *ret) ERR_RESULT;
/* user_db_read and user_resolve. */
struct err *user_lookup(int rootfd, const char *user, const struct strv *group_add, struct oci_user *ret) ERR_RESULT;

/* The name of id `id` in the text of either file; false: it has none. Cut to fit. */
bool user_db_name(const char *text, uint32_t id, char *ret, size_t cap);

/* Who runs coracle, for --userns keep-id: as outside. */
struct user_self {
    const char *name, *group, *home, *gecos; /* home: as it is to be inside */
    uint32_t ct_uid, ct_gid;
};
/* What the files get besides; all borrowed, all may be NULL. */
struct user_additions {
    const struct user_self *self; /* of keep-id */
    const char *workdir;          /* home of a numbered user */
    const char
        *entry; /* instead of Podman's line for either: --passwd-entry, with $USERNAME, $UID, $GID, $NAME, $HOME */
    const char *more;        /* lines of users of the host */
    const char *group_entry; /* instead of the line for a group: $GROUPNAME, $GID */
};
/* The files with what Podman adds: an entry for the user of keep-id, and one for a user or group given as a number that
 * has none; users whose names are there already are not added. *ret_x is NULL when nothing is added. */
struct err *user_db_extend(const struct user_db *db, const char *user, const struct user_additions *add,
                           char **ret_passwd, char **ret_group) ERR_RESULT;
