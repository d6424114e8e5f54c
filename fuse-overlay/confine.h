/* Giving up rights once the layers are open: an empty root, no new privileges, few system calls.
 *
 * What is left works on descriptors: files below the layers, the FUSE device, memory, threads. Paths mean nothing any
 * more, since the root is an empty, detached tmpfs; sockets, programs, ptrace, namespaces, mounts (but unmounting) are
 * not allowed. What is not in the list answers ENOSYS. Sources: seccomp(2), chroot(2), fsmount(2). */
#pragma once

#include "base/err.h"

/* Of the whole process, while it has one thread. The empty root needs rights that only a user namespace's root has; an
 * ordinary user's process goes without. */
struct err *confine(void) ERR_RESULT;
