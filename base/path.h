/* Paths as strings, and opening paths inside a root that is hostile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* "a" + "b" with exactly one slash; an absolute `b` is appended all the same. An empty `a` gives `b` itself, an empty
 * `b` gives `a` without its trailing slashes. */
struct err *path_join(char **ret, const char *a, const char *b) ERR_RESULT;
/* Lexically clean: no "//", ".", ".." (as far as they can go), no trailing slash. "" becomes ".". */
struct err *path_clean(const char *path, char **ret) ERR_RESULT;
/* Absolute and clean, relative to the working directory; does not resolve links. */
struct err *path_absolute(const char *path, char **ret) ERR_RESULT;
/* Last component of a clean path, borrowed: what is behind the last slash. */
const char *path_last(const char *path);
/* True when `path` is `dir` or below it; both clean and absolute. */
bool path_is_below(const char *path, const char *dir);

/* Open `path` inside the directory `rootfd` as if that were "/": ".." and absolute links stay inside, magic links are
 * refused. openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), and where that system call is blocked a walk by
 * components. The one function by which anything is opened in a container's root. Errors: ERR_NOT_FOUND, ERR_DENIED,
 * ERR_INVALID (not a directory, loop). */
struct err *path_open_in_root(int rootfd, const char *path, int flags, mode_t mode, int *ret) ERR_RESULT;
/* Make the directories of `path` inside the root, as needed, and open the last one with O_PATH. Those on the way get
 * 0755 and the last one `mode`, whatever the umask; what exists stays as it is. A dangling link on the way gets its
 * target made, inside the root. */
struct err *path_mkdir_in_root(int rootfd, const char *path, mode_t mode, int *ret) ERR_RESULT;
