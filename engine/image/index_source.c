/* From the names that users add to a list to its entries. */
#include <string.h>

#include "base/mem.h"
#include "engine/image/index_internal.h"
#include "engine/image/platform.h"

#define STORAGE "containers-storage:"
#define REGISTRY "docker://"

struct resolving {
    struct engine *engine;
    const struct registry_opts *registry;
    const struct listdoc_words *words;
    bool all;
    json_t *doc; /* out */
};

/* The platform that the user's words name; *ret stays empty when they name none. */
static struct err *wanted_platform(const struct resolving *r, struct image_platform *ret)
{
    const struct listdoc_words *w = r->words;
    if (w->os && w->os[0])
        TRY(mem_strdup(w->os, &ret->os));
    if (w->arch && w->arch[0])
        TRY(mem_strdup(w->arch, &ret->arch));
    return w->variant && w->variant[0] ? mem_strdup(w->variant, &ret->variant) : NULL;
}

/* What a config says of its platform. */
static struct err *platform_of_config(json_t *entry, const json_t *config)
{
    const char *version = NULL;
    json_t *features = NULL;
    const char *os = NULL, *arch = NULL, *variant = NULL;
    TRY(json_get_str(config, "os", "config", &os));
    TRY(json_get_str(config, "architecture", "config", &arch));
    TRY(json_get_str(config, "variant", "config", &variant));
    TRY(json_get_str(config, "os.version", "config", &version));
    TRY(json_get_arr(config, "os.features", "config", &features));
    TRY(listdoc_set_platform(entry, os, arch, variant));
    json_t *platform = json_object_get(entry, "platform");
    if (version && version[0])
        TRY(json_put_str(platform, "os.version", version));
    return features ? json_put(platform, "os.features", json_incref(features)) : NULL;
}

/* --- here */

static struct err *put_local_image(struct resolving *r, const struct image *i)
{
    AUTO_FREE char *text = NULL;
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    AUTO_JSON json_t *entry = NULL;
    TRY(image_read_manifest_text(r->engine, i, &text));
    TRY(image_parse_config(r->engine, i, &config));
    TRY(listdoc_entry(i->media_type, i->manifest_digest, strlen(text), NULL, &entry));
    TRY(platform_of_config(entry, config.root));
    return listdoc_put(r->doc, TAKE_PTR(entry));
}

/* Of another list: all of it, or the image for this machine or the platform that was named. */
static struct err *put_local_list(struct resolving *r, const struct image *list)
{
    struct image_platform wanted = {0};
    AUTO_IMAGE struct image *instance = NULL;
    if (r->all)
        return index_read(r->engine, list->id, &r->doc);
    struct err *e = wanted_platform(r, &wanted);
    if (!e)
        e = index_instance(r->engine, list, &wanted, &instance);
    image_platform_done(&wanted);
    TRY(e);
    return put_local_image(r, instance);
}

static struct err *put_local(struct resolving *r, const char *id)
{
    AUTO_IMAGE struct image *i = NULL;
    TRY(image_fetch(engine_store(r->engine), id, &i));
    if (!i->is_list)
        return put_local_image(r, i);
    if (r->all)
        json_unrefp(&r->doc);
    return put_local_list(r, i);
}

/* --- in a registry */

static struct err *put_remote_image(struct resolving *r, const struct remote *from, const char *text, size_t len,
                                    const struct manifest *m)
{
    AUTO_FREE char *config_text = NULL, *source = NULL;
    AUTO_JSON json_t *entry = NULL, *config = NULL;
    size_t config_len;
    TRY(remote_document(from->registry, REGISTRY_GET_BLOB, m->config.digest, m->config.digest,
                        m->config.size_bytes < MANIFEST_CONFIG_MAX_BYTES ? m->config.size_bytes : 0, &config_text,
                        &config_len, NULL));
    TRY(json_parse(config_text, config_len, "config", &config));
    TRY(mem_asprintf(&source, REGISTRY "%s/%s", from->ref.domain, from->ref.path));
    TRY(listdoc_entry(m->media_type, digest_of(text, len).s, len, source, &entry));
    TRY(platform_of_config(entry, config));
    return listdoc_put(r->doc, TAKE_PTR(entry));
}

