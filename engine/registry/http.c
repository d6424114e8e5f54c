/* One transfer: url, headers, callbacks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/registry/serve.h"

#define DOCKER_HOST "registry-1.docker.io"
#define DOCKER_SEARCH_HOST "index.docker.io"
#define ACCEPT_MANIFEST                                                                             \
    "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " \
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"
#define CONNECT_TIMEOUT_SEC 15L
#define STALL_BYTES 64L
#define REDIRECTS_MAX 8L
#define HEADER_MAX ((size_t)16384)
#define RETRY_AFTER_MAX 3600

/* --- answers */

/* Seconds, or a date (RFC 9110 section 10.2.3); 0 for what makes no sense. */
static long retry_after(const char *value)
{
    uint64_t seconds = 0;
    struct err *e = number_parse_u64(value, RETRY_AFTER_MAX, &seconds);
    if (!e)
        return (long)seconds;
    err_drop(e);
    time_t at = curl_getdate(value, NULL), now = time(NULL);
    if (at <= now)
        return 0;
    return at - now > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (long)(at - now);
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct op *o = arg;
    size_t len = size * count;
    const struct {
        const char *name;
        char **slot;
    } wanted[] = {{"content-type:", &o->got_type}, {"docker-content-digest:", &o->got_digest},
                  {"location:", &o->got_location}, {"link:", &o->got_link},
                  {"range:", &o->got_range},       {"content-range:", &o->got_content_range},
                  {"www-authenticate:", NULL},     {"retry-after:", NULL}};
    if (len > 5 && strncasecmp(data, "HTTP/", 5) == 0) /* an answer begins, maybe behind a redirect */
        http_forget_answer(o);
    for (size_t i = 0; i < ARRAY_LEN(wanted) && len <= HEADER_MAX; i++) {
        size_t name = strlen(wanted[i].name);
        if (len < name || strncasecmp(data, wanted[i].name, name) != 0)
            continue;
        size_t from = name, to = len;
        while (from < to && (data[from] == ' ' || data[from] == '\t'))
            from++;
        while (to > from && strchr(" \t\r\n", data[to - 1]))
            to--;
        AUTO_FREE char *value = NULL;
        struct err *e = mem_strndup(data + from, to - from, &value);
        if (!e && wanted[i].slot) {
            mem_freep(wanted[i].slot);
            *wanted[i].slot = TAKE_PTR(value);
        } else if (!e && wanted[i].name[0] == 'w' && o->challenge.scheme == CHALLENGE_NONE) {
            challenge_done(&o->challenge);
            e = challenge_parse(value, &o->challenge);
        } else if (!e && !wanted[i].slot && wanted[i].name[0] == 'r') {
            o->retry_after = retry_after(value);
        }
        err_drop(e);
    }
    return len;
}

/* Keep what does not fit into a pipe now: curl gives it again after curl_easy_pause(). */
static size_t write_out(struct op *o, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (o->skip > 0 || o->ahead > 0) {
            uint64_t *which = o->ahead > 0 ? &o->ahead : &o->skip;
            size_t n = *which < len - at ? (size_t)*which : len - at;
            *which -= n;
            at += n;
            continue;
        }
        ssize_t n = write(o->fd, data + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            o->ahead = at;
            o->paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        if (n < 0) {
            /* Who reads has its reasons, and tells them itself. */
            o->write_error = ERR_SYS_AS(errno == EPIPE ? ERR_STATE : ERR_NO_SPACE, errno, "write %s", o->target);
            return 0;
        }
        at += (size_t)n;
        o->done += (size_t)n;
        o->received += (size_t)n;
    }
    return len;
}

static bool is_content(const struct op *o, long status)
{
    if (o->step != STEP_MAIN || (status != 200 && status != 206))
        return false;
    return o->verb == REGISTRY_GET_BLOB || o->verb == REGISTRY_GET_MANIFEST || o->verb == REGISTRY_SEARCH ||
           o->verb == REGISTRY_GET_URL;
}

