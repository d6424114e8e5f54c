#include "base/override.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"

static const struct {
    const char *name;
    mode_t type;
    bool is_device;
} override_types[] = {
    {"file", S_IFREG, false}, {"dir", S_IFDIR, false},     {"symlink", S_IFLNK, false}, {"fifo", S_IFIFO, false},
    {"pipe", S_IFIFO, false}, {"socket", S_IFSOCK, false}, {"block", S_IFBLK, true},    {"char", S_IFCHR, true},
};

/* Cut the next field off at `sep`; NULL when there is none. */
static char *override_field(char **rest, char sep)
{
    char *field = *rest;
    if (!field)
        return NULL;
    char *end = strchr(field, sep);
    if (end)
        *end++ = '\0';
    *rest = end;
    return field;
}

static bool override_number(const char *text, uint64_t max, uint32_t *ret)
{
    uint64_t n = 0;
    struct err *e = text ? number_parse_u64(text, max, &n) : ERR_NEW(ERR_INVALID, "missing");
    *ret = (uint32_t)n;
    err_drop(e);
    return !e;
}

/* "dir", "char-1-3" … */
static bool override_type(char *text, struct override *o)
{
    char *name = override_field(&text, '-');
    for (size_t i = 0; i < ARRAY_LEN(override_types); i++) {
        if (strcmp(name, override_types[i].name) != 0)
            continue;
        o->mode |= override_types[i].type;
        o->has_type = true;
        if (!override_types[i].is_device)
            return text == NULL;
        uint32_t major = 0, minor = 0;
        if (!override_number(override_field(&text, '-'), 0xfff, &major) || !override_number(text, 0xfffff, &minor))
            return false;
        o->rdev = makedev(major, minor);
        return true;
    }
    return false;
}

bool override_parse(const char *text, size_t len, struct override *ret)
{
    char buf[OVERRIDE_MAX], *rest = buf;
    if (len >= sizeof(buf) || memchr(text, '\0', len))
        return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    struct override o = {.uid = 0};
    uint32_t mode = 0;
    if (!override_number(override_field(&rest, ':'), UINT32_MAX - 1, &o.uid) ||
        !override_number(override_field(&rest, ':'), UINT32_MAX - 1, &o.gid))
        return false;
    const char *octal = override_field(&rest, ':');
    struct err *e = octal ? number_parse_octal(octal, 0177777, &mode) : ERR_NEW(ERR_INVALID, "missing");
    err_drop(e);
    if (e)
        return false;
    /* Some writers put the type bits into the mode; only the field says what it is. */
    o.mode = mode & 07777;
    if (rest && !override_type(rest, &o))
        return false;
    *ret = o;
    return true;
}

size_t override_format(const struct override *o, char *buf)
{
    int n = snprintf(buf, OVERRIDE_MAX, "%u:%u:0%o", o->uid, o->gid, (unsigned)(o->mode & 07777));
    for (size_t i = 0; i < ARRAY_LEN(override_types); i++) {
        if ((o->mode & S_IFMT) != override_types[i].type)
            continue;
        size_t room = OVERRIDE_MAX - (size_t)n;
        n += override_types[i].is_device
                 ? snprintf(buf + n, room, ":%s-%u-%u", override_types[i].name, major(o->rdev), minor(o->rdev))
                 : snprintf(buf + n, room, ":%s", override_types[i].name);
        break;
    }
    return (size_t)n;
}

mode_t override_disk_mode(mode_t mode)
{
    return mode | S_IRWXU;
}

bool override_is_needed(uint32_t uid, uint32_t gid, mode_t mode)
{
    bool closed = S_ISDIR(mode) && (mode & S_IRWXU) != S_IRWXU;
    return uid || gid || closed || S_ISCHR(mode) || S_ISBLK(mode);
}

void override_apply(const struct override *o, struct stat *st)
{
    st->st_uid = o->uid;
    st->st_gid = o->gid;
    if (S_ISDIR(st->st_mode) && (st->st_mode & 07777) == override_disk_mode(o->mode & 07777))
        st->st_mode = S_IFDIR | (o->mode & 07777);
    if (S_ISREG(st->st_mode) && st->st_size == 0 && o->has_type && (S_ISCHR(o->mode) || S_ISBLK(o->mode))) {
        st->st_mode = (o->mode & S_IFMT) | (st->st_mode & 07777);
        st->st_rdev = o->rdev;
    }
}

static bool override_got(const char *text, ssize_t len, struct override *ret)
{
    return len > 0 && override_parse(text, (size_t)len, ret);
}

bool override_read_fd(int fd, struct override *ret)
{
    char text[OVERRIDE_MAX];
    return override_got(text, fgetxattr(fd, OVERRIDE_RECORD, text, sizeof(text)), ret);
}

bool override_read_path(const char *path, struct override *ret)
{
    char text[OVERRIDE_MAX];
    return override_got(text, getxattr(path, OVERRIDE_RECORD, text, sizeof(text)), ret);
}

/* That there is nothing to remove is no failure, nor that there could be none. */
static int override_removed(int result)
{
    return result == 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0 : errno;
}

int override_write_fd(int fd, const struct override *o)
{
    char text[OVERRIDE_MAX];
    if (!override_is_needed(o->uid, o->gid, o->mode))
        return override_removed(fremovexattr(fd, OVERRIDE_RECORD));
    return fsetxattr(fd, OVERRIDE_RECORD, text, override_format(o, text), 0) < 0 ? errno : 0;
}

int override_write_path(const char *path, const struct override *o)
{
    char text[OVERRIDE_MAX];
    if (!override_is_needed(o->uid, o->gid, o->mode))
        return override_removed(removexattr(path, OVERRIDE_RECORD));
    return setxattr(path, OVERRIDE_RECORD, text, override_format(o, text), 0) < 0 ? errno : 0;
}

/* In the kernel's terms the owner is ours and stays so; but the call has more effects than that one (a setuid bit goes,
 * the time of change is now), and may be refused. Of directories it takes no bits, of files the inode's mode counts. */
int override_chown(int fd, uint32_t uid, uint32_t gid, bool single)
{
    static const uint32_t keep = (uint32_t)-1;
    struct override o;
    struct stat st;
    struct fd_path path = fd_proc_path(fd);
    if (!single)
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? errno : 0;
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
        return errno;
    if (st.st_uid != 0)
        return EPERM;
    if (fchownat(fd, "", uid == keep ? keep : 0, gid == keep ? keep : 0, AT_EMPTY_PATH) < 0)
        return errno;
    if (override_read_path(path.s, &o))
        override_apply(&o, &st);
    o = (struct override){.uid = uid == keep ? st.st_uid : uid,
                          .gid = gid == keep ? st.st_gid : gid,
                          .mode = st.st_mode,
                          .rdev = st.st_rdev};
    int errnum = override_write_path(path.s, &o);
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EROFS ? errnum : 0;
}
