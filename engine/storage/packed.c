#include "engine/storage/packed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/storage/driver.h"

#define FUSE_MAGIC 0x65735546 /* statfs(2) */
#define PACKED_FILE 3         /* in coracle-packed */

static struct err *packed_start(int file, const char *target)
{
    AUTO_FREE char *program = NULL, *to = NULL;
    TRY(proc_find_helper("coracle-packed", &program));
    TRY(mem_strdup(target, &to));
    char name[] = "coracle-packed";
    char *const argv[] = {name, to, NULL};
    const struct proc_fd fds[] = {{.from = file, .to = PACKED_FILE}};
    const struct proc_opts opts = {
        .path = program,
        .argv = argv,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .default_signals = true,
    };
    return storage_start_server(&opts);
}

/* A process that was killed leaves a mount that only says ENOTCONN. */
static bool packed_serves(const char *root)
{
    struct statfs fs;
    struct stat st;
    if (statfs(root, &fs) == 0)
        return fs.f_type == FUSE_MAGIC && stat(root, &st) == 0;
    if (errno == ENOTCONN)
        (void)umount2(root, MNT_DETACH);
    return false;
}

struct err *storage_packed(const char *dir, const char *path, char **ret_path)
{
    struct stat st;
    AUTO_FREE char *place = NULL, *root = NULL;
    AUTO_FD int lock = -1;
    AUTO_FD int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &st) < 0)
        return ERR_SYS(errno, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "%s is no file", path);
    TRY(mem_asprintf(&place, "%s/%llx-%llx-%llx-%llx.%lx", dir, (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino, (unsigned long long)st.st_size, (unsigned long long)st.st_mtime,
                     (unsigned long)st.st_mtim.tv_nsec));
    TRY(mem_asprintf(&root, "%s/root", place));
    TRY(file_mkdirs(root, 0755));
    TRY(file_open_locked(AT_FDCWD, place, true, true, &lock));
    if (!packed_serves(root))
        TRY_WRAP(packed_start(file, root), "mount the packed image %s", path);
    *ret_path = TAKE_PTR(root);
    return NULL;
}

struct err *storage_packed_hold(const char *dir, int *ret_fd)
{
    AUTO_FD int fd = -1;
    TRY(file_mkdirs(dir, 0755));
    TRY(file_open_locked(AT_FDCWD, dir, false, true, &fd));
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

void storage_packed_sweep(const char *dir)
{
    AUTO_FD int lock = -1;
    const struct dirent *entry;
    struct err *e = file_exists(AT_FDCWD, dir) ? file_open_locked(AT_FDCWD, dir, true, false, &lock) : NULL;
    err_drop(e); /* held: whoever ends last sweeps */
    DIR *d = lock < 0 ? NULL : opendir(dir);
    while (d && (entry = readdir(d))) {
        AUTO_FREE char *root = NULL;
        if (entry->d_name[0] == '.')
            continue;
        e = mem_asprintf(&root, "%s/%s/root", dir, entry->d_name);
        if (e) {
            err_drop(e);
            break;
        }
        (void)umount2(root, MNT_DETACH);
        (void)rmdir(root);
        *strrchr(root, '/') = '\0';
        (void)rmdir(root);
    }
    if (d)
        (void)closedir(d);
}
