/* Lists of allowed system calls, by libseccomp. A library of its own (base_seccomp_dep): few programs need it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <seccomp.h>

#include "base/err.h"

/* The same action for many calls. Names that this architecture has no call for are passed over. Zero or a negative
 * errno, as libseccomp's own functions. */
int syscalls_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n);
/* Allow what every program with threads needs, and no more of it: memory that is never executable, threads but no
 * processes, signals to itself alone (abort). The result as above. */
int syscalls_add_threads(scmp_filter_ctx ctx);
/* Make a filter that answers everything with ENOSYS, have `fill` add to it (zero or a negative errno), and load it for
 * this process. Cannot be undone. ERR_UNSUPPORTED where the kernel refuses. */
struct err *syscalls_restrict(int (*fill)(scmp_filter_ctx ctx, void *arg), void *arg) ERR_RESULT;
