/* `image sign`: GPG signatures for images that are in a registry. Needs no session and no store. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/image/image.h"
#include "engine/image/lookaside.h"
#include "engine/image/manifest.h"
#include "engine/image/remote.h"
#include "engine/store/digest.h"
#include "engine/trust/payload.h"
#include "engine/trust/trust.h"

#define DOCKER "docker://"

static struct err *find_directory(const struct image_sign_opts *o, const char *full_name, char **ret)
{
    static const struct trust_opts confined = {0};
    AUTO_TRUST struct trust *t = NULL;
    AUTO_STRV struct strv files = STRV_INIT;
    AUTO_JSON json_t *conf = NULL;
    AUTO_FREE char *base = NULL, *repository = NULL;
    if (o->directory) {
        TRY(reference_repository(full_name, &repository));
        const char *path = strchr(repository, '/');
        return path_join(ret, o->directory, path ? path + 1 : repository);
    }
    TRY(lookaside_conf_files(NULL, &files));
    if (files.count)
        TRY(trust_start(&confined, &t));
    TRY_WRAP(lookaside_conf(t, NULL, &conf), "reading registries.d");
    TRY(lookaside_base(conf, full_name, true, geteuid(), &base));
    return lookaside_directory(base, ret);
}

static struct err *sign_digest(const struct image_sign_opts *o, const char *directory, const char *full_name,
                               const char *digest)
{
    AUTO_FREE char *payload = NULL, *message = NULL;
    size_t len = 0;
    TRY(payload_build(PAYLOAD_GPG_TYPE, full_name, digest, (int64_t)time(NULL), &payload));
    TRY_WRAP(trust_sign_gpg(o->gpg_signer, o->key, NULL, payload, &message, &len), "creating new signature");
    return lookaside_write(directory, digest, message, len, false);
}

static struct err *sign_all(const struct image_sign_opts *o, const char *directory, const char *full_name,
                            const char *text, size_t len)
{
    AUTO_MANIFEST struct manifest m = {0};
    TRY(manifest_parse(text, len, NULL, &m));
    if (m.kind != MANIFEST_INDEX)
        return ERR_NEW(ERR_INVALID, "%s is not a multi-architecture image (manifest type %s)", full_name, m.media_type);
    for (size_t i = 0; i < m.count; i++)
        TRY(sign_digest(o, directory, full_name, m.entries[i].digest));
    return NULL;
}

struct err *image_sign(const char *name, const struct image_sign_opts *opts)
{
    AUTO_REMOTE struct remote from = {0};
    AUTO_FREE char *directory = NULL, *text = NULL;
    size_t len = 0;
    if (strncmp(name, DOCKER, strlen(DOCKER)) != 0)
        return ERR_NEW(ERR_INVALID,
                       "parsing image name: Invalid image name \"%s\", expected colon-separated transport:reference "
                       "(" DOCKER "…)",
                       name);
    TRY(remote_open(name, opts->registry, &from));
    TRY_WRAP(find_directory(opts, from.full_name, &directory), "sign %s", name);
    TRY_WRAP(remote_manifest(&from, &text, &len, NULL), "getting image source %s", name);
    if (opts->all)
        return sign_all(opts, directory, from.full_name, text, len);
    return ERR_WRAP(sign_digest(opts, directory, from.full_name, digest_of(text, len).s), "sign %s", name);
}
