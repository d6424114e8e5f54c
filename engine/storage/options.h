/* Options of storage drivers, as --storage-opt and storage.conf give them: containers-storage.conf(5). Computes only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct storage_options {
    char *mount_program; /* absolute; instead of the kernel's overlay; NULL */
    char *mountopt;      /* as given, for `info`; NULL */
    /* What mountopt means: */
    unsigned long flags; /* MS_NODEV, MS_NOSUID, MS_NOEXEC, MS_NOATIME …, for every driver */
    bool is_volatile;    /* nothing is waited for on its way to the disk */
    char *fuse;          /* options that only coracle-overlay has, as one list; NULL */

    struct strv image_stores;    /* directories of images that others share, absolute, first ones first */
    uint64_t size_bytes, inodes; /* what each container may write; 0: no limit */

    bool ignore_chown_errors; /* owners of an image that have no id here: the user's own instead */
};

void storage_options_done(struct storage_options *o);
/* One "overlay.mountopt=nodev": a later one replaces an earlier one of the same name. ERR_INVALID for names that
 * Podman doesn't have, ERR_UNSUPPORTED for what cannot be honoured here; the text names the option. `from_file`: said
 * in a storage.conf that is there for other programs as well, so that options which Podman itself drops for ordinary
 * users (metacopy=on …) are passed over. */
struct err *storage_options_add(struct storage_options *o, const char *option, bool from_file) ERR_RESULT;
