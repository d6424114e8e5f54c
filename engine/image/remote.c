#include "engine/image/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image/manifest.h"
#include "engine/store/digest.h"

void remote_close(struct remote *r)
{
    registry_stopp(&r->registry);
    reference_done(&r->ref);
    mem_freep(&r->full_name);
}

static struct err *start(const char *full_name, const struct registry_opts *opts, struct remote *r)
{
    static const struct registry_opts defaults = {0};
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_SOURCES struct registry_sources sources = {0};
    TRY(reference_normalize_docker(full_name, &r->full_name));
    TRY(reference_parse(r->full_name, &r->ref));
    if (r->ref.digest && r->ref.tag) { /* the digest says more */
        mem_freep(&r->full_name);
        TRY(mem_asprintf(&r->full_name, "%s/%s@%s", r->ref.domain, r->ref.path, r->ref.digest));
    }
    opts = opts ? opts : &defaults;
    TRY(registry_conf_load(&conf));
    TRY(registry_find_sources(conf, r->ref.domain, r->ref.path, opts, r->ref.digest != NULL, &sources));
    return registry_start(&sources, opts, &r->registry);
}

struct err *remote_open(const char *full_name, const struct registry_opts *opts, struct remote *ret)
{
    struct remote r = {0};
    struct err *e = start(full_name, opts, &r);
    if (e) {
        remote_close(&r);
        return e;
    }
    *ret = r;
    return NULL;
}

const char *remote_target(const struct remote *r)
{
    return r->ref.digest ? r->ref.digest : r->ref.tag ? r->ref.tag : "latest";
}

struct err *remote_names(const char *name, struct strv *ret)
{
    AUTO_REFERENCE struct reference r = {0};
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_SHORT_NAME struct short_name s = {0};
    TRY(reference_parse(name, &r));
    if (r.domain)
        return strv_add(ret, strncmp(name, "docker://", 9) == 0 ? name + 9 : name);
    if (strncmp(name, "docker://", 9) == 0) { /* then a short name is Docker's */
        AUTO_FREE char *full = NULL;
        TRY(reference_normalize_docker(name, &full));
        return strv_take(ret, TAKE_PTR(full));
    }
    TRY(registry_conf_load(&conf));
    TRY(registry_conf_short_name(conf, r.path, false, &s));
    for (size_t i = 0; i < s.names.count; i++)
        TRY(strv_addf(ret, "%s%s%s%s%s", s.names.items[i], r.tag ? ":" : "", r.tag ? r.tag : "", r.digest ? "@" : "",
                      r.digest ? r.digest : ""));
    return NULL;
}

/* "type; charset=utf-8" without what is behind the type; registries that serve plain files say nothing useful. */
static void keep_useful(char **type)
{
    if (!*type)
        return;
    (*type)[strcspn(*type, "; ")] = '\0';
    if (strncmp(*type, "application/vnd.", 16) != 0)
        mem_freep(type);
}

struct err *remote_document(struct registry *r, enum registry_verb verb, const char *target, const char *digest,
                            size_t max, char **ret, size_t *ret_len, char **ret_type)
{
    AUTO_ANSWER struct registry_answer answer = {0};
    AUTO_FREE char *text = NULL;
    AUTO_FD int fd = memfd_create("document", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    const struct registry_request request = {.verb = verb, .target = target, .size_bytes = max, .fd = fd};
    TRY(registry_do(r, &request, &answer));
    TRY(file_read_fd(fd, max, &text, ret_len));
    if (digest) {
        struct digest actual = digest_of(text, *ret_len);
        if (strcmp(actual.s, digest) != 0)
            return ERR_NEW(ERR_CORRUPT, "its content has the digest %s, not %s", actual.s, digest);
    }
    keep_useful(&answer.media_type);
    if (ret_type)
        *ret_type = TAKE_PTR(answer.media_type);
    *ret = TAKE_PTR(text);
    return NULL;
}

struct err *remote_manifest(const struct remote *r, char **ret, size_t *ret_len, char **ret_type)
{
    return ERR_WRAP(remote_document(r->registry, REGISTRY_GET_MANIFEST, remote_target(r), r->ref.digest,
                                    MANIFEST_MAX_BYTES, ret, ret_len, ret_type),
                    "reading manifest %s in %s/%s", remote_target(r), r->ref.domain, r->ref.path);
}
