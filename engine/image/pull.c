/* `pull`: from a name to the manifest of one image. The rest is in pull_image.c. */
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/image/attached.h"
#include "engine/image/platform.h"
#include "engine/image/progress.h"
#include "engine/image/pull_internal.h"
#include "engine/image/remote.h"
#include "engine/store/digest.h"

#define TAGS_MAX_BYTES ((size_t)4 << 20)
#define NESTING_MAX 4

void pull_say(const struct pull *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(p->opts->progress, p->opts->progress_arg, fmt, ap);
    va_end(ap);
}

struct err *pull_fetch(struct pull *p, enum registry_verb verb, const char *target, const char *digest, size_t max,
                       char **ret, size_t *ret_len, char **ret_type)
{
    return remote_document(p->registry, verb, target, digest, max, ret, ret_len, ret_type);
}

static struct err *fetch_manifest(struct pull *p, const char *target, const char *digest, char **ret, size_t *ret_len,
                                  char **ret_type)
{
    return ERR_WRAP(pull_fetch(p, REGISTRY_GET_MANIFEST, target, digest, MANIFEST_MAX_BYTES, ret, ret_len, ret_type),
                    "reading manifest %s in %s", target, p->repository);
}

/* The document that the registry would answer with, when it is in the store: by its digest, which a HEAD tells where
 * the name is known here. Answers that do not help are none; the GET that follows says what is wrong. */
static struct err *find_manifest(struct pull *p, const char *digest, char **ret, size_t *ret_len)
{
    AUTO_ANSWER struct registry_answer answer = {0};
    AUTO_FREE char *id = NULL;
    struct store *s = engine_store(p->engine);
    struct err *e = NULL;
    if (!digest) {
        e = image_find_id(s, p->full_name, &id, NULL);
        const struct registry_request request = {.verb = REGISTRY_HEAD_MANIFEST, .target = p->target};
        if (!e)
            e = registry_do(p->registry, &request, &answer);
        digest = answer.digest;
    }
    if (!e && digest)
        e = digest_check(digest);
    if (!e && digest && store_blob_exists(s, digest))
        e = store_blob_read(s, digest, MANIFEST_MAX_BYTES, ret, ret_len);
    if (e && err_kind(e) == ERR_NO_MEMORY)
        return e;
    err_drop(e);
    return NULL;
}

static struct err *choose(struct pull *p, const struct manifest *index, const struct manifest_descriptor **ret)
{
    AUTO_FREE const struct manifest_descriptor **entries = mem_zalloc((index->count + 1) * sizeof *entries);
    if (!entries)
        return err_oom();
    for (size_t i = 0; i < index->count; i++)
        entries[i] = &index->entries[i];
    return platform_choose(&p->platform, entries, index->count, ret);
}

/* These very bytes become the image. */
static struct err *verify(struct pull *p, const char *manifest, size_t len)
{
    if (!p->verify)
        return NULL;
    struct digest digest = digest_of(manifest, len);
    TRY(verify_fetch(p->verify, p->registry, digest.s));
    return verify_manifest(p->verify, digest.s);
}

static struct err *pull_target(struct pull *p, char **ret_id)
{
    AUTO_FREE char *text = NULL, *type = NULL, *digest = NULL;
    size_t len = 0;
    if (strncmp(p->target, "sha256:", 7) == 0)
        TRY(mem_strdup(p->target, &digest));
    TRY(find_manifest(p, digest, &text, &len));
    if (!text)
        TRY(fetch_manifest(p, p->target, digest, &text, &len, &type));
    for (int depth = 0; depth < NESTING_MAX; depth++) {
        AUTO_MANIFEST struct manifest m = {0};
        const struct manifest_descriptor *chosen = NULL;
        TRY(manifest_parse(text, len, type, &m));
        if (m.kind == MANIFEST_IMAGE) {
            TRY(verify(p, text, len));
            return pull_image(p, text, len, m.media_type, ret_id);
        }
        if (!p->index_digest)
            TRY(mem_strdup(digest_of(text, len).s, &p->index_digest));
        TRY(choose(p, &m, &chosen));
        mem_freep(&text);
        mem_freep(&type);
        TRY(fetch_manifest(p, chosen->digest, chosen->digest, &text, &len, &type));
    }
    return ERR_NEW(ERR_INVALID, "indexes are nested deeper than %d", NESTING_MAX);
}

