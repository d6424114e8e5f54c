/* Types of the tables that seccomp_embed.c writes. */
#pragma once

#include <stdint.h>

enum {
    KIND_ALLOW,
    KIND_REFUSE,
    KIND_SOCKETCALL,
    KIND_IDS_SET, /* about ids: allowed, or as enum seccomp_ids says */
    KIND_IDS_SEE,
    KIND_IDS_MAKE,     /* only with O_CREAT among the flags, argument 1 ... */
    KIND_IDS_MAKE_AT,  /* ... or 2 */
    KIND_IDS_LIMIT,    /* only of RLIMIT_LOCKS, argument 0 ... */
    KIND_IDS_LIMIT_OF, /* ... or 1 */
    KIND_IDS_KEEP,     /* only PR_SET_KEEPCAPS */
    KIND_GROUP = 16,
    KIND_RULES = 64
};
enum { CMP_EQ, CMP_NE, CMP_MASKED_EQ };

/* System call `nr` and what decides about it: KIND_GROUP + index, KIND_RULES + set, or one of the fixed kinds. */
struct seccomp_call {
    uint32_t nr;
    uint32_t kind;
};
struct seccomp_arch {
    uint32_t audit;                   /* AUDIT_ARCH_… */
    const struct seccomp_call *calls; /* sorted */
    size_t n_calls;
};
/* Allowed with any of the capabilities, else EPERM. */
struct seccomp_group {
    uint64_t caps;
    const char *names; /* JSON strings */
};
struct seccomp_arg {
    uint32_t index, op;
    uint32_t value, value_two; /* CMP_MASKED_EQ: (arg & value) == value_two */
};
/* One rule of a call: all arguments must match. */
struct seccomp_rule {
    uint32_t set;
    uint64_t with, without; /* capability that must, that must not be there; 0: none */
    uint32_t errno_ret;     /* 0: allowed */
    uint32_t n_args;
    struct seccomp_arg args[2];
    const char *json;
};