/* 206: what comes must be what was asked for (RFC 9110 section 14.4). */
static struct err *check_range(const struct op *o)
{
    uint64_t from = 0;
    const char *text = o->got_content_range;
    if (!text || strncmp(text, "bytes ", 6) != 0)
        return ERR_NEW(ERR_CORRUPT, "%s: the registry does not say which part it sends", o->target);
    AUTO_FREE char *number = NULL;
    TRY(mem_strndup(text + 6, strspn(text + 6, "0123456789"), &number));
    TRY(number_parse_u64(number, UINT64_MAX, &from));
    return from == o->skip ? NULL
                           : ERR_NEW(ERR_CORRUPT, "%s: the registry sends from byte %llu, not from %llu", o->target,
                                     (unsigned long long)from, (unsigned long long)o->skip);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct op *o = arg;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
    if (o->write_error)
        return 0;
    if (!is_content(o, status)) {
        size_t room = SMALL_BODY_MAX > o->body.len ? SMALL_BODY_MAX - o->body.len : 0;
        struct err *e = strbuf_add(&o->body, data, len < room ? len : room);
        if (!e && len > room)
            e = ERR_NEW(ERR_CORRUPT, "the registry's answer is too long");
        o->write_error = e;
        return e ? 0 : len;
    }
    if (status == 206 && o->skip > 0) {
        o->write_error = check_range(o);
        if (o->write_error)
            return 0;
        o->skip = 0; /* that was for an answer to no Range */
    }
    uint64_t fresh = len - (o->ahead < len ? o->ahead : len);
    fresh -= o->skip < fresh ? o->skip : fresh;
    if (o->done + fresh > o->size) {
        o->write_error = ERR_NEW(ERR_CORRUPT, "%s has more bytes than the %llu that were announced", o->target,
                                 (unsigned long long)o->size);
        return 0;
    }
    return write_out(o, data, len);
}

struct err *http_feed(struct op *o, bool *ret_more)
{
    char buf[65536];
    while (o->done < o->resumed) {
        size_t want = o->resumed - o->done < sizeof buf ? (size_t)(o->resumed - o->done) : sizeof buf;
        ssize_t n = pread(o->resume_fd, buf, want, (off_t)o->done);
        if (n <= 0)
            return ERR_SYS(n < 0 ? errno : EIO, "read what is there of %s", o->target);
        ssize_t w = write(o->fd, buf, (size_t)n);
        if (w < 0 && errno == EAGAIN) {
            *ret_more = true;
            return NULL;
        }
        if (w < 0)
            return ERR_SYS_AS(errno == EPIPE ? ERR_STATE : ERR_NO_SPACE, errno, "write %s", o->target);
        o->done += (size_t)w;
    }
    *ret_more = false;
    return NULL;
}

void http_forget_answer(struct op *o)
{
    mem_freep(&o->got_type);
    mem_freep(&o->got_digest);
    mem_freep(&o->got_location);
    mem_freep(&o->got_link);
    mem_freep(&o->got_range);
    mem_freep(&o->got_content_range);
    challenge_done(&o->challenge);
    o->challenge = (struct challenge){0};
    o->retry_after = 0;
    strbuf_truncate(&o->body, 0);
}

/* `location`, relative to `base` or not, as a url; with the digest behind it when one is given. */
static struct err *join_url(const char *base, const char *location, const char *digest, char **ret)
{
    AUTO_FREE char *query = NULL;
    char *url = NULL;
    if (digest)
        TRY(mem_asprintf(&query, "digest=%s", digest));
    CURLU *u = curl_url();
    if (!u)
        return err_oom();
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, base, 0);
    if (!rc)
        rc = curl_url_set(u, CURLUPART_URL, location, 0);
    if (!rc && query)
        rc = curl_url_set(u, CURLUPART_QUERY, query, CURLU_APPENDQUERY);
    if (!rc)
        rc = curl_url_get(u, CURLUPART_URL, &url, 0);
    curl_url_cleanup(u);
    struct err *e = rc ? ERR_NEW(ERR_CORRUPT, "the registry sends us to %.200s", location) : mem_strdup(url, ret);
    curl_free(url);
    return e;
}

struct err *http_location(struct op *o, const char *location, char **ret)
{
    const char *base = NULL;
    if (!location)
        return ERR_NEW(ERR_CORRUPT, "the registry does not say where to go on");
    (void)curl_easy_getinfo(o->easy, CURLINFO_EFFECTIVE_URL, &base);
    return join_url(base, location, NULL, ret);
}

/* --- uploads */

static size_t on_upload(char *buf, size_t size, size_t count, void *arg)
{
    struct op *o = arg;
    size_t room = size * count;
    uint64_t left = o->until - o->done;
    ssize_t n = pread(o->fd, buf, left < room ? (size_t)left : room, (off_t)o->done);
    if (n < 0 || (n == 0 && left > 0))
        return CURL_READFUNC_ABORT;
    o->done += (size_t)n;
    o->received += (size_t)n;
    (void)lseek(o->fd, (off_t)o->done, SEEK_SET); /* for nobody here: who asked shares the position, and shows it */
    return (size_t)n;
}

