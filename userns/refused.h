/* Who refused a user namespace, and what would change that. */
#pragma once

#include "base/err.h"

enum refused_step {
    REFUSED_CREATE, /* unshare(CLONE_NEWUSER) or the mount namespace with it */
    REFUSED_MAP,    /* writing its id maps */
    REFUSED_MOUNT,  /* the first mount in it */
};
/* An error (ERR_DENIED or ERR_UNSUPPORTED, with `errnum`) whose text names the sysctl, security module, seccomp
 * filter or chroot in the way, as far as this process can see it. Call it in the parent namespace. */
struct err *refused_explain(enum refused_step step, int errnum) __attribute__((returns_nonnull)) ERR_RESULT;
