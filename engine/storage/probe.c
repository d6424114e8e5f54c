/* Does a driver work here? /proc/filesystems lists overlay only after its module was loaded, security modules and
 * seccomp filters refuse for reasons of their own, and file systems differ in what they can be used for: so it is
 * tried, with real directories below the root, in a child process with a mount namespace of its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/storage/driver.h"

static struct err *probe_file(int dir, const char *name)
{
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(errno, "create %s", name);
    TRY(fd_write_all(fd, name, strlen(name)));
    return NULL;
}

/* Two layers: layers/a with two files and a directory, layers/b with a file of its own. */
static struct err *probe_make(int top)
{
    static const char *const dirs[] = {"layers",        "layers/a",  "layers/b", "layers/a/diff", "layers/a/diff/dir",
                                       "layers/b/diff", "container", "mnt"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        if (mkdirat(top, dirs[i], 0755) < 0)
            return ERR_SYS(errno, "create %s", dirs[i]);
    }
    TRY(probe_file(top, "layers/a/diff/delete"));
    TRY(probe_file(top, "layers/a/diff/change"));
    TRY(probe_file(top, "layers/a/diff/dir/file"));
    return probe_file(top, "layers/b/diff/upper");
}

/* What containers do: read both layers, delete, write to a lower file, replace a directory (an opaque one). */
static struct err *probe_use(int top)
{
    AUTO_FD int mnt = -1;
    TRY(file_open_dir(top, "mnt", &mnt));
    if (!file_exists(mnt, "delete") || !file_exists(mnt, "upper"))
        return ERR_NEW(ERR_UNSUPPORTED, "layers do not show in the mounted root");
    if (unlinkat(mnt, "delete", 0) < 0)
        return ERR_SYS(errno, "delete a file of a layer");
    if (file_exists(mnt, "delete"))
        return ERR_NEW(ERR_UNSUPPORTED, "a deleted file of a layer is still there");
    TRY(probe_file(mnt, "change"));
    TRY(file_remove_tree(mnt, "dir"));
    if (mkdirat(mnt, "dir", 0755) < 0)
        return ERR_SYS(errno, "replace a directory of a layer");
    if (file_exists(mnt, "dir/file"))
        return ERR_NEW(ERR_UNSUPPORTED, "a replaced directory shows what the layer had in it");
    return NULL;
}

static struct err *probe_mount(const char *driver, const char *dir)
{
    AUTO_FREE char *layers = NULL, *container = NULL, *target = NULL;
    AUTO_FD int top = -1;
    char a[] = "a", b[] = "b";
    char *items[] = {a, b, NULL};
    TRY(path_join(&layers, dir, "layers"));
    TRY(path_join(&container, dir, "container"));
    TRY(path_join(&target, dir, "mnt"));
    if (unshare(CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "make a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return ERR_SYS(errno, "separate a mount namespace");
    const struct storage_mount m = {
        .driver = driver, .layers_dir = layers, .container_dir = container, .layers = {items, 2, 3}};
    TRY(storage_mount(&m, target));
    TRY(file_open_dir(AT_FDCWD, dir, &top));
    return probe_use(top);
}

/* In a child, whose mounts are gone when it is. The caller has one thread, so what follows fork is unrestricted. */
static struct err *probe_in_child(const char *driver, const char *dir)
{
    AUTO_FD int from = -1, to = -1;
    int fds[2], status;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    from = fds[0];
    to = fds[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "start a process");
    if (pid == 0) {
        struct err *e = probe_mount(driver, dir);
        err_drop(err_send(to, e));
        _exit(0);
    }
    to = fd_close(to);
    struct err *outcome = NULL;
    struct err *e = err_recv(from, &outcome);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return e ? e : outcome;
}

struct err *storage_probe(const char *driver, const char *root)
{
    const struct storage_driver *d = storage_driver_find(driver);
    if (!d)
        return ERR_NEW(ERR_INVALID, "unknown storage driver \"%s\"; there are overlay, fuse-overlay and copy", driver);
    AUTO_FREE char *dir = NULL;
    AUTO_FD int top = -1;
    TRY(mem_asprintf(&dir, "%s/.probe-XXXXXX", root));
    if (!mkdtemp(dir))
        return ERR_SYS(errno, "create a directory below %s", root);
    struct err *e = file_open_dir(AT_FDCWD, dir, &top);
    if (!e)
        e = probe_make(top);
    if (!e)
        e = probe_in_child(driver, dir);
    err_drop(file_remove_tree(AT_FDCWD, dir));
    return ERR_WRAP(e, "storage below %s", root);
}
