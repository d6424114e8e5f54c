/* Finding programs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/self.h"

#ifndef CORACLE_LIBEXECDIR /* meson sets it */
#define CORACLE_LIBEXECDIR "/usr/local/libexec/coracle"
#endif

/* What execvp(3) takes where PATH is unset, and where administrators' programs are. */
#define PROC_DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

/* A directory has execute permission too, so access(2) alone would not do. */
static bool proc_is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

struct err *proc_find(const char *name, char **ret)
{
    if (strchr(name, '/')) {
        if (!proc_is_program(name))
            return ERR_NEW(ERR_NOT_FOUND, "%s is not a program that can be run", name);
        return mem_strdup(name, ret);
    }
    const char *dir = getenv("PATH");
    if (!dir || !*dir)
        dir = PROC_DEFAULT_PATH;
    for (size_t len; *name; dir += len + 1) {
        /* dir is the list from here on, len the length of its first entry. */
        len = strcspn(dir, ":");
        AUTO_FREE char *path = NULL;
        TRY(mem_asprintf(&path, "%.*s/%s", (int)len, dir, name));
        /* Relative entries, the empty one included, would run what lies in the working directory. */
        if (*dir == '/' && proc_is_program(path)) {
            *ret = TAKE_PTR(path);
            return NULL;
        }
        if (dir[len] == '\0')
            break;
    }
    return ERR_NEW(ERR_NOT_FOUND, "program %s not found in PATH", name);
}

/* `dir`/`name` if it can be run, else NULL in *ret. */
static struct err *proc_try_helper(const char *dir, const char *name, char **ret)
{
    AUTO_FREE char *path = NULL;
    TRY(path_join(&path, dir, name));
    *ret = proc_is_program(path) ? TAKE_PTR(path) : NULL;
    return NULL;
}

/* The directory of this executable; *ret stays NULL where nothing tells. */
static struct err *proc_own_dir(char **ret)
{
    char *path = NULL;
    struct err *e = self_path(&path);
    if (e && err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    if (path)
        strrchr(path, '/')[1] = '\0';
    *ret = path;
    return NULL;
}

struct err *proc_find_helper(const char *name, char **ret)
{
    AUTO_FREE char *own = NULL;
    TRY(proc_own_dir(&own));
    /* The variable first, for tests; never obeyed in a set-user-id program (secure_getenv(3)). Then beside ourselves,
     * for the build tree and relocated installations. */
    const char *dirs[] = {
        secure_getenv("CORACLE_LIBEXECDIR"),
        own,
        CORACLE_LIBEXECDIR,
    };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        char *path = NULL;
        if (!dirs[i] || !*dirs[i])
            continue;
        TRY(proc_try_helper(dirs[i], name, &path));
        if (path) {
            *ret = path;
            return NULL;
        }
    }
    return ERR_NEW(ERR_NOT_FOUND, "helper program %s not found, neither beside this program nor in %s", name,
                   CORACLE_LIBEXECDIR);
}
