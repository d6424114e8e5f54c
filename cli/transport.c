#include "cli/transport.h"

#include <string.h>

#include "base/mem.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"

void transport_done(struct transport *t)
{
    mem_freep(&t->path);
    mem_freep(&t->reference);
}

struct err *transport_parse(const char *text, struct transport *ret)
{
    static const struct {
        const char *name;
        enum transport_kind kind;
        enum image_format format;
        bool reference; /* may stand behind the path */
    } known[] = {
        {"docker://", TRANSPORT_DOCKER, 0, false},
        {"docker-archive:", TRANSPORT_FILE, IMAGE_DOCKER_ARCHIVE, true},
        {"oci-archive:", TRANSPORT_FILE, IMAGE_OCI_ARCHIVE, true},
        {"oci:", TRANSPORT_FILE, IMAGE_OCI_DIR, true},
        {"dir:", TRANSPORT_FILE, IMAGE_DOCKER_DIR, false},
        {"containers-storage:", TRANSPORT_STORAGE, 0, false},
        {"docker-daemon:", TRANSPORT_DAEMON, 0, false},
    };
    AUTO_TRANSPORT struct transport t = {.kind = TRANSPORT_DOCKER, .name = "docker://"};
    const char *rest = text;
    bool reference = false;
    for (size_t i = 0; i < ARRAY_LEN(known) && rest == text; i++) {
        if (strncmp(text, known[i].name, strlen(known[i].name)) != 0)
            continue;
        rest += strlen(known[i].name);
        t = (struct transport){.kind = known[i].kind, .format = known[i].format, .name = known[i].name};
        reference = known[i].reference;
    }
    const char *colon = reference ? strchr(rest, ':') : NULL;
    TRY(colon ? mem_strndup(rest, (size_t)(colon - rest), &t.path) : mem_strdup(rest, &t.path));
    if (colon && colon[1])
        TRY(mem_strdup(colon + 1, &t.reference));
    if (!t.path[0])
        return ERR_NEW(ERR_INVALID, "%s: nothing is named behind the transport", text);
    *ret = t;
    t = (struct transport){0};
    return NULL;
}

static struct err *refuse_daemon(const struct transport *t)
{
    return ERR_NEW(ERR_UNSUPPORTED,
                   "%s%s: " CLI_PROGRAM " does not talk to a Docker daemon; use `docker save` and `docker load` with "
                   "docker-archive:",
                   t->name, t->path);
}

static struct err *add_id(struct engine *e, const char *name, struct strv *ret_ids)
{
    struct image *image = NULL;
    TRY(image_find(e, name, &image));
    struct err *err = strv_add(ret_ids, image->id);
    image_free(image);
    return err;
}

struct err *transport_pull(struct engine *e, const struct transport *t, const struct transport_opts *opts,
                           struct strv *ret_ids)
{
    AUTO_STRV struct strv names = STRV_INIT;
    if (t->kind == TRANSPORT_DAEMON)
        return refuse_daemon(t);
    if (t->kind == TRANSPORT_STORAGE) /* it is here, or it isn't */
        return ERR_WRAP(add_id(e, t->path, ret_ids), "initializing source %s%s", t->name, t->path);
    const struct image_load_opts load = {
        .path = t->path,
        .fd = -1,
        .reference = t->reference,
        .platform = *opts->platform,
        .signature_policy = opts->signature_policy,
        .unnamed = opts->unnamed,
        .all_platforms = opts->all_platforms,
        .progress = opts->quiet ? NULL : registry_flags_progress,
        .bars = opts->quiet ? NULL : progress_bars(),
    };
    TRY(image_load(e, &load, &names));
    for (size_t i = 0; i < names.count; i++)
        TRY(add_id(e, names.items[i], ret_ids));
    return NULL;
}

struct image_push_files transport_files(const struct transport *t, const char *text)
{
    return (struct image_push_files){.text = text, .format = t->format, .path = t->path, .reference = t->reference};
}

struct err *transport_push(struct engine *e, const char *name, const struct transport *t, bool quiet)
{
    AUTO_STRV struct strv names = STRV_INIT;
    if (t->kind == TRANSPORT_DAEMON)
        return refuse_daemon(t);
    if (t->kind == TRANSPORT_STORAGE)
        return image_tag(e, name, t->path);
    TRY(strv_add(&names, name));
    const struct image_save_opts save = {
        .format = t->format,
        .path = t->path,
        .fd = -1,
        .reference = t->reference,
        .progress = quiet ? NULL : registry_flags_progress,
    };
    if (!quiet)
        registry_flags_progress(NULL, "Getting image source signatures");
    return image_save(e, &names, &save);
}
