/* Platforms: Go's names for systems and processors, as OCI uses them.
 * https://github.com/opencontainers/image-spec/blob/main/image-index.md */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/image/manifest.h"
#include "engine/image/platform.h"

struct alias {
    const char *name, *arch, *variant;
};
/* What users and uname(2) say, and what OCI calls it. */
static const struct alias aliases[] = {
    {"x86_64", "amd64", NULL},      {"x86-64", "amd64", NULL},
    {"i386", "386", NULL},          {"i486", "386", NULL},
    {"i586", "386", NULL},          {"i686", "386", NULL},
    {"aarch64", "arm64", NULL},     {"armv8l", "arm", "v7"},
    {"armhf", "arm", "v7"},         {"armel", "arm", "v6"},
    {"armv7l", "arm", "v7"},        {"armv6l", "arm", "v6"},
    {"armv5tel", "arm", "v5"},      {"arm", "arm", NULL},
    {"ppc64el", "ppc64le", NULL},   {"loongarch64", "loong64", NULL},
    {"mips64el", "mips64le", NULL},
};

void image_platform_done(struct image_platform *p)
{
    mem_freep(&p->os);
    mem_freep(&p->arch);
    mem_freep(&p->variant);
}

static struct err *set_arch(struct image_platform *p, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (strcmp(aliases[i].name, name) == 0) {
            TRY(mem_replace(&p->arch, aliases[i].arch));
            return p->variant ? NULL : mem_replace(&p->variant, aliases[i].variant);
        }
    }
    return mem_replace(&p->arch, name);
}

static bool is_word(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == len;
}

/* A single word names an operating system or a processor. */
static bool is_os(const char *s)
{
    static const char *const known[] = {"linux", "windows", "darwin", "freebsd", "wasip1"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], s) == 0)
            return true;
    return false;
}

static struct err *parse(const char *text, struct image_platform *p)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    TRY(strv_split(text, '/', &parts));
    bool valid = parts.count <= 3;
    for (size_t i = 0; i < parts.count && valid; i++)
        valid = is_word(parts.items[i]);
    if (!valid)
        return ERR_NEW(ERR_INVALID, "invalid platform '%.100s': it has the form OS/ARCH[/VARIANT], or ARCH", text);
    if (parts.count == 1)
        return is_os(text) ? mem_strdup(text, &p->os) : set_arch(p, text);
    TRY(mem_strdup(parts.items[0], &p->os));
    if (parts.count == 3)
        TRY(mem_strdup(parts.items[2], &p->variant));
    return set_arch(p, parts.items[1]);
}

struct err *image_platform_parse(const char *text, struct image_platform *ret)
{
    struct image_platform p = {0};
    struct err *e = parse(text, &p);
    if (e) {
        image_platform_done(&p);
        return e;
    }
    *ret = p;
    return NULL;
}

struct err *platform_resolve(const struct image_platform *wanted, struct image_platform *ret)
{
    struct image_platform p = {0};
    struct utsname un;
    struct err *e = mem_strdup(wanted && wanted->os ? wanted->os : "linux", &p.os);
    if (!e)
        e = mem_strdup(wanted ? wanted->variant : NULL, &p.variant);
    if (!e && wanted && wanted->arch)
        e = set_arch(&p, wanted->arch);
    else if (!e)
        e = set_arch(&p, uname(&un) == 0 ? un.machine : "unknown");
    if (e) {
        image_platform_done(&p);
        return e;
    }
    *ret = p;
    return NULL;
}

/* The generation in a variant, "v7": 7; without variant that of the oldest that is still in use. */
static int generation(const char *arch, const char *variant)
{
    if (variant && variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && !variant[2])
        return variant[1] - '0';
    if (variant && variant[0])
        return -1;
    return strcmp(arch, "arm") == 0 ? 7 : strcmp(arch, "arm64") == 0 ? 8 : 1;
}

int platform_match(const struct image_platform *wanted, const char *os, const char *arch, const char *variant)
{
    struct image_platform have = {0};
    struct err *e = set_arch(&have, arch);
    if (!e && variant && variant[0])
        e = mem_replace(&have.variant, variant);
    int score = 0;
    if (!e && strcmp(wanted->os, os) == 0 && strcmp(wanted->arch, have.arch) == 0) {
        int want = generation(wanted->arch, wanted->variant), got = generation(have.arch, have.variant);
        if (want < 0 || got < 0)
            score = wanted->variant && have.variant && strcmp(wanted->variant, have.variant) == 0 ? 100 : 0;
        else if (got == want)
            score = 100;
        else if (got < want)
            score = got; /* an older generation runs on a newer processor; the newest of them is best */
    }
    err_drop(e);
    image_platform_done(&have);
    return score;
}

struct platform_text platform_text(const char *os, const char *arch, const char *variant)
{
    struct platform_text t;
    bool has_variant = variant && variant[0];
    snprintf(t.s, sizeof t.s, "%.40s/%.40s%s%.40s", os && os[0] ? os : "unknown", arch && arch[0] ? arch : "unknown",
             has_variant ? "/" : "", has_variant ? variant : "");
    return t;
}

struct err *platform_choose(const struct image_platform *wanted, const struct manifest_descriptor *const *entries,
                            size_t count, const struct manifest_descriptor **ret)
{
    int best = 0;
    AUTO_STRBUF struct strbuf there = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        const struct manifest_descriptor *d = entries[i];
        if (d->attestation)
            continue;
        /* One that doesn't say is better than none. */
        int score = d->arch ? platform_match(wanted, d->os ? d->os : "", d->arch, d->variant) : 1;
        if (score > best) {
            best = score;
            *ret = d;
        }
        TRY(strbuf_printf(&there, "%s%s", there.len ? ", " : "", platform_text(d->os, d->arch, d->variant).s));
    }
    if (best > 0)
        return NULL;
    return ERR_NEW(ERR_NOT_FOUND, "no image for %s; there is: %s",
                   platform_text(wanted->os, wanted->arch, wanted->variant).s, strbuf_str(&there));
}