static int on_upload_seek(void *arg, curl_off_t offset, int origin)
{
    struct op *o = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > o->until - o->from)
        return CURL_SEEKFUNC_CANTSEEK;
    o->done = o->from + (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* --- requests */

static struct err *add_header(struct op *o, const char *text)
{
    struct curl_slist *list = curl_slist_append(o->headers, text);
    if (!list)
        return err_oom();
    o->headers = list;
    return NULL;
}

static struct err *main_url(struct op *o, char **ret)
{
    static const struct {
        const char *path;
        bool target;
    } paths[] = {
        [REGISTRY_PING] = {"", false},
        [REGISTRY_GET_MANIFEST] = {"manifests/", true},
        [REGISTRY_HEAD_MANIFEST] = {"manifests/", true},
        [REGISTRY_PUT_MANIFEST] = {"manifests/", true},
        [REGISTRY_GET_BLOB] = {"blobs/", true},
        [REGISTRY_PUT_BLOB] = {"blobs/", true},
        [REGISTRY_HEAD_BLOB] = {"blobs/", true},
        [REGISTRY_TAGS] = {"tags/list?n=1000", false},
        [REGISTRY_SEARCH] = {"", false},
        [REGISTRY_CATALOG] = {"", false},
    };
    const struct place *p = op_place(o);
    if (o->verb == REGISTRY_GET_URL)
        return mem_strdup(o->target, ret);
    if (op_is_foreign(o))
        return mem_strdup(o->urls.items[o->url_at], ret);
    if (o->verb == REGISTRY_PING)
        return mem_asprintf(ret, "%s://%s/v2/", p->scheme, p->source.host);
    if ((o->verb == REGISTRY_TAGS || o->verb == REGISTRY_CATALOG) && o->next_url)
        return mem_strdup(o->next_url, ret);
    if (o->verb == REGISTRY_CATALOG)
        return mem_asprintf(ret, "%s://%s/v2/_catalog?n=1000", p->scheme, p->source.host);
    if (o->verb == REGISTRY_SEARCH) /* Docker Hub has it on another host than everything else */
        return mem_asprintf(ret, "%s://%s/v1/search?%s", p->scheme,
                            strcmp(p->source.host, DOCKER_HOST) == 0 ? DOCKER_SEARCH_HOST : p->source.host, o->target);
    return mem_asprintf(ret, "%s://%s/v2/%s/%s%s", p->scheme, p->source.host, p->source.repository, paths[o->verb].path,
                        paths[o->verb].target ? o->target : "");
}

static struct err *post_url(struct op *o, char **ret)
{
    const struct place *p = op_place(o);
    AUTO_FREE char *mount = NULL;
    if (o->mount_from)
        TRY(mem_asprintf(&mount, "?mount=%s&from=%s", o->target, o->mount_from));
    return mem_asprintf(ret, "%s://%s/v2/%s/blobs/uploads/%s", p->scheme, p->source.host, p->source.repository,
                        mount ? mount : "");
}

/* Whether a url that the registry gave leads to the registry itself, so that credentials may go there. */
static bool is_same_place(struct op *o, const char *url)
{
    const struct place *p = op_place(o);
    size_t scheme = strlen(p->scheme), host = strlen(p->source.host);
    return strncmp(url, p->scheme, scheme) == 0 && strncmp(url + scheme, "://", 3) == 0 &&
           strncmp(url + scheme + 3, p->source.host, host) == 0 && strchr("/?", url[scheme + 3 + host]);
}

#define SET(option, value) (void)curl_easy_setopt(o->easy, option, value)

static void set_blob(CURL *easy, CURLoption option, const char *text)
{
    struct curl_blob blob = {.len = strlen(text), .flags = CURL_BLOB_COPY};
    /* Copied by curl, and only read. */
    memcpy(&blob.data, &text, sizeof blob.data);
    (void)curl_easy_setopt(easy, option, &blob);
}

static void set_tls(struct op *o)
{
    const struct registry_source *s = &op_place(o)->source;
    const char *file = getenv("SSL_CERT_FILE");
    bool ours = !op_is_foreign(o);
    SET(CURLOPT_SSL_VERIFYPEER, s->insecure ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, s->insecure ? 0L : 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (file && file[0])
        SET(CURLOPT_CAINFO, file);
    if (s->ca)
        set_blob(o->easy, CURLOPT_CAINFO_BLOB, s->ca); /* the system's directory of authorities counts besides */
    if (s->cert && ours) {
        SET(CURLOPT_SSLCERTTYPE, "PEM");
        set_blob(o->easy, CURLOPT_SSLCERT_BLOB, s->cert);
    }
    if (s->key && ours)
        set_blob(o->easy, CURLOPT_SSLKEY_BLOB, s->key);
}

/* libcurl reads http_proxy, https_proxy, all_proxy and no_proxy by itself. Besides, as the Go programs that users know:
 * HTTP_PROXY in capitals (libcurl leaves it to CGI programs), and never for this machine itself. */
static void set_proxy(struct op *o)
{
    const char *lower = getenv("http_proxy"), *upper = getenv("HTTP_PROXY"), *none = getenv("no_proxy");
    AUTO_FREE char *list = NULL;
    if (!none)
        none = getenv("NO_PROXY");
    struct err *e = mem_asprintf(&list, "%s%slocalhost,127.0.0.0/8,::1", none ? none : "", none && none[0] ? "," : "");
    if (!e && !(none && strcmp(none, "*") == 0))
        SET(CURLOPT_NOPROXY, list);
    err_drop(e);
    if (!lower && upper && upper[0] && strcmp(op_place(o)->scheme, "http") == 0)
        SET(CURLOPT_PROXY, upper);
}

static void set_basics(struct op *o)
{
    bool plain = op_place(o)->source.insecure || o->verb == REGISTRY_GET_URL;
    SET(CURLOPT_PRIVATE, o);
    SET(CURLOPT_ERRORBUFFER, o->error_text);
    SET(CURLOPT_USERAGENT, "coracle/" CORACLE_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, plain ? "https,http" : "https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, plain ? "https,http" : "https");
    SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SEC);
    SET(CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, o->serve->stall_sec);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_PIPEWAIT, 0L);
    set_proxy(o);
    SET(CURLOPT_BUFFERSIZE, 262144L);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, o);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, o);
}