/* The entry that fits: the platform that was named, or else, when that is only to be written down, this machine's. */
static struct err *choose(const struct resolving *r, const struct manifest *m, const char **ret_digest)
{
    struct image_platform wanted = {0};
    AUTO_PLATFORM struct image_platform named = {0}, host = {0};
    const struct manifest_descriptor *chosen = NULL;
    AUTO_FREE const struct manifest_descriptor **entries = mem_zalloc((m->count + 1) * sizeof *entries);
    if (!entries)
        return err_oom();
    for (size_t i = 0; i < m->count; i++)
        entries[i] = &m->entries[i];
    struct err *e = wanted_platform(r, &wanted);
    if (!e)
        e = platform_resolve(&wanted, &named);
    image_platform_done(&wanted);
    TRY(e);
    TRY(platform_resolve(NULL, &host));
    e = platform_choose(&named, entries, m->count, &chosen);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        e = platform_choose(&host, entries, m->count, &chosen);
    }
    TRY(e);
    *ret_digest = chosen->digest;
    return NULL;
}

static struct err *put_remote_list(struct resolving *r, const struct remote *from, const char *text, size_t len,
                                   const struct manifest *m)
{
    AUTO_JSON json_t *all = NULL;
    AUTO_FREE char *source = NULL;
    const char *digest = NULL;
    TRY(mem_asprintf(&source, REGISTRY "%s/%s", from->ref.domain, from->ref.path));
    TRY(listdoc_import(text, len, m->media_type, source, &all));
    if (!r->all)
        TRY(choose(r, m, &digest));
    for (size_t i = 0; i < json_array_size(listdoc_entries(all)); i++) {
        json_t *entry = json_array_get(listdoc_entries(all), i);
        if (!digest || strcmp(json_string_value(json_object_get(entry, "digest")), digest) == 0)
            TRY(listdoc_put(r->doc, json_incref(entry)));
    }
    return NULL;
}

static struct err *put_remote(struct resolving *r, const char *full_name)
{
    AUTO_REMOTE struct remote from = {0};
    AUTO_FREE char *text = NULL, *type = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    size_t len;
    TRY(remote_open(full_name, r->registry, &from));
    TRY(remote_manifest(&from, &text, &len, &type));
    TRY(manifest_parse(text, len, type, &m));
    return m.kind == MANIFEST_INDEX ? put_remote_list(r, &from, text, len, &m)
                                    : put_remote_image(r, &from, text, len, &m);
}

/* Each meaning of the name, until one is there. */
static struct err *put_any_remote(struct resolving *r, const char *name)
{
    AUTO_STRV struct strv names = STRV_INIT;
    struct err *last = NULL;
    TRY(remote_names(name, &names));
    for (size_t i = 0; i < names.count; i++) {
        err_drop(last);
        last = ERR_WRAP(put_remote(r, names.items[i]), "docker://%s", names.items[i]);
        if (!last)
            return NULL;
    }
    return last;
}

/* --- names */

static struct err *check_transport(const char *name)
{
    static const char *const others[] = {"oci:", "oci-archive:", "docker-archive:", "dir:", "docker-daemon:"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0)
            return ERR_NEW(ERR_UNSUPPORTED, "%s: an image in %s is to be loaded first, and named by its name here",
                           name, others[i]);
    return NULL;
}

/* An image here by this name; *ret_local: its name is in localhost/, so that no registry can have it. */
static struct err *find_here(struct engine *e, const char *name, char **ret_id, bool *ret_local)
{
    AUTO_FREE char *full = NULL;
    struct err *error = image_find_id(engine_store(e), name, ret_id, &full);
    store_idle(engine_store(e));
    if (error && (err_kind(error) == ERR_NOT_FOUND || err_kind(error) == ERR_INVALID)) {
        err_drop(error);
        return NULL;
    }
    *ret_local = !full || strncmp(full, "localhost/", strlen("localhost/")) == 0; /* by id: here, too */
    return error;
}

static struct err *resolve(struct resolving *r, const char *name)
{
    AUTO_FREE char *id = NULL;
    bool local = false;
    TRY(check_transport(name));
    if (strncmp(name, STORAGE, strlen(STORAGE)) == 0) {
        TRY(image_find_id(engine_store(r->engine), name + strlen(STORAGE), &id, NULL));
        return put_local(r, id);
    }
    if (strncmp(name, REGISTRY, strlen(REGISTRY)) == 0)
        return put_any_remote(r, name);
    TRY(find_here(r->engine, name, &id, &local));
    if (local)
        return put_local(r, id);
    struct err *e = put_any_remote(r, name);
    if (!e || !id)
        return e;
    err_drop(e); /* no such registry, or not there: what is here */
    return put_local(r, id);
}

