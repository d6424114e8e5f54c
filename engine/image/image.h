/* Images: names, manifests, configs, and archives. One row per config digest; layers are shared by diff id.
 *
 * Runs inside the session. Never talks to the network. Everything parsed here is hostile: sizes and depths are limited.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;

struct image_platform {
    char *os, *arch, *variant; /* NULL: this machine's */
};
void image_platform_done(struct image_platform *p);
/* "linux/arm64/v8", "arm64". */
struct err *image_platform_parse(const char *text, struct image_platform *ret) ERR_RESULT;

/* What the container side needs of an image's config; strings owned. */
struct image_config {
    struct strv env, cmd, entrypoint, volumes, exposed_ports, shell;
    struct strv labels;                 /* "key=value" */
    char *user, *workdir, *stop_signal; /* NULL when not set */
    char *healthcheck;                  /* JSON text as in the config, or NULL */
};
void image_config_done(struct image_config *c);

struct image {
    char *id; /* 64 hex */
    char *manifest_digest, *config_digest, *media_type;
    char *digest; /* as users know it: of what it came by first, an index or a manifest */
    char *os, *arch, *variant;
    int64_t created_nsec;
    uint64_t size_bytes;
    bool is_list;             /* a manifest list (engine/image/index.h): no config, no layers */
    bool own_manifest;        /* made here, because it came without one */
    struct strv names;        /* "docker.io/library/debian:12", oldest first */
    struct strv digest_names; /* "docker.io/library/debian@sha256:…", which it was pulled by */
    struct strv digests;      /* "docker.io/library/debian@sha256:…" */
    struct strv layer_dirs; /* short directory names below <root>/layers/, bottom first; or see image_layers_ready() */
    struct strv diff_ids;
    uint64_t containers; /* rows that use it */
    /* Where it is, when not in our own store: "packed:/abs/FILE", "store:/abs/DIR#ID" (engine/image/outside.h), a name
     * for image_find(); or NULL. Then its documents are here. */
    char *origin;
    char *config_text, *manifest_text;
};
void image_free(struct image *i);

/* Find by name (short names are normalised as Podman does: as given, localhost/…, docker.io/library/…), by id or a
 * unique prefix of it, by digest. ERR_NOT_FOUND "NAME: image not known"; an ambiguous prefix is ERR_INVALID. A manifest
 * list stands for its image for this machine. "packed:FILE" is a packed image; images of additional stores are found
 * when there is none of the name in our own. */
struct err *image_find(struct engine *e, const char *name, struct image **ret) ERR_RESULT;
/* Layers as a storage driver takes them: packed ones are mounted. Appended. Such mounts are not taken away as long as
 * *hold_fd is open, which the caller closes when the layers are in a mount of its own; it is opened here where there is
 * something to hold, if it is not above 0 already. */
struct err *image_layers_ready(struct engine *e, const struct strv *layers, struct strv *ret, int *hold_fd) ERR_RESULT;
/* Take packed images' mounts away that nobody holds; what runs on them goes on. */
void image_layers_sweep(struct engine *e);
/* Only whether; a manifest list is as good as an image. ERR_NOT_FOUND. */
struct err *image_exists(struct engine *e, const char *name) ERR_RESULT;
struct err *image_read_config(struct engine *e, const struct image *i, struct image_config *ret) ERR_RESULT;
/* The whole config / manifest document, as stored. */
struct err *image_read_config_text(struct engine *e, const struct image *i, char **ret) ERR_RESULT;
struct err *image_read_manifest_text(struct engine *e, const struct image *i, char **ret) ERR_RESULT;
/* Find it, or take it from the embedded images ("coracle/hello", "coracle/busybox", also with localhost/ or :latest),
 * or from a registry, as `policy` says: "never", "missing" (NULL), "always", "newer". */
struct err *image_ensure(struct engine *e, const char *name, const char *policy, const struct image_platform *platform,
                         struct image **ret) ERR_RESULT;

/* --- signatures; sign.c, sign_image.c. */
struct trust;
struct image_signing {
    const char *gpg_key;      /* as gpg finds it; needs gpg_signer */
    struct trust *gpg_signer; /* trust_start() before the engine was opened: gpg's agent belongs to the real user */
    const char *sigstore_key_file, *sigstore_params;
    const char *passphrase; /* of whichever key, or NULL */
    bool replace;           /* signatures that are at the destination go */
};
/* The first line of a file. */
struct err *image_read_passphrase(const char *path, char **ret) ERR_RESULT;
struct registry_opts;
struct image_sign_opts {
    const struct registry_opts *registry;
    const char *key;
    struct trust *gpg_signer;
    const char *directory; /* NULL: as registries.d says */
    bool all;              /* the images of a list, instead of the list */
};
/* A GPG signature for "docker://…", whose manifest is asked for. Needs no engine. */
struct err *image_sign(const char *name, const struct image_sign_opts *opts) ERR_RESULT;

