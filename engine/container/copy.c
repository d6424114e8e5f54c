/* cp: files between containers and the host.
 *
 * Both ends are opened by descriptor first: the source itself, the destination's directory and the name that is to be
 * in there. From then on names are single components relative to open directories, never followed
 * (base/file_copytree.c); so whatever a process in the container swaps meanwhile, it gets or loses files of the
 * container. The bytes of files are copied by the kernel where it can. Tar comes into it for standard input and output
 * alone, through coracle-layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/container.h"
#include "engine/container/internal.h"
#include "engine/container/rootfs.h"
#include "engine/engine.h"
#include "engine/layer/layer.h"
#include "rootless/session.h"

#define COPY_LINKS_MAX 40 /* as path_resolution(7) */

/* Where something is: a directory, and a name in it ("" : the directory itself, which has no other name here). */
struct place {
    int dirfd;
    char *name;
    struct stat st;
    bool exists;
};

static void place_done(struct place *p)
{
    p->dirfd = fd_close(p->dirfd);
    mem_freep(&p->name);
}
#define AUTO_PLACE __attribute__((cleanup(place_done)))
#define PLACE_INIT   \
    {                \
        .dirfd = -1, \
    }

struct copying {
    const struct container_copy_opts *opts;
    struct container_root from_root, to_root; /* fd -1: the host */
    const struct container_root *to;          /* to_root, or from_root within one container */
    uid_t uid;                                /* owner of what is made */
    gid_t gid;
    bool set_owner;
};

/* --- finding places */

static bool is_contents(const char *path)
{
    size_t len = strlen(path);
    return strcmp(path, ".") == 0 || (len >= 2 && strcmp(path + len - 2, "/.") == 0);
}

static bool wants_directory(const char *path)
{
    size_t len = strlen(path);
    return is_contents(path) || (len && path[len - 1] == '/');
}

static const char *end_name(const struct copy_end *end)
{
    return end->container ? end->container->name : NULL;
}

static struct err *not_found(const struct copy_end *end, int errnum)
{
    const char *why = errnum == ENOTDIR ? "not a directory" : "no such file or directory";
    if (end->container)
        return ERR_NEW(ERR_NOT_FOUND, "\"%s\" could not be found on container %s: %s", end->path, end_name(end), why);
    return ERR_NEW(ERR_NOT_FOUND, "\"%s\" could not be found on the host: %s", end->path, why);
}

/* A directory by its path, in the container's root or on the host. Readable. */
static struct err *open_dir(const struct container_root *root, const char *path, int *ret)
{
    if (root->fd >= 0)
        return path_open_in_root(root->fd, path, O_RDONLY | O_DIRECTORY, 0, ret);
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
}

/* Directory and last component, without slashes and "/." at the end. The directory is the kernel's to resolve: ".." is
 * not taken back by words. The top, "." and ".." have no name of their own. */
static struct err *split(const char *path, char **ret_dir, char **ret_name)
{
    AUTO_FREE char *cut = NULL;
    size_t len = strlen(path);
    while (len > 1 && (path[len - 1] == '/' || (path[len - 1] == '.' && path[len - 2] == '/')))
        len--;
    TRY(mem_strndup(path, len, &cut));
    const char *name = path_last(cut);
    if (!*name || strcmp(name, "..") == 0 || strcmp(name, ".") == 0) {
        TRY(mem_strdup(cut, ret_dir));
        return mem_strdup("", ret_name);
    }
    TRY(name == cut ? mem_strdup(".", ret_dir) : mem_strndup(cut, (size_t)(name - cut), ret_dir));
    return mem_strdup(name, ret_name);
}

static struct err *look(const struct container_root *root, const char *path, struct place *ret)
{
    AUTO_FREE char *dir = NULL;
    place_done(ret);
    TRY(split(path, &dir, &ret->name));
    TRY(open_dir(root, dir, &ret->dirfd));
    const char *name = *ret->name ? ret->name : ".";
    ret->exists = fstatat(ret->dirfd, name, &ret->st, AT_SYMLINK_NOFOLLOW) == 0;
    return ret->exists || errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", path);
}

/* The path that a link stands for, beside the link's own directory. */
static struct err *follow(const struct place *p, char **path)
{
    char target[PATH_MAX];
    AUTO_FREE char *dir = NULL, *name = NULL, *next = NULL;
    ssize_t len = readlinkat(p->dirfd, p->name, target, sizeof(target) - 1);
    if (len <= 0)
        return ERR_SYS(len < 0 ? errno : ENOENT, "read link %s", *path);
    target[len] = '\0';
    TRY(split(*path, &dir, &name));
    if (target[0] == '/')
        TRY(mem_strdup(target, &next));
    else
        TRY(mem_asprintf(&next, "%s/%s", dir, target));
    mem_freep(path);
    *path = TAKE_PTR(next);
    return NULL;
}

