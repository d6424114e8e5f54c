#include "rootless/session_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "rootless/session.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
/* PROC_PID_INIT_INO of linux/proc_ns.h: the number of the machine's own pid namespace. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

void session_place_done(struct session_place *p)
{
    free(p->root);
    free(p->dir);
    free(p->boot_id);
    *p = (struct session_place){0};
}

/* An absolute path from the environment; the XDG specification says that others are ignored. */
static const char *place_env(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

/* cron and su may leave HOME out: then, and only then, the user database is asked (it loads NSS). */
static struct err *place_home(const char **ret)
{
    const char *home = place_env("HOME");
    if (!home) {
        errno = 0;
        const struct passwd *pw = getpwuid(getuid());
        home = pw ? pw->pw_dir : NULL;
    }
    if (!home || home[0] != '/')
        return ERR_NEW(ERR_NOT_FOUND,
                       "user %u has no home directory; name a data directory with --root or CORACLE_ROOT", getuid());
    *ret = home;
    return NULL;
}

struct err *session_default_root(char **ret)
{
    const char *home = NULL;
    const char *root = getenv("CORACLE_ROOT");
    if (root && *root)
        return path_absolute(root, ret);
    const char *own = getenv("CORACLE_HOME");
    if (own && *own) {
        AUTO_FREE char *dir = NULL;
        TRY(path_absolute(own, &dir));
        return path_join(ret, dir, "storage");
    }
    if (geteuid() == 0 && access("/var/lib", W_OK) == 0) /* not as the root of a user's namespace */
        return mem_strdup("/var/lib/coracle", ret);
    const char *data = place_env("XDG_DATA_HOME");
    if (data)
        return path_join(ret, data, "coracle");
    TRY(place_home(&home));
    return path_join(ret, home, ".local/share/coracle");
}

/* Processes of two containers on one machine see the same boot id, maybe even the same data directory, but can't share
 * a session: their process ids and files differ. */
static struct err *place_boot_id(char **ret)
{
    char id[40] = "";
    struct stat st;
    AUTO_FD int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, id, sizeof(id) - 1);
    id[n > 0 ? n : 0] = '\0';
    id[strspn(id, "0123456789abcdef-")] = '\0';
    const char *name = *id ? id : "unknown-boot"; /* a masked /proc: a lock that is free still tells the truth */
    if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == FIRST_PID_NAMESPACE)
        return mem_strdup(name, ret);
    return mem_asprintf(ret, "%s.%llu", name, (unsigned long long)st.st_ino);
}

struct err *session_place_find(const struct session_opts *opts, struct session_place *ret)
{
    AUTO_PLACE struct session_place p = {0};
    AUTO_FREE char *run = NULL;
    if (opts->root)
        TRY(path_absolute(opts->root, &p.root));
    else
        TRY(session_default_root(&p.root));
    TRY(place_boot_id(&p.boot_id));
    if (opts->runroot)
        TRY(path_absolute(opts->runroot, &run));
    else
        TRY(path_join(&run, p.root, "run"));
    TRY(path_join(&p.dir, run, p.boot_id));
    *ret = p;
    p = (struct session_place){0};
    return NULL;
}

/* FNV-1a of the path: a name for it, not a secret; the directory is checked. */
static uint64_t place_hash(const char *s)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 0x100000001b3u;
    return hash;
}

struct err *session_place_fallbacks(const struct session_place *p, struct strv *ret)
{
    AUTO_STRV struct strv dirs = STRV_INIT;
    AUTO_FREE char *pointer = NULL;
    AUTO_FREE char *where = NULL;
    unsigned long long hash = place_hash(p->dir);
    TRY(path_join(&pointer, p->dir, "elsewhere"));
    struct err *e = file_read(AT_FDCWD, pointer, 4096, &where, NULL);
    if (!e && where[0] == '/')
        TRY(strv_add(&dirs, where));
    err_drop(e);
    const char *runtime = place_env("XDG_RUNTIME_DIR");
    if (runtime)
        TRY(strv_addf(&dirs, "%s/coracle-%016llx", runtime, hash));
    TRY(strv_addf(&dirs, "/tmp/coracle-%u-%016llx", geteuid(), hash));
    *ret = dirs;
    dirs = (struct strv)STRV_INIT;
    return NULL;
}

/* Root's session belongs, as its data directory does, to an id that is root inside only. */
static bool dir_owner_is_right(const struct session_place *p, uid_t owner)
{
    struct stat root;
    if (owner == geteuid())
        return true;
    return geteuid() == 0 && stat(p->root, &root) == 0 && root.st_uid == owner;
}

struct err *session_dir_open(const struct session_place *p, const char *dir, int *ret)
{
    struct stat st;
    AUTO_FD int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR)
        return ERR_SYS_AS(ERR_NOT_FOUND, ENOTDIR, "open session directory %s", dir);
    if (fd < 0)
        return ERR_SYS(errno, "open session directory %s", dir);
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "look at session directory %s", dir);
    if (!dir_owner_is_right(p, st.st_uid))
        return ERR_NEW(ERR_DENIED, "session directory %s belongs to uid %u, not to this user", dir, st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return ERR_NEW(ERR_DENIED, "session directory %s can be written by others (chmod 700 it)", dir);
    *ret = TAKE_FD(fd);
    return NULL;
}
