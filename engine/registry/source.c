/* From a repository's name to the places that have it, with credentials and certificates. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/registry/auth.h"
#include "engine/registry/conf.h"
#include "engine/registry/places.h"
#include "engine/registry/wire.h"

#define DOCKER_DOMAIN "docker.io"
#define DOCKER_HOST "registry-1.docker.io"
#define PEM_MAX_BYTES ((size_t)1 << 20)

/* --- certificates: certs.d/<host>/ has *.crt (authorities), *.cert with its *.key (ours) */

static struct err *read_authorities(const char *dir, struct registry_source *s)
{
    AUTO_STRV struct strv files = STRV_INIT;
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    TRY(places_list(dir, ".crt", &files));
    for (size_t i = 0; i < files.count; i++) {
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        TRY(places_read(files.items[i], PEM_MAX_BYTES, &text, &len));
        TRY(strbuf_printf(&all, "%s\n", text ? text : ""));
    }
    return files.count ? mem_strdup(strbuf_str(&all), &s->ca) : NULL;
}

static struct err *read_own(const char *dir, struct registry_source *s)
{
    AUTO_STRV struct strv files = STRV_INIT;
    AUTO_FREE char *key = NULL;
    size_t len = 0;
    TRY(places_list(dir, ".cert", &files));
    if (files.count == 0)
        return NULL;
    const char *cert = files.items[0];
    TRY(mem_asprintf(&key, "%.*skey", (int)(strlen(cert) - strlen("cert")), cert));
    TRY(places_read(cert, PEM_MAX_BYTES, &s->cert, &len));
    TRY(places_read(key, PEM_MAX_BYTES, &s->key, &len));
    return s->key ? NULL : ERR_NEW(ERR_NOT_FOUND, "missing key %s for client certificate %s", key, cert);
}

static struct err *add_certificates(const char *domain, const struct registry_opts *opts, struct registry_source *s)
{
    AUTO_STRV struct strv dirs = STRV_INIT;
    AUTO_FREE char *below = NULL, *user = NULL;
    if (opts->cert_dir && opts->cert_dir[0]) {
        TRY(strv_add(&dirs, opts->cert_dir));
    } else {
        TRY(mem_asprintf(&below, "certs.d/%s", domain));
        TRY(places_user_config(below, &user));
        if (user)
            TRY(strv_add(&dirs, user));
        TRY(strv_addf(&dirs, "/etc/containers/%s", below));
        TRY(strv_addf(&dirs, "/etc/docker/%s", below));
    }
    for (size_t i = 0; i < dirs.count && !s->ca && !s->cert; i++) {
        TRY(read_authorities(dirs.items[i], s));
        TRY(read_own(dirs.items[i], s));
    }
    return NULL;
}

/* --- places */

static struct err *add_credentials(const struct registry_conf *c, const char *name, const struct registry_opts *opts,
                                   struct registry_source *s)
{
    AUTO_AUTH struct auth a = {0};
    if (opts->creds)
        TRY(auth_parse_creds(opts->creds, &a));
    else
        TRY(auth_find(&(struct auth_places){.file = opts->authfile, .helpers = &c->helpers}, name, &a));
    s->user = TAKE_PTR(a.user);
    s->password = TAKE_PTR(a.password);
    s->identity = TAKE_PTR(a.identity);
    return NULL;
}

/* `name` is "domain/path" of the place itself, after rewriting. */
static struct err *fill_source(const struct registry_conf *c, const char *name, bool insecure,
                               const struct registry_opts *opts, struct registry_source *s)
{
    size_t domain_len = strcspn(name, "/");
    AUTO_FREE char *domain = NULL;
    TRY(mem_strndup(name, domain_len, &domain));
    if (!name[domain_len])
        return ERR_NEW(ERR_INVALID, "%s: a place without a repository", name);
    TRY(mem_strdup(strcmp(domain, DOCKER_DOMAIN) == 0 ? DOCKER_HOST : domain, &s->host));
    TRY(mem_strdup(name + domain_len + 1, &s->repository));
    s->insecure = opts->tls_given ? !opts->tls_verify : insecure;
    TRY(add_credentials(c, name, opts, s));
    return add_certificates(domain, opts, s);
}

static struct err *add_source(const struct registry_conf *c, struct registry_sources *list, const char *name,
                              bool insecure, const struct registry_opts *opts)
{
    if (list->count >= WIRE_SOURCES_MAX)
        return ERR_NEW(ERR_INVALID, "more than %d mirrors", WIRE_SOURCES_MAX);
    struct registry_source *s = &list->items[list->count++];
    return fill_source(c, name, insecure, opts, s);
}

/* `name` with what the prefix covers replaced by the location. */
static struct err *add_table(const struct registry_conf *c, struct registry_sources *list, const json_t *table,
                             const char *name, size_t covered, const struct registry_opts *opts)
{
    const char *location = json_string_value(json_object_get(table, "location"));
    AUTO_FREE char *rewritten = NULL;
    if (location && location[0])
        TRY(mem_asprintf(&rewritten, "%s%s", location, name + covered));
    else
        TRY(mem_strdup(name, &rewritten));
    return add_source(c, list, rewritten, json_is_true(json_object_get(table, "insecure")), opts);
}

static bool mirror_fits(const json_t *entry, const json_t *mirror, bool by_digest)
{
    const char *when = json_string_value(json_object_get(mirror, "pull-from-mirror"));
    if (json_is_true(json_object_get(entry, "mirror-by-digest-only")))
        return by_digest;
    return !when || strcmp(when, "all") == 0 || (strcmp(when, "digest-only") == 0) == by_digest;
}

static struct err *find_sources(const struct registry_conf *c, const char *name, const struct registry_opts *opts,
                                bool by_digest, struct registry_sources *list)
{
    size_t covered = 0, i;
    const json_t *entry = conf_entry(c, name, &covered);
    json_t *mirror;
    list->items = mem_zalloc(WIRE_SOURCES_MAX * sizeof *list->items);
    if (!list->items)
        return err_oom();
    if (!entry)
        return add_source(c, list, name, false, opts);
    if (json_is_true(json_object_get(entry, "blocked")))
        return ERR_NEW(ERR_DENIED, "registry %.*s is blocked in registries.conf", (int)strcspn(name, "/"), name);
    if (!opts->push) {
        json_array_foreach (json_object_get(entry, "mirror"), i, mirror) {
            if (mirror_fits(entry, mirror, by_digest))
                TRY(add_table(c, list, mirror, name, covered, opts));
        }
    }
    return add_table(c, list, entry, name, covered, opts);
}

struct err *registry_find_sources(const struct registry_conf *c, const char *domain, const char *path,
                                  const struct registry_opts *opts, bool by_digest, struct registry_sources *ret)
{
    AUTO_SOURCES struct registry_sources list = {0};
    AUTO_FREE char *name = NULL;
    TRY(mem_asprintf(&name, "%s/%s", domain, path));
    TRY(find_sources(c, name, opts, by_digest, &list));
    *ret = list;
    list = (struct registry_sources){0};
    return NULL;
}
