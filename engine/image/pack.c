#include "engine/image/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/image/internal.h"
#include "engine/image/mount.h"
#include "engine/image/outside.h"
#include "engine/image/packdoc.h"
#include "engine/image/reference.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

#define PACK_IMAGES "images"
#define PACK_BLOCK "131072" /* what FUSE reads ahead at once */
#define PACK_ALIGN 4096
#define PACK_ID_MIN 4 /* digits of an id that an image is removed by */

/* --- the document */

static struct err *describe(struct engine *e, const struct image *i, struct packdoc *d)
{
    d->size_bytes = i->size_bytes;
    TRY(mem_strdup(i->media_type, &d->media_type));
    TRY(mem_strdup(i->digest, &d->digest));
    TRY(strv_copy(&i->names, &d->names));
    TRY(image_read_manifest_text(e, i, &d->manifest));
    return image_read_config_text(e, i, &d->config);
}

static struct err *document(struct engine *e, const struct image *i, char **ret)
{
    AUTO_PACKDOC struct packdoc d = {0};
    TRY(describe(e, i, &d));
    return packdoc_text(&d, ret);
}

/* --- the file */

static const struct compression {
    const char *name;
    const char *const *options; /* of mksquashfs */
    const char *level;          /* its option for that, or NULL */
} compressions[] = {
    {"zstd", (const char *const[]){"-comp", "zstd", NULL}, "-Xcompression-level"},
    {"lz4", (const char *const[]){"-comp", "lz4", NULL}, NULL},
    {"gzip", (const char *const[]){"-comp", "gzip", NULL}, "-Xcompression-level"},
    {"xz", (const char *const[]){"-comp", "xz", NULL}, NULL},
    {"none", (const char *const[]){"-noI", "-noId", "-noD", "-noF", "-noX", NULL}, NULL},
};
#define PACK_ZSTD_LEVEL 6 /* mksquashfs would take 15, which is slow and hardly smaller */

static struct err *add_compression(struct strv *argv, const struct image_pack_opts *o)
{
    const char *name = o->compression ? o->compression : compressions[0].name;
    for (size_t i = 0; i < ARRAY_LEN(compressions); i++) {
        const struct compression *c = &compressions[i];
        if (strcmp(c->name, name) != 0)
            continue;
        int level = o->level ? o->level : i == 0 ? PACK_ZSTD_LEVEL : 0;
        if (o->level && !c->level)
            return ERR_NEW(ERR_INVALID, "compression %s has no levels", name);
        for (size_t k = 0; c->options[k]; k++)
            TRY(strv_add(argv, c->options[k]));
        if (level)
            TRY(strv_add(argv, c->level));
        return level ? strv_addf(argv, "%d", level) : NULL;
    }
    return ERR_NEW(ERR_INVALID, "unknown compression '%s': there are zstd, lz4, gzip, xz, none", name);
}

/* The tree `from`, with its ids as they are in this user namespace: the image's. */
static struct err *run_mksquashfs(const char *from, const char *to, const struct image_pack_opts *o)
{
    AUTO_FREE char *program = NULL, *said = NULL;
    AUTO_STRV struct strv argv = STRV_INIT;
    struct err *e = proc_find("mksquashfs", &program);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return ERR_NEW(ERR_NOT_FOUND, "mksquashfs is needed to pack images (Debian: squashfs-tools)");
    }
    TRY(e);
    TRY(strv_add(&argv, "mksquashfs"));
    TRY(strv_add(&argv, from));
    TRY(strv_add(&argv, to));
    static const char *const options[] = {"-noappend", "-quiet", "-no-progress", "-no-recovery", "-b", PACK_BLOCK};
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        TRY(strv_add(&argv, options[i]));
    TRY(add_compression(&argv, o));
    const struct proc_opts opts = {.path = program, .argv = argv.items, .default_signals = true};
    return proc_output(&opts, 65536, &said);
}

