/* Paths as strings. What opens them inside a root is in path_root.c and path_walk.c. */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

struct err *path_join(char **ret, const char *a, const char *b)
{
    size_t a_len = strlen(a);
    /* "/" + b would turn a relative path into an absolute one. */
    if (a_len == 0)
        return mem_strdup(b, ret);
    while (a_len > 0 && a[a_len - 1] == '/')
        a_len--;
    /* So "/etc" below "/rootfs" is "/rootfs/etc": what callers with paths of a container mean. */
    b += strspn(b, "/");
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_add(&sb, a, a_len));
    if (*b || a_len == 0)
        TRY(strbuf_putc(&sb, '/'));
    TRY(strbuf_puts(&sb, b));
    return strbuf_take(&sb, ret);
}

/* Remove the last component of a clean path under construction; false where it has none that could go. */
static bool path_pop(struct strbuf *sb, bool absolute)
{
    size_t root = absolute ? 1 : 0;
    if (sb->len <= root)
        return absolute; /* "/.." is "/" */
    size_t at = sb->len;
    while (at > root && sb->data[at - 1] != '/')
        at--;
    if (strcmp(sb->data + at, "..") == 0)
        return false;
    strbuf_truncate(sb, at > root ? at - 1 : root);
    return true;
}

/* Add a component behind exactly one slash. */
static struct err *path_push(struct strbuf *sb, const char *name, size_t len)
{
    if (sb->len && sb->data[sb->len - 1] != '/')
        TRY(strbuf_putc(sb, '/'));
    return strbuf_add(sb, name, len);
}

struct err *path_clean(const char *path, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    bool absolute = *path == '/';
    if (absolute)
        TRY(strbuf_putc(&sb, '/'));
    /* The rules of Go's path.Clean, whose results Podman stores and prints. */
    for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
        size_t len = strcspn(path, "/");
        bool dot = len == 1 && path[0] == '.';
        bool dot_dot = len == 2 && path[0] == '.' && path[1] == '.';
        if (!dot && !(dot_dot && path_pop(&sb, absolute)))
            TRY(path_push(&sb, path, len));
        path += len;
    }
    if (sb.len == 0)
        TRY(strbuf_putc(&sb, '.'));
    return strbuf_take(&sb, ret);
}

struct err *path_absolute(const char *path, char **ret)
{
    if (*path == '/')
        return path_clean(path, ret);
    char cwd[PATH_MAX];
    if (!getcwd(cwd, sizeof(cwd)))
        return ERR_SYS(errno, "find the working directory");
    /* Where the directory is not below our root, Linux answers "(unreachable)/…" (getcwd(2)). */
    if (cwd[0] != '/')
        return ERR_NEW(ERR_NOT_FOUND, "the working directory cannot be reached from the root directory");
    AUTO_FREE char *joined = NULL;
    TRY(path_join(&joined, cwd, path));
    return path_clean(joined, ret);
}

const char *path_last(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_below(const char *path, const char *dir)
{
    /* The byte behind the prefix decides: "/ab" is not below "/a". */
    size_t len = strlen(dir);
    if (len == 1 && dir[0] == '/')
        return path[0] == '/';
    return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