static struct err *pull_tag(struct pull *p, const char *tag, bool is_digest, struct strv *ret_ids)
{
    AUTO_FREE char *full = NULL, *id = NULL;
    TRY(mem_asprintf(&full, "%s%c%s", p->repository, is_digest ? '@' : ':', tag));
    p->full_name = full;
    p->target = tag;
    mem_freep(&p->index_digest);
    pull_say(p, "Trying to pull %s...", full);
    const struct verify_subject subject = {.transport = "docker", .name = full};
    TRY(verify_open(p->engine, p->opts->signature_policy, &subject, &p->verify));
    struct err *e = pull_target(p, &id);
    verify_closep(&p->verify);
    TRY_WRAP(e, "initializing source docker://%s", full);
    return strv_take(ret_ids, TAKE_PTR(id));
}

static struct err *pull_all_tags(struct pull *p, struct strv *ret_ids)
{
    AUTO_STRV struct strv tags = STRV_INIT;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY_WRAP(pull_fetch(p, REGISTRY_TAGS, "tags", NULL, TAGS_MAX_BYTES, &text, &len, NULL), "reading tags of %s",
             p->repository);
    TRY(strv_split(text, '\n', &tags));
    for (size_t i = 0; i < tags.count; i++)
        if (tags.items[i][0] && !attached_is_tag(tags.items[i]))
            TRY(pull_tag(p, tags.items[i], false, ret_ids));
    return ret_ids->count ? NULL : ERR_NEW(ERR_NOT_FOUND, "%s has no tags", p->repository);
}

static struct err *pull_repository(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                                   struct strv *ret_ids)
{
    static const struct registry_opts defaults = {0};
    const struct registry_opts *opts = p->opts->registry ? p->opts->registry : &defaults;
    AUTO_SOURCES struct registry_sources sources = {0};
    const char *domain = strcmp(r->domain, "index.docker.io") == 0 ? "docker.io" : r->domain;
    bool library = strcmp(domain, "docker.io") == 0 && !strchr(r->path, '/');
    AUTO_FREE char *path = NULL, *repository = NULL;
    TRY(mem_asprintf(&path, "%s%s", library ? "library/" : "", r->path));
    TRY(mem_asprintf(&repository, "%s/%s", domain, path));
    p->repository = repository;
    TRY(registry_find_sources(conf, domain, path, opts, r->digest != NULL, &sources));
    TRY(registry_start(&sources, opts, &p->registry));
    struct err *e = p->opts->all_tags ? pull_all_tags(p, ret_ids)
                    : r->digest       ? pull_tag(p, r->digest, true, ret_ids)
                                      : pull_tag(p, r->tag ? r->tag : "latest", false, ret_ids);
    registry_stopp(&p->registry);
    mem_freep(&p->index_digest);
    return e;
}

/* "domain/path" with the tag and digest that the user gave to the short name. */
static struct err *complete_name(const char *repository, const struct reference *r, struct reference *ret)
{
    TRY(reference_parse(repository, ret));
    if (!ret->domain)
        return ERR_NEW(ERR_INVALID, "the alias %s of %s has no registry", repository, r->path);
    if (r->tag)
        TRY(mem_replace(&ret->tag, r->tag));
    return r->digest ? mem_replace(&ret->digest, r->digest) : NULL;
}

/* Each of several repositories, until one works; else all of what went wrong. */
static struct err *pull_first(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                              const struct strv *names, struct strv *ret_ids)
{
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    struct err *last = NULL;
    for (size_t i = 0; i < names->count; i++) {
        AUTO_REFERENCE struct reference full = {0};
        if (last) {
            struct err *note = strbuf_printf(&all, " * %s;", err_text(last));
            err_drop(last);
            TRY(note);
        }
        last = complete_name(names->items[i], r, &full);
        if (!last)
            last = pull_repository(p, conf, &full, ret_ids);
        if (!last)
            return NULL;
    }
    if (names->count < 2)
        return last;
    struct err *e = ERR_NEW(err_kind(last), "%zu errors occurred while pulling:%s * %s", names->count, strbuf_str(&all),
                            err_text(last));
    err_drop(last);
    return e;
}

/* The full name behind a candidate, as it would be stored. */
static struct err *full_name(const char *repository, const struct reference *r, char **ret)
{
    bool plain = !r->tag && !r->digest;
    return mem_asprintf(ret, "%s%s%s%s%s", repository, r->tag ? ":" : "", r->tag ? r->tag : "", r->digest ? "@" : "",
                        plain       ? ""
                        : r->digest ? r->digest
                                    : "");
}

