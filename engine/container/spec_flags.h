/* Values of run's and create's flags, parsed into a container_spec. Included by spec.h. Pure, except that relative host
 * paths are made absolute by the working directory. */
#pragma once

#include "base/err.h"

struct container_spec;

/* Flag values, as Podman takes them; each appends to or sets in `s`. ERR_INVALID with Podman's message where it has
 * one. */
struct err *spec_add_volume(struct container_spec *s, const char *value) ERR_RESULT; /* -v [src:]dst[:opts] */
struct err *spec_add_mount(struct container_spec *s, const char *value) ERR_RESULT;  /* --mount type=…,… */
struct err *spec_add_tmpfs(struct container_spec *s, const char *value) ERR_RESULT;  /* --tmpfs dst[:opts] */
struct err *spec_add_device(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_add_ulimit(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_add_env(struct container_spec *s, const char *value,
                         char *const *host_env) ERR_RESULT; /* K=V, K, K* */
struct err *spec_add_env_file(struct container_spec *s, const char *text, size_t len, char *const *host_env) ERR_RESULT;
/* What the host's environment gives: everything with env_host, else the proxy variables unless no_http_proxy. */
struct err *spec_add_host_env(struct container_spec *s, char *const *host_env) ERR_RESULT;
struct err *spec_add_label(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_add_annotation(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_add_publish(struct container_spec *s, const char *value) ERR_RESULT;
/* `which` is "pid", "ipc", "uts", "network", "cgroupns" or "userns". A network that is none of none, host, container:,
 * ns: is NS_PRIVATE with its text as arg: "bridge", "slirp4netns:mtu=…", a network's name. */
struct err *spec_set_ns(struct container_spec *s, const char *which, const char *value) ERR_RESULT;
/* One value of --network, in the order given: as spec_set_ns(), or named networks, which may be given several times. */
struct err *spec_add_network(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_set_restart(struct container_spec *s, const char *value) ERR_RESULT;
struct err *spec_set_entrypoint(struct container_spec *s, const char *value) ERR_RESULT; /* JSON array or string */
/* A limit of one block device. `kind` says what the second part of "/dev/sda:1mb" is. */
enum throttle_kind {
    THROTTLE_WEIGHT,
    THROTTLE_READ_BPS,
    THROTTLE_WRITE_BPS,
    THROTTLE_READ_IOPS,
    THROTTLE_WRITE_IOPS,
    THROTTLE_KINDS
};
/* *ret_path is allocated; bytes or operations a second, or a weight. ERR_INVALID in Podman's words. */
struct err *spec_parse_throttle(enum throttle_kind kind, const char *value, char **ret_path,
                                uint64_t *ret_rate) ERR_RESULT;
/* The list of a kind. */
const struct strv *spec_throttles(const struct resource_spec *r, enum throttle_kind kind);
struct strv *spec_throttles_of(struct resource_spec *r, enum throttle_kind kind);
/* "TERM", "SIGTERM", "sigrtmin+3", "15": `invalid signal: X`. Numbers as on this machine. */
struct err *spec_parse_signal(const char *value, int *ret) ERR_RESULT;
/* A container's, volume's or pod's name: `names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`. */
struct err *spec_check_name(const char *name) ERR_RESULT;
