/* Giving up rights before the first hostile byte is read.
 *
 * Two walls around the file system, where the host allows both: the directory becomes the root (chroot, which a user
 * namespace allows), so that nothing else has a name; and Landlock refuses everything outside of it. One of the two is
 * enough; where neither can be applied it is an error. Then: no new privileges, only the capabilities that making files
 * needs, no descriptors but those of the job, limits on memory and descriptors, and a seccomp filter that leaves
 * file operations, memory and threads. What is missing from its list answers ENOSYS.
 * Sources: landlock(7), capabilities(7), seccomp(2).
 */
#pragma once

#include "base/err.h"

enum confine_for {
    CONFINE_UNPACK, /* make files of any owner and mode below the directory */
    CONFINE_PACK,   /* read everything below the directory, change nothing */
};

/* Of the whole process; call it while there is one thread. `dirfd` stays usable. *ret_landlock: the errno that says why
 * it is without Landlock, 0 when it is with it. ERR_UNSUPPORTED. */
struct err *confine_process(int dirfd, enum confine_for purpose, int *ret_landlock) ERR_RESULT;

/* The last step of it, in confine_syscalls.c. */
struct err *confine_syscalls(enum confine_for purpose) ERR_RESULT;
