/* Comparing two directory trees by what stat(2) says, as Docker's and Podman's `diff` do. Reads no file's content. */
#pragma once

#include <stddef.h>

#include "base/err.h"

enum tree_change_kind { TREE_CHANGED = 'C', TREE_ADDED = 'A', TREE_DELETED = 'D' };
struct tree_change {
    enum tree_change_kind kind;
    char *path; /* absolute inside the tree */
};
struct tree_changes {
    struct tree_change *items; /* sorted by path */
    size_t count, cap;
};
void tree_changes_done(struct tree_changes *c);
#define AUTO_TREE_CHANGES __attribute__((cleanup(tree_changes_done)))

/* What has to be done to `old_dirfd` to make it `new_dirfd`. A directory with changes inside is changed itself; what
 * is deleted is named without what was in it; an added directory with everything in it. ERR_NO_SPACE past 512 levels.
 */
struct err *tree_compare(int old_dirfd, int new_dirfd, struct tree_changes *ret) ERR_RESULT;
/* The same where the new tree is an upper directory of an overlay above `old_dirfd`: what is not in it is as it was,
 * and whiteouts delete. Looks at nothing that was not changed. */
struct err *tree_compare_upper(int old_dirfd, int upper_dirfd, struct tree_changes *ret) ERR_RESULT;
/* Without what every container gets anew (/dev, /etc/hosts …), which is no change of its own. mount.c. */
void tree_changes_leave_out(struct tree_changes *c);
