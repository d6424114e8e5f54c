/* Destinations of remote services, as `podman system connection` keeps them in podman-connections.json.
 *
 * The file is $PODMAN_CONNECTIONS_CONF, else podman-connections.json in the user's configuration directory:
 * {"Connection": {"Default": NAME, "Connections": {NAME: {"URI": …, "Identity": …, "IsMachine": …}}}, "Farm": …}; what
 * else is in it stays. containers.conf may name destinations as well ([engine] service_destinations and
 * active_service), which are not changed from here. Source: podman-system-connection(1), containers.conf(5).
 */
#pragma once

#include "base/json.h"

struct conf;

struct connection { /* borrowed from struct connections */
    const char *name, *uri, *identity;
    bool is_machine, is_default;
    bool read_write; /* of the JSON file */
};
struct connections {
    json_t *file;
    struct connection *items; /* by name; one of the JSON file goes before its namesake in containers.conf */
    size_t count, cap;
};
void connections_done(struct connections *c);
#define AUTO_CONNECTIONS __attribute__((cleanup(connections_done)))
/* ERR_INVALID names the file when it is damaged. `conf` is borrowed as long as *ret lives. */
struct err *connections_read(const struct conf *conf, struct connections *ret) ERR_RESULT;

/* Changes of the JSON file, each under a lock of its own. The first connection becomes the default. */
struct err *connections_add(const char *name, const char *uri, const char *identity, bool make_default) ERR_RESULT;
/* NULL: all. One that isn't there is fine. */
struct err *connections_remove(const char *name) ERR_RESULT;
/* ERR_NOT_FOUND in Podman's words; ERR_EXISTS when the new name is taken. */
struct err *connections_rename(const char *name, const char *new_name) ERR_RESULT;
struct err *connections_set_default(const char *name) ERR_RESULT;

/* What was given as a destination, checked and completed. */
struct connection_url_opts {
    const char *destination;
    const char *identity, *socket_path; /* or NULL */
    int64_t port;                       /* 0: not given */
    const char *user;                   /* of who asks, for ssh without a name */
};
/* *ret is the URI; *ret_warning, a line for the user, may stay NULL. Computes, but for a look at the socket of unix://.
 * ERR_INVALID in Podman's words. */
struct err *connection_url(const struct connection_url_opts *o, char **ret, char **ret_warning) ERR_RESULT;