/* The body is what fd has from `from` to `until`. */
static void set_upload(struct op *o, uint64_t from, uint64_t until)
{
    o->from = o->done = from;
    o->until = until;
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
    SET(CURLOPT_READFUNCTION, on_upload);
    SET(CURLOPT_READDATA, o);
    SET(CURLOPT_SEEKFUNCTION, on_upload_seek);
    SET(CURLOPT_SEEKDATA, o);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)(until - from));
}

static struct err *set_main(struct op *o)
{
    char range[48];
    switch (o->verb) {
    case REGISTRY_GET_BLOB:
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        o->skip = o->done;
        o->ahead = 0;
        if (o->done > 0 && !o->no_range) {
            (void)snprintf(range, sizeof range, "%llu-", (unsigned long long)o->done);
            SET(CURLOPT_RANGE, range);
        }
        return NULL;
    case REGISTRY_HEAD_MANIFEST:
    case REGISTRY_GET_MANIFEST:
    case REGISTRY_SEARCH:
    case REGISTRY_GET_URL:
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        SET(CURLOPT_NOBODY, o->verb == REGISTRY_HEAD_MANIFEST ? 1L : 0L);
        /* A tag may have moved since the last try. */
        if (o->fd >= 0 && (ftruncate(o->fd, 0) < 0 || lseek(o->fd, 0, SEEK_SET) < 0))
            return ERR_SYS(errno, "begin anew");
        o->done = 0;
        return o->verb == REGISTRY_SEARCH ? NULL : add_header(o, ACCEPT_MANIFEST);
    case REGISTRY_HEAD_BLOB:
    case REGISTRY_PUT_BLOB: /* is it there? */
        SET(CURLOPT_NOBODY, 1L);
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        return NULL;
    case REGISTRY_PUT_MANIFEST: {
        AUTO_FREE char *type = NULL;
        TRY(mem_asprintf(&type, "Content-Type: %s", o->media_type ? o->media_type : ""));
        set_upload(o, 0, o->size);
        TRY(add_header(o, "Expect:"));
        return add_header(o, type);
    }
    case REGISTRY_PING:
    case REGISTRY_TAGS:
    case REGISTRY_CATALOG:
    case REGISTRY_VERB_MAX:
        return NULL;
    }
    return NULL;
}

/* A part of the blob, or all that is left. The first request says no range when it has everything: that is the one form
 * that every registry takes ("streamed upload"). */
static struct err *set_patch(struct op *o)
{
    uint64_t left = o->size - o->done;
    uint64_t until = o->chunk_bytes && o->chunk_bytes < left ? o->done + o->chunk_bytes : o->size;
    AUTO_FREE char *range = NULL;
    set_upload(o, o->done, until);
    SET(CURLOPT_CUSTOMREQUEST, "PATCH");
    if (o->from > 0 || until < o->size) {
        TRY(mem_asprintf(&range, "Content-Range: %llu-%llu", (unsigned long long)o->from,
                         (unsigned long long)until - 1));
        TRY(add_header(o, range));
    }
    TRY(add_header(o, "Content-Type: application/octet-stream"));
    return add_header(o, "Expect:");
}

