/* Unpacking and packing layers: runs coracle-layer, the only program that parses tar and compression formats.
 *
 * coracle-layer is started inside the session's namespaces, receives open descriptors (archive, target directory) and
 * confines itself before it reads the first byte: Landlock or an empty root, no_new_privs, seccomp, only the
 * capabilities that setting owners needs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "userns/idmap.h"

struct layer_starter; /* starter.h */

/* How deletions and opaque directories are written for the storage driver. */
enum layer_format {
    LAYER_OVERLAY, /* 0/0 character devices (or the xattr form where mknod is refused), user.overlay.opaque=y */
    LAYER_WH,      /* .wh. files as in the tar (copy driver: applied while copying) */
};

struct layer_unpack_opts {
    int archive_fd;          /* the layer: plain, gzip, zstd, xz or bzip2 tar; read to its end */
    int target_dirfd;        /* empty directory that becomes the layer */
    const char *diff_id;     /* expected digest of the uncompressed tar, or NULL: compute only */
    const char *blob_digest; /* expected digest of the bytes as they come, or NULL */
    int blob_copy_fd;        /* > 0: also write the bytes as they come here */
    enum layer_format format;
    bool single_id;                         /* owners can't be set: they are recorded (base/override.h) */
    bool ignore_chown_errors;               /* keep going where an owner has no id in this namespace */
    uint64_t max_bytes;                     /* limit of unpacked bytes (0: 1 TiB) and ... */
    uint64_t max_entries;                   /* ... entries (0: 16 million) */
    struct layer_starter *starter;          /* borrowed; NULL: a program of its own for this layer */
    const struct layer_insert_opts *insert; /* inside coracle-layer: this is what it is for; or NULL */
};

struct layer_result {
    char diff_id[80]; /* "sha256:…" */
    char blob_digest[80];
    uint64_t blob_bytes;     /* as they came */
    uint64_t tar_bytes;      /* uncompressed */
    uint64_t unpacked_bytes; /* of regular files */
    uint64_t entries;
    uint64_t ids_ignored;     /* entries whose owner could not be kept (single id) */
    uint64_t xattrs_ignored;  /* extended attributes that this host or file system refuses */
    int64_t landlock_errno;   /* why the confinement is without Landlock; 0: it is with it */
    uint64_t devices_skipped; /* device nodes, impossible in a user namespace (as Podman does) */
};
/* ERR_CORRUPT (digest, format; truncated), ERR_INVALID (an entry that tries to leave the layer; named), ERR_NO_SPACE.
 */
struct err *layer_unpack(const struct layer_unpack_opts *opts, struct layer_result *ret) ERR_RESULT;

/* The same in parts, so that several run side by side: start, then finish. */
struct layer_job;
struct err *layer_unpack_start(const struct layer_unpack_opts *opts, struct layer_job **ret) ERR_RESULT;
struct err *layer_job_finish(struct layer_job *take_job, struct layer_result *ret) ERR_RESULT;
/* Readable once layer_job_finish() will not have to wait. Borrowed. */
int layer_job_fd(const struct layer_job *job);
/* Kill it. What it has written stays. */
void layer_job_cancel(struct layer_job *take_job);

/* Copy the members of an outer archive (docker save / oci-archive; itself maybe compressed) into a directory as plain
 * files: only regular files and links between them inside the archive, names checked, no owners. */
struct err *layer_extract_archive(int archive_fd, int target_dirfd, uint64_t max_bytes) ERR_RESULT;

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };
struct layer_pack_opts {
    int source_dirfd; /* a layer's diff directory in LAYER_OVERLAY form, or a whole root file system */
    int archive_fd;   /* written */
    enum layer_compression compression;
    bool diff;               /* turn overlay whiteouts into .wh. entries; else they are left out */
    bool no_root;            /* no entry for the directory itself */
    bool single_id;          /* owners are those that are recorded (base/override.h) */
    const char *only;        /* one name of the directory, with what is below it; or NULL */
    struct strv skip;        /* paths relative to the directory that are left out while they are empty; borrowed */
    struct strv omit;        /* ... with everything in them; borrowed */
    struct idmap uids, gids; /* whose ids the archive has: those of `ct`, the files here have `host`; empty: as they
                                are; borrowed */
};
struct err *layer_pack(const struct layer_pack_opts *opts, struct layer_result *ret) ERR_RESULT;
struct err *layer_pack_start(const struct layer_pack_opts *opts, struct layer_job **ret) ERR_RESULT;

/* The files of a tar, in any compression, into a directory that has files already (`cp -`, `volume import`). Names are
 * taken as they are: whiteouts mean nothing here. */
struct layer_insert_opts {
    int archive_fd;
    int target_dirfd;
    bool keep_root;  /* an entry for the directory itself changes nothing */
    bool keep_kinds; /* ERR_EXISTS where a directory would become something else, or something else a directory */
    bool single_id;  /* as in struct layer_unpack_opts */
    bool own;        /* everything belongs to ... */
    uid_t uid;       /* ... these */
    gid_t gid;
};
struct err *layer_insert(const struct layer_insert_opts *opts, struct layer_result *ret) ERR_RESULT;

/* The same layer in another compression, verified on the way. Level 0: the format's default; gzip has 1 to 9, zstd 1 to
 * 19. Result: diff_id and tar_bytes of what was read, blob_digest and blob_bytes of what was written. */
struct layer_recode_opts {
    int archive_fd;          /* read from where it stands to its end, in any compression */
    int output_fd;           /* written */
    int empty_dirfd;         /* where the program is locked up: it needs no file */
    const char *diff_id;     /* expected, or NULL */
    const char *blob_digest; /* expected of what is read, or NULL */
    enum layer_compression compression;
    int level;
};
struct err *layer_recode_start(const struct layer_recode_opts *opts, struct layer_job **ret) ERR_RESULT;
/* A plain tar of the files of a directory tree (docker-archive, oci-archive on save), names sorted, owner 0. */
struct err *layer_pack_archive(int source_dirfd, int archive_fd) ERR_RESULT;