static struct err *append_document(int fd, const char *text)
{
    char tail[PACKDOC_TAIL_LEN];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "look at the packed image");
    off_t at = (st.st_size + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    const struct packdoc_tail t = {
        .offset = (uint64_t)at, .len = strlen(text), .digest = digest_of(text, strlen(text))};
    TRY(packdoc_tail_text(&t, tail));
    if (t.len > PACKDOC_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "the image's documents are too long");
    if (lseek(fd, at, SEEK_SET) < 0)
        return ERR_SYS(errno, "write the packed image");
    TRY(fd_write_all(fd, text, strlen(text)));
    TRY(fd_write_all(fd, tail, sizeof(tail)));
    return fsync(fd) < 0 ? ERR_SYS(errno, "write the packed image") : NULL;
}

/* `tmp` beside `path`; removed by the caller when this fails. */
static struct err *write_packed(struct engine *e, const struct image *i, const char *tmp, const char *path,
                                const struct image_pack_opts *o)
{
    AUTO_FREE char *files = NULL, *text = NULL;
    TRY(document(e, i, &text));
    TRY(image_mount_private(e, i, &files));
    TRY_WRAP(run_mksquashfs(files, tmp, o), "pack image %.12s", i->id);
    AUTO_FD int fd = open(tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", tmp);
    TRY(append_document(fd, text));
    mode_t mask = umask(0);
    (void)umask(mask);
    if (fchmod(fd, 0666 & ~mask) < 0)
        return ERR_SYS(errno, "set the mode of %s", tmp);
    return rename(tmp, path) < 0 ? ERR_SYS(errno, "move the packed image to %s", path) : NULL;
}

static struct err *pack(struct engine *e, const struct image *i, const char *path, const struct image_pack_opts *o)
{
    struct ident id;
    AUTO_FREE char *absolute = NULL, *tmp = NULL;
    struct stat st;
    if (i->is_list)
        return ERR_NEW(ERR_INVALID, "a manifest list has no files");
    TRY(path_absolute(path, &absolute));
    if (lstat(absolute, &st) == 0 && !S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "%s is there already, and no file", path);
    TRY(ident_random(&id));
    TRY(mem_asprintf(&tmp, "%s.%.8s", absolute, id.s));
    struct err *err = write_packed(e, i, tmp, absolute, o);
    if (err)
        (void)unlink(tmp);
    return err;
}

struct err *image_pack(struct engine *e, const char *name, const char *path, const struct image_pack_opts *opts)
{
    AUTO_IMAGE struct image *i = NULL;
    TRY(image_find(e, name, &i));
    return pack(e, i, path, opts);
}

/* --- stores */

static bool all_mine(uid_t *uid, gid_t *gid, void *arg)
{
    (void)arg;
    *uid = *gid = 0;
    return true;
}

/* Everybody may read what is there, and enter directories; nothing is set-id, since owners are not kept. */
static struct err *open_for_all(int dirfd)
{
    AUTO_FREE char *program = NULL, *said = NULL;
    char name[] = "chmod", how[] = "u+rwX,go+rX,go-w,ug-s", recurse[] = "-R";
    char place[64];
    char *const argv[] = {name, recurse, how, place, NULL};
    const struct proc_fd fds[] = {{.from = dirfd, .to = 3}};
    (void)snprintf(place, sizeof(place), "/proc/self/fd/3/");
    TRY(proc_find(name, &program));
    const struct proc_opts opts = {.path = program, .argv = argv, .fds = fds, .n_fds = 1, .default_signals = true};
    return proc_output(&opts, 4096, &said);
}

static struct err *write_unpacked(struct engine *e, const struct image *i, int dirfd)
{
    AUTO_FREE char *files = NULL, *text = NULL;
    AUTO_FD int from = -1, to = -1;
    TRY(document(e, i, &text));
    TRY(image_mount_private(e, i, &files));
    TRY(file_open_dir(AT_FDCWD, files, &from));
    if (mkdirat(dirfd, "rootfs", 0755) < 0)
        return ERR_SYS(errno, "create rootfs");
    TRY(file_open_dir(dirfd, "rootfs", &to));
    TRY(file_copy_tree_owned(from, to, all_mine, NULL));
    TRY(open_for_all(to));
    return file_write_atomic(dirfd, OUTSIDE_DOCUMENT, text, strlen(text), 0644, FILE_SYNC);
}

/* A directory of a name that nobody has, then a rename; what was there under the name goes. */
static struct err *unpack(struct engine *e, const struct image *i, int images, const char *name)
{
    struct ident id;
    AUTO_FREE char *tmp = NULL;
    TRY(ident_random(&id));
    TRY(mem_asprintf(&tmp, ".%.16s", id.s));
    if (mkdirat(images, tmp, 0755) < 0)
        return ERR_SYS(errno, "create %s", tmp);
    AUTO_FD int dir = -1;
    struct err *err = file_open_dir(images, tmp, &dir);
    if (!err)
        err = write_unpacked(e, i, dir);
    if (!err && fchmod(dir, 0755) < 0)
        err = ERR_SYS(errno, "set the mode of %s", tmp);
    if (!err && renameat(images, tmp, images, name) < 0)
        err = ERR_SYS(errno, "move %s into place", name);
    if (err)
        err_drop(file_remove_tree(images, tmp));
    return err;
}

/* The store's own lock is on its directory: no file is needed, and who only reads never takes it. */
static struct err *open_store(const char *dir, int *ret_dir, struct outside_index *x)
{
    AUTO_FREE char *images = NULL;
    TRY(path_join(&images, dir, PACK_IMAGES));
    TRY(file_mkdirs(images, 0755));
    TRY(file_open_locked(AT_FDCWD, dir, true, true, ret_dir));
    struct err *e = outside_index_read(*ret_dir, x);
    if (e && err_kind(e) == ERR_NOT_FOUND && !file_exists(*ret_dir, OUTSIDE_INDEX)) {
        err_drop(e);
        return NULL;
    }
    return ERR_WRAP(e, "image store %s", dir);
}

static struct err *put_image(struct engine *e, const struct image *i, int dir, const char *store,
                             const struct image_pack_opts *o, const char *name)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int images = -1;
    if (!o->unpacked) {
        TRY(mem_asprintf(&path, "%s/" PACK_IMAGES "/%s", store, name));
        return pack(e, i, path, o);
    }
    TRY(file_open_dir(dir, PACK_IMAGES, &images));
    return file_exists(images, name) ? NULL : unpack(e, i, images, name);
}

