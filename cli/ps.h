/* Rows of `ps`: what its fields are made from. */
#pragma once

#include <stdint.h>

#include "cli/template/template.h"
#include "engine/container/container.h"
#include "engine/image/image.h"

struct ps_namespaces {
    char cgroup[24], ipc[24], mnt[24], net[24], pid[24], user[24], uts[24]; /* inode numbers, "" when not running */
};
struct ps_row {
    const struct container *container;
    const struct image_config *config;      /* of its image, or NULL */
    const struct ps_namespaces *namespaces; /* with --ns, or NULL */
    const struct strv *networks;            /* names, or NULL */
    uint64_t size_rw, size_root;
    bool has_size, no_trunc;
    int64_t now_nsec;
};

extern const struct template_class ps_class;
extern const struct template_member ps_members[];
/* The object of --format json. */
struct err *ps_json(const struct ps_row *row, json_t **ret) ERR_RESULT;
/* The command as a list; needs the container's spec and its image's config. */
struct err *ps_command(const struct ps_row *row, struct strv *ret) ERR_RESULT;
/* ps_ports.c: "0.0.0.0:8080->80/tcp, …", and as objects (null without any). */
struct err *ps_ports_text(const struct ps_row *row, json_t **ret) ERR_RESULT;
struct err *ps_ports_list(const struct ps_row *row, json_t **ret) ERR_RESULT;
/* "Up 2 seconds ago", "Exited (0) 3 minutes ago", "Created". */
struct err *ps_status(const struct ps_row *row, char **ret) ERR_RESULT;
