#include "engine/image/identity.h"

#include <string.h>

#include "base/mem.h"
#include "engine/image/policy_fields.h"
#include "engine/image/reference.h"

#define DOCKER_DOMAIN "docker.io"

/* A name taken apart: "domain/path", ":tag" and "@digest". */
struct parts {
    struct reference reference;
    char *name;
};

static void parts_done(struct parts *p)
{
    reference_done(&p->reference);
    mem_freep(&p->name);
}
#define AUTO_PARTS __attribute__((cleanup(parts_done)))

static struct err *split(const char *text, struct parts *ret)
{
    struct reference *r = &ret->reference;
    TRY(reference_parse(text, r));
    const char *domain = r->domain && strcmp(r->domain, "index.docker.io") != 0 ? r->domain : DOCKER_DOMAIN;
    bool library = strcmp(domain, DOCKER_DOMAIN) == 0 && !strchr(r->path, '/');
    return mem_asprintf(&ret->name, "%s/%s%s", domain, library ? "library/" : "", r->path);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static bool is_name_only(const struct parts *p)
{
    return !p->reference.tag && !p->reference.digest;
}

static bool same(const struct parts *a, const struct parts *b)
{
    return strcmp(a->name, b->name) == 0 && same_text(a->reference.tag, b->reference.tag) &&
           same_text(a->reference.digest, b->reference.digest);
}

/* --- parsing */

static struct err *check_prefix(const char *prefix)
{
    AUTO_PARTS struct parts p = {0};
    AUTO_FREE char *longer = NULL;
    TRY(mem_asprintf(&longer, "%s/x", prefix)); /* a host alone is no reference */
    struct err *e = reference_parse(longer, &p.reference);
    bool good = !e && p.reference.domain && !p.reference.tag && !p.reference.digest;
    err_drop(e);
    return good ? NULL
                : ERR_NEW(ERR_INVALID, "prefix \"%.200s\" is neither host[:port] nor a repository in its full form",
                          prefix);
}

static struct err *check_name(const struct identity_rule *rule)
{
    AUTO_PARTS struct parts p = {0};
    TRY(split(rule->name, &p));
    if (rule->kind == IDENTITY_EXACT_REFERENCE && is_name_only(&p))
        return ERR_NEW(ERR_INVALID, "dockerReference %s contains neither a tag nor digest", rule->name);
    if (rule->kind == IDENTITY_EXACT_REPOSITORY && !is_name_only(&p))
        return ERR_NEW(ERR_INVALID, "dockerRepository %s contains a tag or digest", rule->name);
    return NULL;
}

struct err *identity_parse(const json_t *obj, struct identity_rule *ret)
{
    static const struct {
        const char *type;
        enum identity_kind kind;
        const char *keys[4];
    } kinds[] = {
        {"matchExact", IDENTITY_EXACT, {"type"}},
        {"matchRepoDigestOrExact", IDENTITY_REPO_DIGEST_OR_EXACT, {"type"}},
        {"matchRepository", IDENTITY_REPOSITORY, {"type"}},
        {"exactReference", IDENTITY_EXACT_REFERENCE, {"type", "dockerReference"}},
        {"exactRepository", IDENTITY_EXACT_REPOSITORY, {"type", "dockerRepository"}},
        {"remapIdentity", IDENTITY_REMAP, {"type", "prefix", "signedPrefix"}},
    };
    const char *type = NULL;
    *ret = (struct identity_rule){0};
    if (!obj)
        return NULL;
    TRY(policy_need_str(obj, "type", &type));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        ret->kind = kinds[i].kind;
        TRY(policy_only(obj, kinds[i].keys));
        if (ret->kind == IDENTITY_REMAP) {
            TRY(policy_need_str(obj, "prefix", &ret->prefix));
            TRY(policy_need_str(obj, "signedPrefix", &ret->signed_prefix));
            TRY(check_prefix(ret->prefix));
            return check_prefix(ret->signed_prefix);
        }
        if (!kinds[i].keys[1])
            return NULL;
        TRY(policy_need_str(obj, kinds[i].keys[1], &ret->name));
        return check_name(ret);
    }
    return ERR_NEW(ERR_INVALID, "Unknown policy reference match type \"%.100s\"", type);
}

/* --- matching */

/* A tag must be the same, a digest leaves only the repository: the digest itself was verified before. */
static bool repo_digest_or_exact(const struct parts *image, const struct parts *in_signature)
{
    if (image->reference.tag)
        return same(image, in_signature);
    return image->reference.digest && strcmp(image->name, in_signature->name) == 0;
}

/* The image's name with the prefix replaced; as it is when the prefix does not cover it. */
static struct err *remap(const struct identity_rule *rule, struct parts *image)
{
    size_t len = strlen(rule->prefix);
    if (strncmp(image->name, rule->prefix, len) != 0 || (image->name[len] && image->name[len] != '/'))
        return NULL;
    AUTO_PARTS struct parts other = {0};
    AUTO_FREE char *text = NULL;
    TRY(mem_asprintf(&text, "%s%s", rule->signed_prefix, image->name + len));
    TRY_WRAP(split(text, &other), "remapIdentity");
    return mem_replace(&image->name, other.name);
}

struct err *identity_matches(const struct identity_rule *rule, const char *image, const char *in_signature, bool *ret)
{
    AUTO_PARTS struct parts wanted = {0}, got = {0};
    bool fixed = rule->kind == IDENTITY_EXACT_REFERENCE || rule->kind == IDENTITY_EXACT_REPOSITORY;
    if (!fixed && !image)
        return ERR_NEW(ERR_INVALID, "Docker reference match attempted on an image with no known Docker reference "
                                    "identity: its policy needs exactReference or exactRepository");
    TRY(split(fixed ? rule->name : image, &wanted));
    TRY_WRAP(split(in_signature, &got), "name in the signature");
    switch (rule->kind) {
    case IDENTITY_EXACT:
    case IDENTITY_EXACT_REFERENCE:
        *ret = !is_name_only(&wanted) && !is_name_only(&got) && same(&wanted, &got);
        return NULL;
    case IDENTITY_REPOSITORY:
    case IDENTITY_EXACT_REPOSITORY:
        *ret = strcmp(wanted.name, got.name) == 0;
        return NULL;
    case IDENTITY_REMAP:
        TRY(remap(rule, &wanted));
        *ret = repo_digest_or_exact(&wanted, &got);
        return NULL;
    case IDENTITY_REPO_DIGEST_OR_EXACT:
        *ret = repo_digest_or_exact(&wanted, &got);
        return NULL;
    }
    return ERR_NEW(ERR_INTERNAL, "a kind of identity that there is not");
}