struct err *image_pack_into(struct engine *e, const char *name, const char *dir, const struct image_pack_opts *opts,
                            char **ret_id)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    AUTO_FREE char *absolute = NULL, *file = NULL, *path = NULL, *old = NULL;
    AUTO_FD int lock = -1;
    TRY(image_find(e, name, &i));
    TRY(path_absolute(dir, &absolute));
    TRY(open_store(absolute, &lock, &x));
    TRY(mem_asprintf(&file, "%s%s", i->id, opts->unpacked ? "" : ".packed"));
    TRY(mem_asprintf(&path, PACK_IMAGES "/%s", file));
    const struct outside_entry *before = outside_index_by_id(&x, i->id);
    if (before && strcmp(before->path, path) != 0)
        TRY(mem_strdup(before->path, &old));
    TRY(put_image(e, i, lock, absolute, opts, file));
    TRY(outside_index_put(&x, i->id, path, &i->names));
    TRY(outside_index_write(lock, &x));
    if (old) /* it was packed, or the other way round */
        TRY(file_remove_tree(lock, old));
    return mem_strdup(i->id, ret_id);
}

static struct err *find_entry(const struct outside_index *x, const char *name, struct outside_entry **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    err_drop(reference_candidates(name, &candidates)); /* then it is an id, or nothing */
    *ret = outside_index_by_name(x, &candidates);
    if (!*ret && ident_is_prefix(name) && strlen(name) >= PACK_ID_MIN)
        *ret = outside_index_by_id(x, name);
    return *ret ? NULL : ERR_NEW(ERR_NOT_FOUND, "%s: image not known", name);
}

struct err *image_pack_remove(const char *name, const char *dir, char **ret_id)
{
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    AUTO_FREE char *path = NULL;
    AUTO_FD int lock = -1;
    struct outside_entry *entry;
    TRY_WRAP(file_open_locked(AT_FDCWD, dir, true, true, &lock), "image store %s", dir);
    TRY_WRAP(outside_index_read(lock, &x), "image store %s", dir);
    TRY(find_entry(&x, name, &entry));
    *ret_id = TAKE_PTR(entry->id);
    path = TAKE_PTR(entry->path);
    strv_done(&entry->names);
    *entry = x.entries[--x.count];
    TRY(outside_index_write(lock, &x));
    return file_remove_tree(lock, path);
}
