/* Kernel overlay, mounted by a user namespace (`userxattr`, Linux 5.11; overlayfs.rst).
 *
 * 127 layers must fit whatever the paths are, on three kernels:
 *   - with "lowerdir+" (6.8) each layer is one fsconfig(2) string of at most 255 bytes;
 *   - before, all layers are one string; fsconfig takes 255 bytes, mount(2) a page.
 * So we stand in layers_dir meanwhile and name layers "ab12/diff", and upper and work directories whose paths are long
 * or contain what mount options give a meaning to (, : \) by /proc/self/fd. The working directory is restored.
 *
 * `volatile` (5.10) leaves work/work/incompat/volatile behind, so that the next mount fails (EINVAL): it says that a
 * crash of the machine may have cost data. Who starts the container again accepts what is there, so it is cleared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/storage/driver.h"
#include "engine/storage/mountapi.h"

#define OVERLAY_STRING_MAX 255   /* of one fsconfig(2) value */
#define OVERLAY_OPTIONS_MAX 4095 /* mount(2) */

struct overlay {
    struct strv lowers; /* the topmost first, as mount options want them */
    int cwd_fd;         /* to go back to */
    int upper_fd, work_fd;
    char *upper, *work; /* names for the options; NULL: no upper */
    bool read_only, is_volatile;
};

static void overlay_done(struct overlay *o)
{
    if (o->cwd_fd >= 0 && fchdir(o->cwd_fd) < 0)
        (void)!chdir("/");
    strv_done(&o->lowers);
    fd_close(o->cwd_fd);
    fd_close(o->upper_fd);
    fd_close(o->work_fd);
    mem_freep(&o->upper);
    mem_freep(&o->work);
}
#define AUTO_OVERLAY __attribute__((cleanup(overlay_done)))

/* The topmost layer first; with --rootfs that directory is the only one. */
static struct err *overlay_lowers(const struct storage_mount *m, struct overlay *o)
{
    if (m->rootfs) /* where we will stand: no path that could be too long or need escaping */
        return strv_add(&o->lowers, ".");
    for (size_t i = m->layers.count; i > 0; i--) {
        char *lower = NULL;
        TRY(storage_lower_path(m->layers.items[i - 1], &lower));
        TRY(strv_take(&o->lowers, lower));
    }
    return m->mount_points ? strv_add(&o->lowers, m->mount_points) : NULL;
}

