/* The seccomp part of a config.json: the default profile (seccomp_default.json, embedded as text), or one that the user
 * brings, in the format of Docker and Podman.
 *
 * The default also travels as a finished filter program in the annotation run.oci.seccomp_bpf_data, crun(1): compiling
 * the profile costs crun two thirds of its time (9 of 15 ms on the machine where this was measured), loading the
 * program nothing. A runtime that doesn't know the annotation compiles the section, which says the same; tests/unit
 * compares the two call by call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Calls about ids (monitor/ids.h). */
enum seccomp_ids {
    SECCOMP_IDS_ALLOW,
    SECCOMP_IDS_PRETEND, /* those that set something succeed and do nothing */
    SECCOMP_IDS_ASK,     /* somebody answers for them */
};

struct seccomp_options {
    uint64_t caps; /* bounding set of the container */
    enum seccomp_ids ids;
    bool all;              /* everything else is allowed (privileged) */
    const char *listener;  /* with SECCOMP_IDS_ASK: the socket that the runtime hands the filter to */
    bool uninterrupted;    /* ... whose answers wait for no signal: this kernel and runtime know the flag */
    bool allow_socketcall; /* 32-bit programs may use socketcall(2) on x86 */
};

/* Append the object of linux.seccomp for the default profile. */
struct err *seccomp_put_default(struct strbuf *sb, const struct seccomp_options *o) ERR_RESULT;
/* Append the same as a filter program, in base64. *ret_ok is false, and nothing is appended, where this architecture
 * has no tables. */
struct err *seccomp_put_program(struct strbuf *sb, const struct seccomp_options *o, bool *ret_ok) ERR_RESULT;
/* Append linux.seccomp for a profile in Docker's format: "includes" and "excludes" (caps, arches, minKernel) are
 * decided here, archMap becomes architectures. ERR_INVALID names what is wrong with it. */
struct err *seccomp_put_profile(struct strbuf *sb, const char *text, const struct seccomp_options *o) ERR_RESULT;

struct sock_filter;
/* The program itself, at most `cap` instructions; *ret_count is 0 where this architecture has no tables. */
struct err *seccomp_assemble(const struct seccomp_options *o, struct sock_filter *insns, size_t cap,
                             size_t *ret_count) ERR_RESULT;