/* The first candidate that is here already; *ret_id stays NULL when there is none. */
static struct err *find_candidate(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                                  struct strv *ret_name, char **ret_id)
{
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(registry_conf_candidates(conf, r->path, &names));
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *full = NULL;
        TRY(full_name(names.items[i], r, &full));
        struct err *e = image_find_id(engine_store(p->engine), full, ret_id, NULL);
        if (!e)
            return strv_add(ret_name, names.items[i]);
        if (err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_drop(e);
    }
    return NULL;
}

/* Let the user choose; what was chosen is remembered once it worked. */
static struct err *pull_chosen(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                               const struct strv *names, struct strv *ret_ids)
{
    AUTO_STRV struct strv shown = STRV_INIT, chosen = STRV_INIT;
    size_t index = 0;
    for (size_t i = 0; i < names->count; i++) {
        AUTO_FREE char *full = NULL;
        TRY(full_name(names->items[i], r, &full));
        TRY(strv_addf(&shown, "%s%s", full, r->tag || r->digest ? "" : ":latest"));
    }
    TRY(p->opts->choose(p->opts->progress_arg, &shown, &index));
    TRY(strv_add(&chosen, names->items[index]));
    TRY(pull_first(p, conf, r, &chosen, ret_ids));
    struct err *e = registry_conf_record_alias(r->path, names->items[index]);
    if (e)
        log_debug("recording the alias %s: %s", r->path, err_text(e));
    err_drop(e); /* it will be asked again */
    return NULL;
}

static struct err *pull_short(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                              struct strv *ret_ids)
{
    AUTO_SHORT_NAME struct short_name s = {0};
    AUTO_STRV struct strv known = STRV_INIT;
    AUTO_FREE char *id = NULL;
    TRY(find_candidate(p, conf, r, &known, &id));
    if (id)
        return pull_first(p, conf, r, &known, ret_ids);
    TRY(registry_conf_short_name(conf, r->path, p->opts->choose != NULL, &s));
    if (s.ambiguous)
        return pull_chosen(p, conf, r, &s.names, ret_ids);
    if (s.why)
        pull_say(p, "%s", s.why);
    return pull_first(p, conf, r, &s.names, ret_ids);
}

/* What is here already, by its name or by any that a short one may mean. */
static struct err *find_here(struct pull *p, const struct registry_conf *conf, const struct reference *r,
                             const char *name, char **ret_id)
{
    AUTO_STRV struct strv known = STRV_INIT;
    const char *plain = strncmp(name, "docker://", 9) == 0 ? name + 9 : name;
    struct err *e = image_find_id(engine_store(p->engine), plain, ret_id, NULL);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    return r->domain ? NULL : find_candidate(p, conf, r, &known, ret_id);
}

static bool is_policy(const struct pull *p, const char *name)
{
    return p->opts->policy && strcmp(p->opts->policy, name) == 0;
}

static struct err *pull(struct pull *p, const char *name, struct strv *ret_ids)
{
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_REFERENCE struct reference r = {0};
    AUTO_FREE char *here = NULL;
    TRY(reference_parse(name, &r));
    TRY(registry_conf_load(&conf));
    TRY(platform_resolve(p->opts->platform, &p->platform));
    if (p->opts->all_tags && (r.tag || r.digest))
        return ERR_NEW(ERR_INVALID, "tag can't be used with --all-tags");
    if (!p->opts->all_tags && (is_policy(p, "missing") || is_policy(p, "never") || is_policy(p, "newer")))
        TRY(find_here(p, conf, &r, name, &here));
    if (here && !is_policy(p, "newer"))
        return strv_add(ret_ids, here);
    if (is_policy(p, "never"))
        return ERR_NEW(ERR_NOT_FOUND, "%s: image not known", name);
    struct err *e = r.domain ? pull_repository(p, conf, &r, ret_ids) : pull_short(p, conf, &r, ret_ids);
    if (e && here) { /* newer: what is here will do */
        err_drop(e);
        return strv_add(ret_ids, here);
    }
    return e;
}

struct err *image_pull(struct engine *e, const char *name, const struct image_pull_opts *opts, struct strv *ret_ids)
{
    struct pull p = {.engine = e, .opts = opts};
    struct err *error = pull(&p, name, ret_ids);
    image_platform_done(&p.platform);
    mem_freep(&p.index_digest);
    store_idle(engine_store(e));
    return error;
}
