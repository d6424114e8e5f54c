/* --security-opt: a list of words to a struct. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

struct container_spec;

/* What becomes of calls about ids where a user has one: they are answered for, they seem to succeed, or the kernel's
 * word is passed on. */
enum security_ids { SECURITY_IDS_FULL, SECURITY_IDS_PRETEND, SECURITY_IDS_OFF };

/* Strings are borrowed from the list that was parsed. */
struct security_opts {
    bool no_new_privileges;
    const char *seccomp;   /* NULL: the default profile; "unconfined"; else the path of a profile */
    const char *apparmor;  /* NULL, "unconfined" or a profile's name */
    const char *proc_opts; /* comma-separated, or NULL */
    bool unmask_all;
    enum security_ids ids;
    bool allow_socketcall;    /* 32-bit programs on x86: see seccomp_default.json */
    struct strv mask, unmask; /* paths; unmask: glob(7) patterns */
};

/* "no-new-privileges", "seccomp=…", "apparmor=…", "mask=a:b", "unmask=ALL", "proc-opts=…", "label=disable",
 * "socketcall=allow", "ids=full|pretend|off", and Docker's "systempaths=unconfined"; a colon may stand for the equals
 * sign. ERR_INVALID: `invalid --security-opt 2: "x=y"`. SELinux labels other than "disable" are ERR_UNSUPPORTED:
 * nothing here could enforce them. */
struct err *security_opts_parse(const struct strv *list, struct security_opts *ret) ERR_RESULT;
/* Does the profile of the image's label count (--seccomp-policy image, and none given by name)? */
bool security_opts_image_profile(const struct security_opts *o, const struct container_spec *spec);
void security_opts_done(struct security_opts *o);
#define AUTO_SECURITY_OPTS __attribute__((cleanup(security_opts_done)))
