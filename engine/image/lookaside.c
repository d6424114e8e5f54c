#include "engine/image/lookaside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image/reference.h"
#include "engine/image/scope.h"
#include "engine/registry/places.h"
#include "engine/registry/registry.h"
#include "engine/store/digest.h"

#define SYSTEM_DIR "/etc/containers/registries.d"
#define ROOT_DEFAULT "/var/lib/containers/sigstore"
#define OWN_DEFAULT "sigstore" /* in $CORACLE_HOME */
#define USER_DEFAULT ".local/share/containers/sigstore"
#define YAML_FILE_MAX ((size_t)1 << 20)
#define FILE_SCHEME "file://"

void signatures_done(struct signatures *s)
{
    for (size_t i = 0; i < s->count; i++)
        trust_signature_done(&s->items[i]);
    mem_freep(&s->items);
    s->count = s->cap = 0;
}

struct err *signatures_add(struct signatures *s, struct trust_signature *take)
{
    struct err *e = NULL;
    if (s->count >= TRUST_SIGNATURES_MAX)
        e = ERR_NEW(ERR_INVALID, "the image has more than %d signatures", TRUST_SIGNATURES_MAX);
    if (!e)
        e = mem_grow(&s->items, s->count, &s->cap, sizeof *s->items, TRUST_SIGNATURES_MAX);
    if (e) {
        trust_signature_done(take);
        return e;
    }
    s->items[s->count++] = *take;
    *take = (struct trust_signature){0};
    return NULL;
}

/* --- configuration */

struct err *lookaside_conf_files(const char *dir, struct strv *ret)
{
    AUTO_FREE char *user = NULL;
    if (!dir || !dir[0]) {
        TRY(places_user_config("registries.d", &user));
        dir = user && access(user, F_OK) == 0 ? user : SYSTEM_DIR;
    }
    return places_list(dir, ".yaml", ret);
}

struct err *lookaside_conf(struct trust *trust, const char *dir, json_t **ret)
{
    AUTO_STRV struct strv names = STRV_INIT, texts = STRV_INIT;
    TRY(lookaside_conf_files(dir, &names));
    if (names.count == 0) {
        *ret = json_object();
        return *ret ? NULL : err_oom();
    }
    if (!trust)
        return ERR_NEW(ERR_INTERNAL, "nobody to read %s", names.items[0]);
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        TRY(places_read(names.items[i], YAML_FILE_MAX, &text, &len));
        TRY(strv_add(&texts, text ? text : ""));
    }
    return trust_registries_d(trust, &names, &texts, ret);
}

/* What a section says, or NULL; "sigstore" is what lookaside was called before. */
static const char *section_url(const json_t *section, bool writing)
{
    static const char *const keys[] = {"lookaside-staging", "sigstore-staging", "lookaside", "sigstore"};
    for (size_t i = writing ? 0 : 2; i < ARRAY_LEN(keys); i++) {
        const char *url = json_string_value(json_object_get(section, keys[i]));
        if (url && url[0])
            return url;
    }
    return NULL;
}

const char *lookaside_find(const json_t *conf, const struct strv *scopes, bool writing)
{
    const json_t *docker = json_object_get(conf, "docker");
    for (size_t i = 0; i < scopes->count; i++) {
        const char *url = section_url(json_object_get(docker, scopes->items[i]), writing);
        if (url)
            return url;
    }
    return section_url(json_object_get(conf, "default-docker"), writing);
}

bool lookaside_attachments(const json_t *conf, const struct strv *scopes)
{
    const json_t *docker = json_object_get(conf, "docker"), *said = NULL;
    for (size_t i = 0; i < scopes->count && !json_is_boolean(said); i++)
        said = json_object_get(json_object_get(docker, scopes->items[i]), "use-sigstore-attachments");
    if (!json_is_boolean(said))
        said = json_object_get(json_object_get(conf, "default-docker"), "use-sigstore-attachments");
    return json_is_true(said);
}

struct err *lookaside_base(const json_t *conf, const char *full_name, bool writing, uid_t host_uid, char **ret)
{
    AUTO_STRV struct strv scopes = STRV_INIT;
    AUTO_FREE char *repository = NULL, *home = NULL, *own = NULL;
    TRY(scope_list_docker(full_name, &scopes));
    TRY(reference_repository(full_name, &repository));
    const char *path = strchr(repository, '/');
    const char *top = lookaside_find(conf, &scopes, writing);
    if (!top && host_uid == 0)
        top = FILE_SCHEME ROOT_DEFAULT;
    if (!top) {
        TRY(places_own(OWN_DEFAULT, &home));
        if (!home)
            TRY(places_home(USER_DEFAULT, &home));
        TRY(mem_asprintf(&own, FILE_SCHEME "%s", home ? home : "/nonexistent"));
        top = own;
    }
    size_t len = strlen(top);
    while (len > 0 && top[len - 1] == '/')
        len--;
    return mem_asprintf(ret, "%.*s%s", (int)len, top, path ? path : "");
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c | 0x20) : NULL;
    return p ? (int)(p - digits) : -1;
}

