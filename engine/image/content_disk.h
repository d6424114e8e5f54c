/* What the file system is told about layers that are being made. All of it is for speed alone: nothing here fails. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* The directories that will be made in this one have nothing to do with each other: each gets a part of the disk of its
 * own. chattr(1), attribute T; ext4 alone knows it. */
void content_spread(int dirfd);

/* Writing to disk what is complete, while more is being made. Zero is the beginning. */
struct content_disk {
    pid_t child;          /* which does it, or 0 */
    uint64_t ready_bytes; /* that nobody has begun to write */
};
/* So much more of the file system of `dirfd` will be asked for by store_sync_files(). */
void content_disk_begin(struct content_disk *d, int dirfd, uint64_t bytes);
/* What is under way goes on, and nobody waits for it. */
void content_disk_done(struct content_disk *d);