/* --- registries; pull.c, push.c. These alone talk to the network, through coracle-registry. */
struct image_bars;
struct image_pull_opts {
    const struct registry_opts *registry;  /* NULL: defaults */
    const struct image_platform *platform; /* or NULL */
    const char *policy;                    /* "always" (NULL), "missing", "newer", "never" */
    const char *signature_policy;          /* file, instead of policy.json where it usually is */
    bool all_tags;
    /* An ambiguous short name: which of these? NULL: nobody can be asked. */
    struct err *(*choose)(void *arg, const struct strv *names, size_t *ret_index);
    void (*progress)(void *arg, const char *line); /* NULL: quiet */
    void *progress_arg;
    const struct image_bars *bars; /* for a terminal, or NULL */
};
/* `name`: a short name, "host/path:tag", "host/path@digest", with or without docker://. Ids of the images. */
struct err *image_pull(struct engine *e, const char *name, const struct image_pull_opts *opts,
                       struct strv *ret_ids) ERR_RESULT;
/* Pushing: engine/image/push.h. */

struct image_list_opts {
    struct strv filters; /* "reference=…", "dangling=true", "label=…", "before=…", "since=…", "id=…", "containers=…" */
    const char *name; /* or NULL */
    bool all;
};
struct err *image_list(struct engine *e, const struct image_list_opts *opts, struct image ***ret,
                       size_t *ret_count) ERR_RESULT;
void image_list_free(struct image **list, size_t count);

struct err *image_tag(struct engine *e, const char *name, const char *new_name) ERR_RESULT;
/* No names given: all of the image's. */
struct err *image_untag(struct engine *e, const char *name, const struct strv *names) ERR_RESULT;
struct image_remove_opts {
    bool force;     /* also containers that use it, all names when given by id */
    bool all_names; /* an id stands for the image with all its names */
    bool no_prune;
    bool ignore; /* missing is fine */
    /* With force: removes a container (with what needs it); may be NULL, then containers are ERR_IN_USE as without. */
    struct err *(*remove_container)(struct engine *e, const char *id, void *arg);
    void *arg;
};
/* Podman's rules: a name of several is only taken away; an id of something with several names needs force; an unnamed
 * parent that nothing else was built on goes too, unless no_prune. ret_untagged: names; ret_deleted: ids; as Podman
 * prints ("Untagged: …", "Deleted: …"). ERR_IN_USE (exit code 2 in the CLI) when a container uses it. */
struct err *image_remove(struct engine *e, const char *name, const struct image_remove_opts *opts,
                         struct strv *ret_untagged, struct strv *ret_deleted) ERR_RESULT;

/* Remove the images to which one of `damaged` belongs (store_check()). Their ids are appended: of the removed, and of
 * those that containers keep. */
struct err *image_remove_damaged(struct engine *e, const struct strv *damaged, const struct image_remove_opts *opts,
                                 struct strv *ret_removed, struct strv *ret_kept) ERR_RESULT;

struct image_load_opts {
    const char *path; /* file or directory; "-" or NULL: fd */
    int fd;           /* read when path is NULL or "-" */
    struct image_platform platform;
    bool all_platforms;
    bool unnamed;          /* names in there are not given to anything here; one image, unless all_platforms */
    const char *reference; /* only the image of this name in there, or "@N", the Nth of a docker-archive; NULL: all */
    const char *signature_policy;                  /* as in image_pull_opts */
    void (*progress)(void *arg, const char *line); /* NULL: quiet */
    void *progress_arg;
    const struct image_bars *bars; /* for a terminal, or NULL */
};
/* docker-archive, oci-archive, oci directory, dir: — found out from the content; compressed or not. Nothing half-made.
 */
struct err *image_load(struct engine *e, const struct image_load_opts *opts, struct strv *ret_names) ERR_RESULT;
enum image_format { IMAGE_DOCKER_ARCHIVE, IMAGE_OCI_ARCHIVE, IMAGE_OCI_DIR, IMAGE_DOCKER_DIR };
struct image_save_opts {
    enum image_format format;
    const char *path; /* file or directory; NULL: fd */
    int fd;
    bool compress;                                 /* docker-dir: gzip layers */
    bool multi;                                    /* several images into one docker-archive */
    const char *reference;                         /* its name in there instead of its own; "": none; NULL: its own */
    bool add;                                      /* to an OCI directory that is there */
    void (*progress)(void *arg, const char *line); /* NULL: quiet */
    void *progress_arg;
};
struct err *image_save(struct engine *e, const struct strv *names, const struct image_save_opts *opts) ERR_RESULT;
struct image_import_opts {
    const char *path; /* tar, compressed or not; "-" or NULL: fd */
    int fd;
    const char *name;    /* reference, or NULL */
    struct strv changes; /* Containerfile instructions */
    const char *message;
    struct image_platform platform;
};
struct err *image_import(struct engine *e, const struct image_import_opts *opts, char **ret_id) ERR_RESULT;

/* Lines of `history`, newest first. */
struct image_history {
    char *id; /* or "<missing>" */
    char *created_by, *comment;
    int64_t created_nsec;
    uint64_t size_bytes;
    struct strv tags;
};
struct err *image_history(struct engine *e, const char *name, struct image_history **ret, size_t *ret_count) ERR_RESULT;
void image_history_free(struct image_history *h, size_t count);
/* Podman's `image inspect` object, as JSON text. */
struct err *image_inspect(struct engine *e, const char *name, char **ret_json) ERR_RESULT;
/* Podman's `image tree`: the lines below the heading. */
struct err *image_tree(struct engine *e, const char *name, bool whatrequires, char **ret_text) ERR_RESULT;
struct err *image_prune(struct engine *e, bool all, const struct strv *filters, struct strv *ret_deleted,
                        uint64_t *ret_bytes) ERR_RESULT;