/* %41 and its kind. */
static void percent_decode(char *s)
{
    char *to = s;
    for (; *s; s++) {
        int high = *s == '%' ? hex_value(s[1]) : -1, low = high >= 0 ? hex_value(s[2]) : -1;
        *to++ = (char)(low >= 0 ? high << 4 | low : *s);
        s += low >= 0 ? 2 : 0;
    }
    *to = '\0';
}

struct err *lookaside_directory(const char *base, char **ret)
{
    if (strncmp(base, FILE_SCHEME "/", strlen(FILE_SCHEME) + 1) != 0)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "Writing directly to the lookaside %s is not supported. Configure a lookaside-staging: location",
                       base);
    TRY(mem_strdup(base + strlen(FILE_SCHEME), ret));
    percent_decode(*ret);
    return NULL;
}

/* --- reading and writing */

static struct err *read_remote(const char *url, struct registry *r, char **ret, size_t *ret_len)
{
    AUTO_FD int fd = memfd_create("signature", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    if (!r || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return ERR_NEW(ERR_INVALID, "unsupported scheme when reading signature from %s", url);
    const struct registry_request request = {
        .verb = REGISTRY_GET_URL, .target = url, .size_bytes = TRUST_SIGNATURE_MAX_BYTES, .fd = fd};
    TRY(registry_do(r, &request, NULL));
    return file_read_fd(fd, TRUST_SIGNATURE_MAX_BYTES, ret, ret_len);
}

/* *ret stays NULL when there is none. */
static struct err *read_one(const char *url, struct registry *r, char **ret, size_t *ret_len)
{
    AUTO_FREE char *path = NULL;
    if (strncmp(url, FILE_SCHEME "/", strlen(FILE_SCHEME) + 1) == 0) {
        TRY(lookaside_directory(url, &path));
        return places_read(path, TRUST_SIGNATURE_MAX_BYTES, ret, ret_len);
    }
    struct err *e = read_remote(url, r, ret, ret_len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    return ERR_WRAP(e, "reading signature %s", url);
}

struct err *lookaside_read(const char *base, const char *digest, struct registry *r, struct signatures *ret)
{
    for (unsigned i = 1;; i++) {
        AUTO_FREE char *url = NULL;
        struct trust_signature s = {0};
        TRY(mem_asprintf(&url, "%s@sha256=%s/signature-%u", base, digest_hex(digest), i));
        TRY(read_one(url, r, &s.data, &s.len));
        if (!s.data)
            return NULL;
        TRY(signatures_add(ret, &s));
    }
}

static struct err *signature_name(unsigned number, char **ret)
{
    return mem_asprintf(ret, "signature-%u", number);
}

struct err *lookaside_write(const char *directory, const char *digest, const char *data, size_t len, bool replace)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int fd = -1;
    unsigned number = 1;
    TRY(mem_asprintf(&dir, "%s@sha256=%s", directory, digest_hex(digest)));
    TRY_WRAP(file_mkdirs(dir, 0755), "create %s", dir);
    TRY_WRAP(file_open_dir(AT_FDCWD, dir, &fd), "open %s", dir);
    for (unsigned i = 1; i <= TRUST_SIGNATURES_MAX; i++) {
        AUTO_FREE char *name = NULL;
        TRY(signature_name(i, &name));
        if (!file_exists(fd, name))
            break;
        number = i + 1;
    }
    if (number > TRUST_SIGNATURES_MAX && !replace)
        return ERR_NEW(ERR_NO_SPACE, "%s has %u signatures already", dir, number - 1);
    AUTO_FREE char *name = NULL;
    TRY(signature_name(replace ? 1 : number, &name));
    TRY_WRAP(file_write_atomic(fd, name, data, len, 0644, FILE_SYNC), "write %s/%s", dir, name);
    for (unsigned i = 2; replace && i < number; i++) {
        AUTO_FREE char *old = NULL;
        TRY(signature_name(i, &old));
        if (unlinkat(fd, old, 0) < 0 && errno != ENOENT)
            return ERR_SYS(errno, "remove %s/%s", dir, old);
    }
    return NULL;
}
