/* The directories that coracle keeps its things in. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"
#include "rootless/session.h"
#include "rootless/session_dir.h"

#define LITTLE_SPACE ((uint64_t)1 << 30)
#define NO_SPACE ((uint64_t)4 << 20) /* the database and the smallest image */

/* Those that matter, or that people have; statfs(2). The judgement is about what layers need. */
static const struct {
    uint64_t magic;
    const char *name;
    const char *problem; /* NULL: fine */
} store_kinds[] = {
    {EXT4_SUPER_MAGIC, "ext4", NULL},
    {XFS_SUPER_MAGIC, "xfs", NULL},
    {BTRFS_SUPER_MAGIC, "btrfs", NULL},
    {TMPFS_MAGIC, "tmpfs", "its contents are gone after a reboot"},
    {F2FS_SUPER_MAGIC, "f2fs", NULL},
    {0x2fc12fc1, "zfs", NULL},
    {0xca451a4e, "bcachefs", NULL},
    {OVERLAYFS_SUPER_MAGIC, "overlay", "the kernel cannot stack another overlay's writable layer on it"},
    {NFS_SUPER_MAGIC, "nfs", "its server knows nothing of subordinate ids, so owners in images are refused"},
    {0x0bd00bd0, "lustre", "its server knows nothing of subordinate ids, and flock may not be mounted"},
    {0x47504653, "gpfs", "overlays cannot be kept on it"},
    {0x19830326, "beegfs", "overlays cannot be kept on it"},
    {0x00c36400, "ceph", NULL},
    {FUSE_SUPER_MAGIC, "fuse", "overlays and owners depend on the program behind it"},
    {SMB2_SUPER_MAGIC, "smb", "it keeps neither owners nor modes"},
    {CIFS_SUPER_MAGIC, "cifs", "it keeps neither owners nor modes"},
    {ECRYPTFS_SUPER_MAGIC, "ecryptfs", "overlays cannot be kept on it"},
    {0x5346544e, "ntfs", "it keeps neither owners nor modes"},
    {0x01021997, "9p", "it may keep neither owners nor extended attributes"},
};

struct store_facts {
    const char *kind, *problem;
    char magic[24]; /* the number of a kind that is not in the table */
    bool no_exec, xattr;
    uint64_t free_bytes;
};

static struct err *store_look(const char *root, struct store_facts *f)
{
    struct statfs fs;
    struct statvfs vfs;
    if (statfs(root, &fs) < 0 || statvfs(root, &vfs) < 0)
        return ERR_SYS(errno, "look at the file system of %s", root);
    (void)snprintf(f->magic, sizeof(f->magic), "type 0x%lx", (unsigned long)fs.f_type);
    f->kind = f->magic;
    for (size_t i = 0; i < ARRAY_LEN(store_kinds); i++) {
        if (store_kinds[i].magic == (uint32_t)fs.f_type) {
            f->kind = store_kinds[i].name;
            f->problem = store_kinds[i].problem;
        }
    }
    f->no_exec = vfs.f_flag & ST_NOEXEC;
    /* ramfs and others don't count. */
    f->free_bytes = vfs.f_blocks ? (uint64_t)vfs.f_bavail * vfs.f_frsize : UINT64_MAX;
    AUTO_FD int scratch = -1;
    TRY(session_dir_scratch(root, &scratch));
    f->xattr = fsetxattr(scratch, "user.coracle.doctor", "1", 1, 0) == 0;
    return NULL;
}

static struct err *store_judge(const struct store_facts *f, struct strbuf *meaning)
{
    if (f->problem)
        TRY(strbuf_printf(meaning, "; %s", f->problem));
    if (f->no_exec)
        TRY(strbuf_puts(
            meaning, "; it is mounted noexec: programs run through an overlay only, not with the storage driver copy"));
    if (!f->xattr)
        TRY(strbuf_puts(meaning, "; it has no user extended attributes, which overlays in user namespaces need"));
    if (f->free_bytes < LITTLE_SPACE)
        TRY(strbuf_puts(meaning, "; there is little room for images"));
    return NULL;
}

struct err *doctor_probe_data_dir(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_PLACE struct session_place place = {0};
    AUTO_FREE char *dir = NULL;
    AUTO_STRBUF struct strbuf meaning = STRBUF_INIT;
    struct store_facts f = {0};
    const struct session_opts so = {.root = opts->root, .runroot = opts->runroot};
    TRY(session_place_find(&so, &place));
    DOCTOR_SET(item->probed, "file system, extended attributes and free space of %s", place.root);
    DOCTOR_SET(item->fix, "a data directory on a local ext4, xfs or btrfs: --root or CORACLE_ROOT");
    TRY(session_dir_prepare(&place, &dir));
    TRY(store_look(place.root, &f));
    TRY(store_judge(&f, &meaning));
    DOCTOR_SET(item->found, "%s, %s free, user xattrs %s", f.kind,
               f.free_bytes == UINT64_MAX ? "an unknown number of bytes" : number_human_bytes(f.free_bytes).s,
               f.xattr ? "work" : "do not work");
    if (meaning.len == 0) {
        DOCTOR_SET(item->fix, "%s", "");
        return NULL;
    }
    item->state = f.free_bytes < NO_SPACE ? DOCTOR_MISSING : DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning, "%s", strbuf_str(&meaning) + 2);
    return NULL;
}

struct err *doctor_probe_session_dir(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_PLACE struct session_place place = {0};
    AUTO_FREE char *dir = NULL;
    const struct session_opts so = {.root = opts->root, .runroot = opts->runroot};
    TRY(session_place_find(&so, &place));
    DOCTOR_SET(item->probed, "Unix sockets and flock in %s", place.dir);
    DOCTOR_SET(item->fix, "a run directory on a local file system: --runroot");
    TRY(session_dir_prepare(&place, &dir));
    DOCTOR_SET(item->found, "%s", dir);
    if (strcmp(dir, place.dir) == 0) {
        DOCTOR_SET(item->fix, "%s", "");
        return NULL;
    }
    item->state = DOCTOR_DEGRADED;
    item->rung = strncmp(dir, "/tmp/", 5) == 0 ? 3 : 2;
    DOCTOR_SET(item->meaning,
               "sockets or locks do not work below the data directory, so the session lives elsewhere; a "
               "clean-up there would end it");
    return NULL;
}