/* /dev/stdin, /dev/fd/N: links of the host's whose text leads nowhere. Opened by name, they are what they mean. */
static bool is_host_stream(const struct container_root *root, struct place *p)
{
    struct stat st;
    if (root->fd >= 0 || fstatat(p->dirfd, p->name, &st, 0) < 0 || S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
        return false;
    p->st = st;
    return true;
}

/* Where `path` leads, its last component followed too. A name that isn't there yet has a directory at least. */
static struct err *find(const struct container_root *root, const char *path, struct place *ret)
{
    AUTO_FREE char *at = NULL;
    TRY(mem_strdup(path, &at));
    for (int links = 0; links <= COPY_LINKS_MAX; links++) {
        TRY(look(root, at, ret));
        if (!ret->exists || !S_ISLNK(ret->st.st_mode) || is_host_stream(root, ret))
            return NULL;
        TRY(follow(ret, &at));
    }
    return ERR_SYS(ELOOP, "open %s", path);
}

/* As an error of the user's path; others are the system's. */
static struct err *explain(const struct copy_end *end, struct err *take_e)
{
    int errnum = take_e ? err_errno(take_e) : 0;
    if (errnum != ENOENT && errnum != ENOTDIR)
        return take_e;
    err_drop(take_e);
    return not_found(end, errnum);
}

/* --- the two ends */

/* *ret_given: its name as it was said, which may be a link's. */
static struct err *find_source(const struct copying *cp, struct place *ret, char **ret_given)
{
    const struct copy_end *end = &cp->opts->from;
    AUTO_FREE char *dir = NULL;
    TRY(explain(end, find(&cp->from_root, end->path, ret)));
    TRY(split(end->path, &dir, ret_given));
    if (!ret->exists)
        return not_found(end, ENOENT);
    if (wants_directory(end->path) && !S_ISDIR(ret->st.st_mode))
        return not_found(end, ENOTDIR);
    return NULL;
}

/* Nothing is written to the files of procfs and sysfs: they are no files, and what they do isn't a copy. */
static struct err *check_writable(const struct copying *cp, int dirfd)
{
    struct statfs fs;
    if (cp->to->fd < 0 || fstatfs(dirfd, &fs) < 0 || (fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC))
        return NULL;
    return ERR_NEW(ERR_INVALID, "\"%s\" is on a file system of the kernel's: nothing can be copied there",
                   cp->opts->to.path);
}

/* A directory to put things into, or a name for the one thing. */
static struct err *find_target(const struct copying *cp, struct place *ret)
{
    const struct copy_end *end = &cp->opts->to;
    /* On the host a link is replaced, unless it leads to a directory; in a container it is followed. */
    TRY(explain(end, cp->to->fd < 0 ? look(cp->to, end->path, ret) : find(cp->to, end->path, ret)));
    if (cp->to->fd < 0 && ret->exists && S_ISLNK(ret->st.st_mode)) {
        AUTO_PLACE struct place behind = PLACE_INIT;
        AUTO_ERR struct err *e = find(cp->to, end->path, &behind);
        if (!e && behind.exists && S_ISDIR(behind.st.st_mode)) {
            place_done(ret);
            *ret = behind;
            behind = (struct place)PLACE_INIT;
        }
    }
    if (!ret->exists && wants_directory(end->path))
        return not_found(end, ENOENT);
    if (ret->exists && wants_directory(end->path) && !S_ISDIR(ret->st.st_mode))
        return ERR_NEW(ERR_INVALID, "%s: exists but is not a directory", end->path);
    if (!end->container && ret->exists && !S_ISDIR(ret->st.st_mode) && !S_ISREG(ret->st.st_mode) &&
        !S_ISLNK(ret->st.st_mode))
        return ERR_NEW(ERR_INVALID, "invalid destination: \"%s\" must be a directory or a regular file", end->path);
    return check_writable(cp, ret->dirfd);
}

/* Open a place that is a directory. */
static struct err *enter(const struct place *p, int *ret)
{
    *ret = openat(p->dirfd, *p->name ? p->name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open %s", p->name) : NULL;
}

static bool give_owner(uid_t *uid, gid_t *gid, void *arg)
{
    const struct copying *cp = arg;
    *uid = cp->uid;
    *gid = cp->gid;
    return true;
}

/* What the copies belong to: the user outside, the container's user inside. A user with one id has no other. */
static struct err *settle_owner(struct copying *cp)
{
    const struct container *to = cp->opts->to.container;
    bool single = engine_session(cp->to->engine)->single_id;
    cp->set_owner = !to || cp->opts->archive || single;
    return to && cp->opts->archive ? container_root_user(cp->to, to, &cp->uid, &cp->gid) : NULL;
}

/* --- files to files */

/* What every container has anew is no part of "all of it". */
static const char *const mounted[] = {"dev", "proc", "sys", NULL};

static bool is_root(const struct copying *cp, const struct place *p)
{
    struct stat root;
    return cp->from_root.fd >= 0 && fstat(cp->from_root.fd, &root) == 0 && root.st_ino == p->st.st_ino &&
           root.st_dev == p->st.st_dev;
}

/* True when `dirfd` is the directory `st`, or below it: a copy of a directory into itself has no end. */
static bool is_inside(int dirfd, const struct stat *st)
{
    AUTO_FD int at = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat here, above;
    for (int depth = 0; at >= 0 && depth < PATH_MAX; depth++) {
        if (fstat(at, &here) < 0 || (here.st_ino == st->st_ino && here.st_dev == st->st_dev))
            return true;
        int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0 || fstat(up, &above) < 0 || (above.st_ino == here.st_ino && above.st_dev == here.st_dev)) {
            fd_close(up);
            return false;
        }
        fd_close(at);
        at = up;
    }
    return false;
}

/* FIFOs of the host that were named are read, as the shell's <(…) wants it. */
static struct err *copy_stream(const struct copying *cp, const struct place *from, int to_dir, const char *name)
{
    AUTO_FD int in = openat(from->dirfd, from->name, O_RDONLY | O_CLOEXEC | O_NOCTTY), out = -1;
    if (in < 0)
        return ERR_SYS(errno, "open %s", cp->opts->from.path);
    bool mounted_on = file_is_mount(to_dir, name);
    if (!mounted_on && unlinkat(to_dir, name, 0) < 0 && errno != ENOENT)
        return ERR_SYS(errno, "replace %s", name);
    int flags = mounted_on ? O_TRUNC : O_CREAT | O_EXCL;
    out = openat(to_dir, name, flags | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (out < 0)
        return ERR_SYS(errno, "create %s", name);
    TRY(file_copy_data(in, out));
    if (cp->set_owner && fchown(out, cp->uid, cp->gid) < 0)
        return ERR_SYS(errno, "set owner of %s", name);
    return NULL;
}

static struct err *copy_into(struct copying *cp, const struct place *from, int to_dir, const char *name)
{
    const struct file_copy_opts opts = {
        .owner = cp->set_owner ? give_owner : NULL,
        .owner_arg = cp,
        .merge = true,
        .replace = cp->opts->overwrite,
        .omit = is_root(cp, from) ? mounted : NULL,
    };
    AUTO_FD int dir = -1;
    if (S_ISDIR(from->st.st_mode) && is_inside(to_dir, &from->st))
        return ERR_NEW(ERR_INVALID, "cannot copy %s into itself", cp->opts->from.path);
    if (!cp->opts->from.container && (S_ISFIFO(from->st.st_mode)))
        return copy_stream(cp, from, to_dir, name);
    if (!cp->opts->from.container && (S_ISCHR(from->st.st_mode) || S_ISBLK(from->st.st_mode)))
        return ERR_NEW(ERR_INVALID, "\"%s\" is a device: devices cannot be copied", cp->opts->from.path);
    if (*name && (*from->name || !S_ISDIR(from->st.st_mode)))
        return file_copy_entry(from->dirfd, from->name, to_dir, name, &opts);
    TRY(enter(from, &dir));
    if (!*name)
        return file_copy_entries(dir, to_dir, &opts);
    return file_copy_entry(dir, ".", to_dir, name, &opts);
}

/* As cp(1): into a directory that is there, else under the name that was given. */
static struct err *copy_files(struct copying *cp)
{
    AUTO_PLACE struct place from = PLACE_INIT, to = PLACE_INIT;
    AUTO_FREE char *given = NULL;
    AUTO_FD int dir = -1;
    TRY(find_source(cp, &from, &given));
    TRY(find_target(cp, &to));
    if (to.exists && !S_ISDIR(to.st.st_mode) && S_ISDIR(from.st.st_mode))
        return ERR_NEW(ERR_INVALID, "destination must be a directory when copying a directory");
    if (!to.exists || !S_ISDIR(to.st.st_mode))
        return copy_into(cp, &from, to.dirfd, to.name);
    TRY(enter(&to, &dir));
    TRY(check_writable(cp, dir));
    bool contents = S_ISDIR(from.st.st_mode) && (is_contents(cp->opts->from.path) || !*from.name);
    return copy_into(cp, &from, dir, contents ? "" : *given ? given : from.name);
}

/* --- with a tar at one end */

static struct err *copy_out(struct copying *cp)
{
    AUTO_PLACE struct place from = PLACE_INIT;
    AUTO_FREE char *given = NULL;
    AUTO_FD int dir = -1;
    struct layer_result result;
    struct layer_pack_opts opts = {
        .archive_fd = cp->opts->to.stream_fd,
        .no_root = true,
        .single_id = engine_session(cp->from_root.engine)->single_id,
        .uids = cp->from_root.uids,
        .gids = cp->from_root.gids,
    };
    TRY(find_source(cp, &from, &given));
    if (S_ISDIR(from.st.st_mode) && (is_contents(cp->opts->from.path) || !*from.name)) {
        TRY(enter(&from, &dir));
        opts.source_dirfd = dir;
    } else {
        opts.source_dirfd = from.dirfd;
        opts.only = from.name;
    }
    struct err *err = NULL;
    for (size_t i = 0; is_root(cp, &from) && mounted[i] && !err; i++)
        err = strv_add(&opts.omit, mounted[i]);
    if (!err)
        err = layer_pack(&opts, &result);
    strv_done(&opts.omit);
    return ERR_WRAP(err, "copying from container");
}

static struct err *copy_in(struct copying *cp)
{
    AUTO_PLACE struct place to = PLACE_INIT;
    AUTO_FD int dir = -1;
    struct layer_result result = {.entries = 0};
    static const char no_tar[] = "source must be a (compressed) tar archive when copying from stdin";
    struct err *err = find_target(cp, &to);
    if (!err && (!to.exists || !S_ISDIR(to.st.st_mode)))
        err = ERR_NEW(ERR_INVALID, "not a directory");
    if (err && (err_kind(err) == ERR_NOT_FOUND || err_kind(err) == ERR_INVALID)) {
        err_drop(err);
        return ERR_NEW(ERR_INVALID, "destination must be a directory when copying from stdin");
    }
    TRY(err);
    TRY(enter(&to, &dir));
    TRY(check_writable(cp, dir));
    const struct layer_insert_opts opts = {.archive_fd = cp->opts->from.stream_fd,
                                           .target_dirfd = dir,
                                           .keep_root = true,
                                           .keep_kinds = !cp->opts->overwrite,
                                           .single_id = engine_session(cp->to->engine)->single_id,
                                           .own = cp->opts->archive,
                                           .uid = cp->uid,
                                           .gid = cp->gid};
    err = layer_insert(&opts, &result);
    if (err && err_kind(err) == ERR_CORRUPT && result.entries == 0)
        return ERR_WRAP(err, "%s", no_tar);
    TRY_WRAP(err, "copying to container");
    return result.blob_bytes ? NULL : ERR_NEW(ERR_INVALID, "%s", no_tar);
}

/* --- */

static struct err *open_end(struct engine *e, const struct copy_end *end, const char *what, struct container_root *ret)
{
    *ret = (struct container_root){.fd = -1, .upper_fd = -1, .engine = e};
    return end->container ? ERR_WRAP(container_root_open(e, end->container, ROOT_MOUNTED, ret), "%s", what) : NULL;
}

static struct err *run(struct engine *e, struct copying *cp)
{
    const struct container_copy_opts *o = cp->opts;
    TRY(open_end(e, &o->from, "copying from container", &cp->from_root));
    cp->to = o->from.container && o->to.container == o->from.container ? &cp->from_root : &cp->to_root;
    if (cp->to == &cp->to_root)
        TRY(open_end(e, &o->to, "copying to container", &cp->to_root));
    TRY(settle_owner(cp));
    if (o->from.stream_fd >= 0)
        return copy_in(cp);
    return o->to.stream_fd >= 0 ? copy_out(cp) : copy_files(cp);
}

struct err *container_copy(struct engine *e, const struct container_copy_opts *opts)
{
    struct copying cp = {.opts = opts, .from_root = {.fd = -1, .upper_fd = -1}, .to_root = {.fd = -1, .upper_fd = -1}};
    struct err *err = run(e, &cp);
    container_root_done(&cp.from_root);
    container_root_done(&cp.to_root);
    return err;
}
