/* The probes behind doctor.c's table. */
#pragma once

#include "rootless/doctor.h"

/* Fill in an item: state and texts, each a format of its own or NULL. */
#define DOCTOR_SET(slot, ...)                    \
    do {                                         \
        free(slot);                              \
        (slot) = NULL;                           \
        TRY(mem_asprintf(&(slot), __VA_ARGS__)); \
    } while (0)

typedef struct err *(*doctor_probe_fn)(const struct doctor_opts *opts, struct doctor_item *item);

/* doctor_ids.c */
struct err *doctor_probe_ranges(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_idmap_helpers(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_security(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
/* doctor_try.c */
struct err *doctor_probe_userns(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_overlay(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
/* In a child: a user namespace with this process's one id, and a mount namespace. 0 or an errno. */
int doctor_enter(void);
/* doctor_rungs.c: any need that is made of rungs (rung.h), and this process's limits */
struct err *doctor_probe_rungs(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_limits(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
/* doctor_host.c */
struct err *doctor_probe_fuse(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_tun(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_slirp(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_runtimes(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_kernel(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
/* doctor_cgroup.c */
struct err *doctor_probe_cgroups(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
/* doctor_store.c */
struct err *doctor_probe_session_dir(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
struct err *doctor_probe_data_dir(const struct doctor_opts *opts, struct doctor_item *item) ERR_RESULT;
