/* What the files of container_spec share. */
#pragma once

#include "engine/container/spec.h"

#define SPEC_LIST_MAX 4096

void spec_mount_done(struct mount_spec *m);
void spec_device_done(struct device_spec *d);
void spec_ulimit_done(struct ulimit_spec *u);
#define AUTO_MOUNT __attribute__((cleanup(spec_mount_done)))
#define AUTO_DEVICE __attribute__((cleanup(spec_device_done)))
#define AUTO_ULIMIT __attribute__((cleanup(spec_ulimit_done)))

/* Append; the element is consumed in every case and left empty. */
struct err *spec_take_mount(struct container_spec *s, struct mount_spec *take_m) ERR_RESULT;
struct err *spec_take_device(struct container_spec *s, struct device_spec *take_d) ERR_RESULT;
struct err *spec_take_ulimit(struct container_spec *s, struct ulimit_spec *take_u) ERR_RESULT;

/* Both mean the same mount, option for option. */
bool spec_mount_equal(const struct mount_spec *a, const struct mount_spec *b);
/* As spec_take_mount, dropping one that is there already: `-v /a:/b -v /a:/b` is one mount. */
struct err *spec_take_mount_once(struct container_spec *s, struct mount_spec *take_m) ERR_RESULT;
/* An absolute, clean path inside the container: `invalid container path "X", must be an absolute path`. */
struct err *spec_check_target(const char *path, char **ret_clean) ERR_RESULT;
/* The mount that the container was given for `target`, or NULL. */
struct mount_spec *spec_mount_at(const struct container_spec *s, const char *target);
/* Port ranges of --expose: "80", "80-90", "80/udp". */
struct err *spec_check_expose(const char *value) ERR_RESULT;
/* Parts of container_spec_check (spec_check.c), by subject: spec_check_limits.c. */
struct err *spec_check_resources(const struct resource_spec *r) ERR_RESULT;
struct err *spec_check_throttles(const struct resource_spec *r) ERR_RESULT; /* spec_throttle.c */
struct err *spec_check_device_rules(const struct container_spec *s) ERR_RESULT;
struct err *spec_check_sysctls(const struct container_spec *s) ERR_RESULT;
struct err *spec_check_network(const struct container_spec *s) ERR_RESULT;
