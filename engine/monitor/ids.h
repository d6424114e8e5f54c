/* Ids where there is only one: what processes of a container ask of user and group ids, answered by a process beside
 * the monitor.
 *
 * A user namespace with one id has no other users: setuid(2), setgroups(2) and chown(2) to any of them fail, and with
 * them dpkg, su, tar, useradd, every service that gives up root. So the container's seccomp filter hands those calls to
 * us (SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)), and with them the calls that would show that nothing has changed.
 *
 *     setuid …       credentials as they would be; ids_creds.h says where they are kept
 *     getuid …       these
 *     execve         of a setuid program by somebody who believes not to be root
 *     chown          recorded at the file (base/override.h), which layers that are made of it know how to read
 *     stat           of a file that has a record: what that says; all others go on to the kernel at once
 *     open, mkdir …  new files of somebody who believes not to be root, or in a setgid directory, get a record
 *     chmod, mkdir   of directories that their owner could not delete: open on disk, and recorded as asked for
 *     mknod          of devices: an empty file with a record
 *
 * It protects nobody from anybody: all that has the one id can do what that can do, whatever it believes to be. The
 * kernel has the last word on every file, since what is done for a process is done with the rights of the container's
 * root in the process's own view of the file system, and never opened by more than path_open_in_root() opens.
 *
 * Processes are known by the numbers that notifications bring. Whatever was read of one counts only if the kernel says
 * afterwards that it still waits (SECCOMP_IOCTL_NOTIF_ID_VALID); to its memory is written through a descriptor that was
 * open before that was asked.
 *
 * The process is a fork of the monitor, and ends with it. Each run of the OCI runtime (the container's start, each
 * exec) connects to a socket in the monitor's private directory and brings the descriptor of a filter: "seccompFd" of
 * the OCI runtime specification, config-linux.md, "The Container Process State". The monitor keeps these (ids_keep.c):
 * should the process be killed, calls wait until there is another one, which is at once.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* The socket, in the monitor's private directory: linux.seccomp.listenerPath. */
#define IDS_SOCKET "ids"

struct server;

/* Start it, if the plan says so. After the mounts. */
struct err *ids_start(struct server *s) ERR_RESULT;
/* It is no child any more, although nobody asked for that. */
void ids_ended(struct server *s);
/* End it; may be called again. */
void ids_end(struct server *s);
