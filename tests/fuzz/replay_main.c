/* Runs a fuzz target over files and directories of files, in any build: old finds stay found. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strv.h"
#include "tests/fuzz/fuzz.h"

#define REPLAY_MAX ((size_t)64 << 20)

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct err *replay_file(int dirfd, const char *name)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE uint8_t *exact = NULL; /* without the NUL behind it, so that a sanitizer sees one byte too many */
    size_t len = 0;
    TRY(file_read(dirfd, name, REPLAY_MAX, &text, &len));
    exact = mem_alloc(len);
    if (!exact)
        return err_oom();
    memcpy(exact, text, len);
    (void)printf("%s: %zu bytes\n", name, len);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, len);
    return NULL;
}

static struct err *replay_list(const char *path, struct strv *ret)
{
    DIR *dir = opendir(path);
    struct err *e = NULL;
    if (!dir)
        return ERR_NEW(ERR_NOT_FOUND, "cannot read directory %s", path);
    for (const struct dirent *d; !e && (d = readdir(dir));) {
        if (d->d_name[0] != '.')
            e = strv_add(ret, d->d_name);
    }
    (void)closedir(dir);
    strv_sort(ret);
    return e;
}

static struct err *replay_directory(const char *path)
{
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(replay_list(path, &names));
    if (!names.count)
        return ERR_NEW(ERR_NOT_FOUND, "no inputs in %s", path);
    for (size_t i = 0; i < names.count; i++)
        TRY(replay_file(fd, names.items[i]));
    return NULL;
}

static struct err *replay(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)fd_close(fd);
    return fd >= 0 ? replay_directory(path) : replay_file(AT_FDCWD, path);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        AUTO_ERR struct err *e = replay(argv[i]);
        if (e) {
            (void)fprintf(stderr, "%s\n", err_text(e));
            return 1;
        }
    }
    return argc > 1 ? 0 : 1;
}