/* The end of an upload; with the whole blob where nothing was sent before. */
static struct err *set_put(struct op *o)
{
    set_upload(o, upload_is_chunked(o) ? o->size : 0, o->size);
    TRY(add_header(o, "Content-Type: application/octet-stream"));
    return add_header(o, "Expect:");
}

static struct err *set_step(struct op *o, char **ret_url)
{
    AUTO_FREE char *form = NULL;
    switch (o->step) {
    case STEP_MAIN:
        TRY(set_main(o));
        return main_url(o, ret_url);
    case STEP_TOKEN:
        TRY(token_request(o, ret_url, &form));
        if (form)
            SET(CURLOPT_COPYPOSTFIELDS, form);
        return NULL;
    case STEP_POST:
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE, 0L);
        SET(CURLOPT_COPYPOSTFIELDS, "");
        return post_url(o, ret_url);
    case STEP_PATCH:
        TRY(set_patch(o));
        return mem_strdup(o->next_url, ret_url);
    case STEP_STATUS:
        return mem_strdup(o->next_url, ret_url);
    case STEP_PUT:
        TRY(set_put(o));
        return join_url(o->next_url, o->next_url, o->target, ret_url);
    }
    return NULL;
}

struct err *http_start(struct op *o)
{
    AUTO_FREE char *url = NULL, *authorization = NULL, *header = NULL;
    http_stop(o);
    if (o->step != STEP_TOKEN) /* which needs the challenge */
        http_forget_answer(o);
    o->easy = curl_easy_init();
    if (!o->easy)
        return err_oom();
    o->scheme_used = op_place(o)->scheme;
    set_basics(o);
    set_tls(o);
    TRY(set_step(o, &url));
    TRY(token_header(o, &authorization));
    if (authorization && (o->step == STEP_TOKEN || (!op_is_foreign(o) && is_same_place(o, url)))) {
        /* curl takes this header off when a redirect leads to another host, port or protocol. */
        TRY(mem_asprintf(&header, "Authorization: %s", authorization));
        TRY(add_header(o, header));
    }
    SET(CURLOPT_HTTPHEADER, o->headers);
    SET(CURLOPT_URL, url);
    o->error_text[0] = '\0';
    if (curl_multi_add_handle(o->serve->multi, o->easy) != CURLM_OK)
        return ERR_NEW(ERR_INTERNAL, "curl does not take the request");
    o->running = true;
    return NULL;
}

void http_stop(struct op *o)
{
    if (o->running)
        (void)curl_multi_remove_handle(o->serve->multi, o->easy);
    o->running = o->paused = false;
    curl_easy_cleanup(o->easy);
    o->easy = NULL;
    curl_slist_free_all(o->headers);
    o->headers = NULL;
    if (o->write_error)
        err_free(TAKE_PTR(o->write_error));
}

/* The first error of {"errors":[{"code":…,"message":…}]}; *ret stays NULL when there is none. */
static struct err *error_message(const struct op *o, char **ret)
{
    AUTO_JSON json_t *root = NULL;
    struct err *e = o->body.len ? json_parse(o->body.data, o->body.len, "error", &root) : NULL;
    err_drop(e);
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    const char *message = json_string_value(json_object_get(first, "message"));
    const char *code = json_string_value(json_object_get(first, "code"));
    if (!message || !message[0])
        message = code;
    return message ? mem_strndup(message, strnlen(message, 300), ret) : NULL;
}

struct err *http_status_error(struct op *o, long status)
{
    static const struct {
        long status;
        enum err_kind kind;
        const char *text;
    } known[] = {
        {401, ERR_DENIED, "unauthorized: authentication required"},
        {403, ERR_DENIED, "denied: requested access to the resource is denied"},
        {404, ERR_NOT_FOUND, "not found"},
        {429, ERR_NETWORK, "toomanyrequests: the registry asks to come back later"},
    };
    AUTO_FREE char *message = NULL;
    TRY(error_message(o, &message));
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status != status)
            continue;
        if (status == 404)
            return ERR_NEW(known[i].kind, "%s", message ? message : known[i].text);
        return ERR_NEW(known[i].kind, "%s%s%s%s", known[i].text, message ? " (" : "", message ? message : "",
                       message ? ")" : "");
    }
    return ERR_NEW(ERR_NETWORK, "received unexpected HTTP status %ld%s%s", status, message ? ": " : "",
                   message ? message : "");
}