struct err *index_resolve(struct engine *e, const char *name, const struct registry_opts *registry, bool all,
                          const struct listdoc_words *words, json_t **ret)
{
    struct resolving r = {.engine = e, .registry = registry, .words = words, .all = all};
    struct err *error = listdoc_new(&r.doc);
    if (!error)
        error = resolve(&r, name);
    for (size_t i = 0; !error && i < json_array_size(listdoc_entries(r.doc)); i++)
        error = listdoc_describe(json_array_get(listdoc_entries(r.doc), i), words);
    if (error) {
        json_unrefp(&r.doc);
        return error;
    }
    *ret = r.doc;
    return NULL;
}

struct err *index_subject(struct engine *e, const char *name, const struct registry_opts *registry, json_t **ret)
{
    AUTO_FREE char *id = NULL, *text = NULL, *type = NULL;
    bool local = false;
    TRY(check_transport(name));
    TRY(find_here(e, strncmp(name, STORAGE, strlen(STORAGE)) == 0 ? name + strlen(STORAGE) : name, &id, &local));
    if (id) {
        AUTO_IMAGE struct image *i = NULL;
        TRY(image_fetch(engine_store(e), id, &i));
        TRY(image_read_manifest_text(e, i, &text));
        return listdoc_entry(i->media_type, i->manifest_digest, strlen(text), NULL, ret);
    }
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_REMOTE struct remote from = {0};
    AUTO_MANIFEST struct manifest m = {0};
    size_t len;
    TRY(remote_names(name, &names));
    TRY(remote_open(names.items[0], registry, &from));
    TRY(remote_manifest(&from, &text, &len, &type));
    TRY(manifest_parse(text, len, type, &m));
    return listdoc_entry(m.media_type, digest_of(text, len).s, len, NULL, ret);
}

/* --- inspect */

static struct err *inspect_one(const char *full_name, const struct registry_opts *registry, char **ret,
                               char **ret_notice)
{
    AUTO_REMOTE struct remote from = {0};
    AUTO_FREE char *text = NULL, *type = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_JSON json_t *doc = NULL;
    size_t len;
    TRY(remote_open(full_name, registry, &from));
    TRY(remote_manifest(&from, &text, &len, &type));
    TRY(manifest_parse(text, len, type, &m));
    if (m.kind == MANIFEST_INDEX) {
        TRY(listdoc_import(text, len, m.media_type, NULL, &doc));
        return listdoc_inspect(doc, ret);
    }
    TRY(json_parse(text, len, "manifest", &doc));
    TRY(json_text_indented(doc, 4, ret));
    return mem_asprintf(ret_notice, "The manifest type %s is not a manifest list but a single image.", m.media_type);
}

struct err *index_inspect_remote(const char *name, const struct registry_opts *registry, char **ret_json,
                                 char **ret_notice)
{
    AUTO_STRV struct strv names = STRV_INIT;
    struct err *error = NULL;
    TRY(remote_names(name, &names));
    for (size_t i = 0; i < names.count; i++) {
        err_drop(error);
        error = ERR_WRAP(inspect_one(names.items[i], registry, ret_json, ret_notice),
                         "loading manifest \"docker://%s\"", names.items[i]);
        if (!error)
            return NULL;
    }
    return error;
}

struct err *index_inspect(struct engine *e, const char *name, const struct registry_opts *registry, char **ret_json)
{
    AUTO_FREE char *id = NULL, *notice = NULL;
    struct err *error = index_find(e, name, &id);
    if (!error) {
        AUTO_JSON json_t *doc = NULL;
        TRY(index_read(e, id, &doc));
        return listdoc_inspect(doc, ret_json);
    }
    /* Not here, or here only one image of what may be a list there. */
    if (err_kind(error) != ERR_NOT_FOUND && err_kind(error) != ERR_INVALID)
        return error;
    err_drop(error);
    TRY(index_inspect_remote(name, registry, ret_json, &notice));
    return notice ? engine_notice(e, "%s", notice) : NULL;
}
