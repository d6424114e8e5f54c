/* Whole archives, compressed or not, unpacked as a layer and as an outer archive, into a directory beside one that must
 * not be touched. In a user and mount namespace of its own where the host allows: the target is on a tmpfs, and
 * whatever a find does, it does as nobody. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/layer/tar.h"
#include "engine/layer/unpack.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_BYTES ((uint64_t)16 << 20)
#define FUZZ_ENTRIES 10000

static int fuzz_top = -1;
static char fuzz_path[] = "/tmp/coracle-fuzz-XXXXXX";
static pid_t fuzz_pid;

static void fuzz_write(const char *path, const char *text)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        err_drop(fd_write_all(fd, text, strlen(text)));
}

/* One id: the archives' owners are ignored. */
static void fuzz_enter_namespaces(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return;
    fuzz_write("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof(map), "0 %u 1", uid);
    fuzz_write("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof(map), "0 %u 1", gid);
    fuzz_write("/proc/self/gid_map", map);
    (void)mount("tmpfs", fuzz_path, "tmpfs", MS_NOSUID | MS_NODEV, "size=256m");
}

static void fuzz_cleanup(void)
{
    if (getpid() != fuzz_pid)
        return;
    (void)umount2(fuzz_path, MNT_DETACH);
    (void)chdir("/");
    err_drop(file_remove_tree(AT_FDCWD, fuzz_path));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    tar_prepare();
    (void)umask(0);
    FUZZ_CHECK(mkdtemp(fuzz_path));
    fuzz_pid = getpid();
    fuzz_enter_namespaces();
    fuzz_top = open(fuzz_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FUZZ_CHECK(fuzz_top >= 0 && mkdirat(fuzz_top, "outside", 0755) == 0);
    FUZZ_CHECK(mknodat(fuzz_top, "outside/canary", S_IFREG | 0644, 0) == 0);
    FUZZ_CHECK(atexit(fuzz_cleanup) == 0);
    return 0;
}

/* Nothing was written, linked, removed or made there. */
static void fuzz_check_outside(void)
{
    struct stat st;
    uint64_t bytes = 0, inodes = 0;
    FUZZ_CHECK(fstatat(fuzz_top, "outside/canary", &st, AT_SYMLINK_NOFOLLOW) == 0);
    FUZZ_CHECK(st.st_mode == (S_IFREG | 0644) && st.st_nlink == 1 && st.st_size == 0);
    err_drop(file_tree_size(fuzz_top, "outside", &bytes, &inodes));
    FUZZ_CHECK(inodes == 1 && bytes == 0);
}

/* Only "target" and "outside" are at the top. */
static void fuzz_check_top(void)
{
    uint64_t bytes = 0, inodes = 0;
    struct err *e = file_tree_size(fuzz_top, ".", &bytes, &inodes);
    FUZZ_CHECK(!e && inodes == 2); /* outside, canary */
}

static void fuzz_unpack(int archive, int target, bool whiteouts)
{
    struct layer_result result;
    const struct layer_unpack_opts opts = {
        .archive_fd = archive,
        .target_dirfd = target,
        .format = whiteouts ? LAYER_OVERLAY : LAYER_WH,
        .single_id = true,
        .max_bytes = FUZZ_BYTES,
        .max_entries = FUZZ_ENTRIES,
    };
    err_drop(unpack_layer(&opts, &result));
}

/* Write the input. Where its size is whole blocks, the checksums of headers are put right: mutations would hardly ever
 * come past them otherwise. */
static void fuzz_write_archive(int fd, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += 512) {
        uint8_t block[512];
        unsigned sum = 8 * ' ';
        size_t len = size - at < sizeof(block) ? size - at : sizeof(block);
        memcpy(block, data + at, len);
        for (size_t i = 0; i < len; i++)
            sum += i >= 148 && i < 156 ? 0 : block[i];
        if (size % 512 == 0 && memcmp(block + 257, "ustar", 5) == 0)
            (void)snprintf((char *)block + 148, 8, "%06o", sum);
        struct err *e = fd_write_all(fd, block, len);
        FUZZ_CHECK(!e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FD int archive = memfd_create("archive", MFD_CLOEXEC);
    fuzz_write_archive(archive, data, size);
    for (int mode = 0; mode < 3; mode++) {
        FUZZ_CHECK(mkdirat(fuzz_top, "target", 0755) == 0);
        AUTO_FD int target = openat(fuzz_top, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FUZZ_CHECK(target >= 0 && lseek(archive, 0, SEEK_SET) == 0);
        if (mode == 2)
            err_drop(unpack_archive(archive, target, FUZZ_BYTES));
        else
            fuzz_unpack(archive, target, mode == 0);
        FUZZ_CHECK(chdir("/") == 0);
        fuzz_check_outside();
        struct err *e = file_remove_tree(fuzz_top, "target");
        FUZZ_CHECK(!e);
        fuzz_check_top();
    }
    return 0;
}