/* `own`, or container_dir/name, which is made if needed: open it, and find a name that can stand in mount options. */
static struct err *overlay_own_dir(const struct storage_mount *m, const char *own, const char *name, const char *like,
                                   int *ret_fd, char **ret)
{
    AUTO_FREE char *path = NULL;
    TRY(own ? mem_strdup(own, &path) : path_join(&path, m->container_dir, name));
    AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !own) {
        TRY(bind_make_dir(path, like));
        fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    if (strlen(path) > OVERLAY_STRING_MAX || strpbrk(path, ",:\\"))
        TRY(mem_strdup(fd_proc_path(fd).s, ret));
    else
        *ret = TAKE_PTR(path);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

static struct err *overlay_prepare(const struct storage_mount *m, struct overlay *o)
{
    TRY(overlay_lowers(m, o));
    o->read_only = m->read_only;
    o->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *base = m->rootfs ? m->rootfs : m->layers_dir;
    if (chdir(base) < 0)
        return ERR_SYS(errno, "enter %s", base);
    if (!m->container_dir)
        return NULL;
    o->is_volatile = m->is_volatile;
    TRY(overlay_own_dir(m, m->upper, "upper", o->lowers.items[0], &o->upper_fd, &o->upper));
    TRY(overlay_own_dir(m, m->work, "work", NULL, &o->work_fd, &o->work));
    return file_remove_tree(o->work_fd, "work/incompat");
}

/* Turn "it did not work" into who refused and what would help. `detail` is the kernel's own words, or "". */
static struct err *overlay_refused(int errnum, const struct overlay *o, const char *detail)
{
    const char *sep = *detail ? " (" : "", *end = *detail ? ")" : "";
    int n = errnum < 0 ? -errnum : errnum;
    if (n == EPERM || n == EACCES)
        return ERR_SYS_AS(
            ERR_UNSUPPORTED, n,
            "mount overlay: the kernel refuses it in a user namespace (Linux 5.11 or later is needed, and "
            "no security module against it)%s%s%s",
            sep, detail, end);
    if (n == ENODEV)
        return ERR_SYS_AS(ERR_UNSUPPORTED, n,
                          "mount overlay: this kernel has no overlay file system (module \"overlay\")");
    if (n == EINVAL && o->upper)
        return ERR_SYS_AS(ERR_UNSUPPORTED, n,
                          "mount overlay of %zu layers: the file system of %s may not serve as an upper layer (NFS, or "
                          "without extended attributes?)%s%s%s",
                          o->lowers.count, o->upper, sep, detail, end);
    return ERR_SYS(n, "mount overlay of %zu layers%s%s%s", o->lowers.count, sep, detail, end);
}

/* Set all options on an fsopen()ed overlay. 0 or a negative errno. */
static int overlay_configure(int fs, const struct overlay *o)
{
    int r = mountapi_set_string(fs, "source", "overlay");
    for (size_t i = 0; r >= 0 && i < o->lowers.count; i++)
        r = mountapi_set_string(fs, "lowerdir+", o->lowers.items[i]);
    if (r >= 0 && o->upper)
        r = mountapi_set_string(fs, "upperdir", o->upper);
    if (r >= 0 && o->upper)
        r = mountapi_set_string(fs, "workdir", o->work);
    if (r >= 0 && o->is_volatile)
        r = mountapi_set_flag(fs, "volatile");
    return r < 0 ? r : mountapi_set_flag(fs, "userxattr");
}

/* The new API. *ret_tried is false where this kernel can't do it that way and mount(2) should be asked. */
static struct err *overlay_mount_new(const struct overlay *o, const char *target, bool *ret_tried)
{
    *ret_tried = false;
    for (size_t i = 0; i < o->lowers.count; i++) {
        if (strlen(o->lowers.items[i]) > OVERLAY_STRING_MAX)
            return NULL;
    }
    AUTO_FD int fs = mountapi_fsopen("overlay");
    if (fs == -ENODEV)
        *ret_tried = true;
    if (fs < 0)
        return *ret_tried ? overlay_refused(fs, o, "") : NULL;
    /* Before 6.5 overlay takes whatever fsconfig(2) brings as text, and complains in the kernel's log later. */
    if (mountapi_set_flag(fs, "coracle-asks-whether-names-are-checked") >= 0)
        return NULL;
    if (overlay_configure(fs, o) < 0) /* no "lowerdir+" before 6.8 */
        return NULL;
    *ret_tried = true;
    int r = mountapi_create(fs);
    if (r < 0)
        return overlay_refused(r, o, mountapi_read_log(fs).s);
    AUTO_FD int mnt = mountapi_fsmount(fs, o->read_only ? MOUNTAPI_RDONLY : 0);
    if (mnt < 0)
        return overlay_refused(mnt, o, "");
    r = mountapi_move(mnt, target);
    return r < 0 ? ERR_SYS(r, "mount overlay on %s", target) : NULL;
}

/* One path in "lowerdir=": a colon separates, a comma ends the option, a backslash takes their meaning away. */
static struct err *overlay_escape(struct strbuf *sb, const char *path)
{
    for (; *path; path++) {
        if (strchr(",:\\", *path))
            TRY(strbuf_putc(sb, '\\'));
        TRY(strbuf_putc(sb, *path));
    }
    return NULL;
}

static struct err *overlay_mount_old(const struct overlay *o, const char *target)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_puts(&sb, "userxattr,lowerdir="));
    for (size_t i = 0; i < o->lowers.count; i++) {
        if (i)
            TRY(strbuf_putc(&sb, ':'));
        TRY(overlay_escape(&sb, o->lowers.items[i]));
    }
    if (o->upper)
        TRY(strbuf_printf(&sb, ",upperdir=%s,workdir=%s", o->upper, o->work));
    if (o->is_volatile)
        TRY(strbuf_puts(&sb, ",volatile"));
    if (sb.len > OVERLAY_OPTIONS_MAX)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "mount overlay: the names of %zu layers are longer (%zu bytes) than this kernel takes "
                       "in mount(2); Linux 6.8 or later has no such limit",
                       o->lowers.count, sb.len);
    if (mount("overlay", target, "overlay", o->read_only ? MS_RDONLY : 0, sb.data) < 0)
        return overlay_refused(errno, o, "");
    return NULL;
}

struct err *overlay_mount(const struct storage_mount *m, const char *target)
{
    bool done = false;
    TRY(bind_trivial(m, target, &done));
    if (done)
        return NULL;
    AUTO_OVERLAY struct overlay o = {.cwd_fd = -1, .upper_fd = -1, .work_fd = -1};
    TRY(overlay_prepare(m, &o));
    TRY(overlay_mount_new(&o, target, &done));
    if (!done)
        TRY(overlay_mount_old(&o, target));
    return m->flags ? bind_flags(target, m->flags, m->read_only) : NULL;
}
