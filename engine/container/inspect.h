/* What the files of `container inspect` share: inspect.c (the object, its state), inspect_config.c (Config),
 * inspect_host.c (HostConfig), inspect_network.c (NetworkSettings). The shapes are Podman 4.3's (libpod/define,
 * InspectContainerData). */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "engine/container/container.h"
#include "engine/image/image.h"

struct inspection {
    struct engine *e;
    struct container *c;
    struct image *image; /* NULL with --rootfs */
    struct image_config config;
    json_t *oci; /* config.json as a start would make it */
    char *dir, *run_dir;
    const char *driver;
};

/* The objects, new references. */
struct err *inspect_config(const struct inspection *in, json_t **ret) ERR_RESULT;
struct err *inspect_host(const struct inspection *in, json_t **ret) ERR_RESULT;

/* "key=value" strings as an object; NULL items as Go's null. */
struct err *inspect_put_pairs(json_t *obj, const char *key, const struct strv *pairs) ERR_RESULT;
/* Part of the OCI config, borrowed: inspect_oci(in, "process", "args"). NULL when absent. */
json_t *inspect_oci(const struct inspection *in, const char *section, const char *key);
/* inspect_network.c: the member NetworkSettings. */
struct err *inspect_put_network(const struct inspection *in, json_t *obj) ERR_RESULT;
/* inspect.c: an object in a list of mounts; nothing for what is neither bound nor a volume. */
struct mount_spec;
struct err *inspect_put_mount(json_t *arr, const char *root, const struct mount_spec *m) ERR_RESULT;
/* health.c: State.Health; Config.Healthcheck and what goes with it. */
struct err *inspect_put_health(json_t *state, const struct inspection *in) ERR_RESULT;
struct err *inspect_put_healthcheck(json_t *config, const struct inspection *in) ERR_RESULT;
/* inspect_host.c: published ports as members "80/tcp": [{"HostIp": …, "HostPort": …}]. */
struct err *inspect_put_ports(const struct strv *published, json_t *obj) ERR_RESULT;
