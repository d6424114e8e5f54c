/* What follows a transfer: the next step, another try, another place, or an answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/registry/link.h"
#include "engine/registry/serve.h"
#include "engine/registry/wire.h"

#define FIRST_DELAY_MSEC 250
#define DELAY_MAX_MSEC 60000
/* Less than this between two failures is none: who sends a byte a second shall not keep us for ever. */
#define PROGRESS_BYTES ((uint64_t)4096)
#define PAGES_MAX 1000

/* --- life */

static struct err *op_fill(struct op *o, const json_t *request)
{
    int64_t verb = -1, id = 0, size = 0, offset = 0;
    const char *target = NULL, *type = NULL, *mount = NULL;
    TRY(json_get_strv(request, "urls", "request", &o->urls));
    TRY(json_get_int(request, "id", "request", &id));
    TRY(json_get_int(request, "verb", "request", &verb));
    TRY(json_get_int(request, "size", "request", &size));
    TRY(json_get_int(request, "offset", "request", &offset));
    TRY(json_get_str(request, "target", "request", &target));
    TRY(json_get_str(request, "media_type", "request", &type));
    TRY(json_get_str(request, "mount_from", "request", &mount));
    if (verb < 0 || verb >= REGISTRY_VERB_MAX || id < 0 || size < 0 || offset < 0 || offset > size)
        return ERR_NEW(ERR_INVALID, "a request that makes no sense");
    o->id = (uint32_t)id;
    o->verb = (enum registry_verb)verb;
    o->size = (uint64_t)size;
    o->resumed = (uint64_t)offset;
    TRY(mem_strdup(target ? target : "", &o->target));
    TRY(mem_strdup(type, &o->media_type));
    return mem_strdup(mount, &o->mount_from);
}

struct err *op_new(struct serve *s, const json_t *request, struct msg *m, struct op **ret)
{
    struct op *o = mem_zalloc(sizeof *o);
    if (!o)
        return err_oom();
    o->serve = s;
    o->fd = TAKE_FD(m->fds[0]);
    o->resume_fd = TAKE_FD(m->fds[1]);
    struct err *e = op_fill(o, request);
    if (!e && o->fd < 0 && o->verb != REGISTRY_PING && o->verb != REGISTRY_HEAD_MANIFEST &&
        o->verb != REGISTRY_HEAD_BLOB)
        e = ERR_NEW(ERR_INVALID, "a request without its descriptor");
    if (!e && o->verb == REGISTRY_GET_BLOB)
        e = fd_set_nonblock(o->fd, true);
    if (e) {
        op_free(o);
        return e;
    }
    *ret = o;
    return NULL;
}

void op_free(struct op *o)
{
    if (!o)
        return;
    http_stop(o);
    http_forget_answer(o);
    strbuf_done(&o->body);
    strv_done(&o->urls);
    mem_freep(&o->target);
    mem_freep(&o->media_type);
    mem_freep(&o->mount_from);
    mem_freep(&o->next_url);
    fd_close(o->fd);
    fd_close(o->resume_fd);
    mem_freep(&o);
}

/* --- the answer */

static struct err *answer_text(struct op *o, struct err *failure, char **ret)
{
    AUTO_JSON json_t *obj = json_object();
    TRY(json_put_int(obj, "id", o->id));
    if (failure) {
        TRY(json_put_int(obj, "kind", (int64_t)err_kind(failure)));
        TRY(json_put_str(obj, "error", err_text(failure)));
        return json_text(obj, ret);
    }
    if (o->got_type)
        TRY(json_put_str(obj, "media_type", o->got_type));
    if (o->got_digest)
        TRY(json_put_str(obj, "digest", o->got_digest));
    TRY(json_put_int(obj, "bytes", (int64_t)o->received));
    TRY(json_put_bool(obj, "existed", o->existed));
    return json_text(obj, ret);
}

void op_answer(struct op *o, struct err *take_failure)
{
    AUTO_ERR struct err *failure = take_failure;
    AUTO_FREE char *text = NULL;
    o->finished = true;
    o->fd = fd_close(o->fd); /* the end of a pipe is part of the answer */
    struct err *e = answer_text(o, failure, &text);
    if (!e)
        e = msg_send(o->serve->sock, WIRE_ANSWER, text, strlen(text), NULL, 0);
    err_drop(e); /* the asking side is gone, and so shall we be */
}

/* --- tries */

void op_step(struct op *o, enum step step)
{
    o->step = step;
    struct err *e = http_start(o);
    if (e)
        op_answer(o, e);
}

void op_go(struct op *o)
{
    bool more = false;
    o->resume_at_msec = 0;
    struct err *e = o->verb == REGISTRY_GET_BLOB ? http_feed(o, &more) : NULL;
    if (e)
        op_answer(o, e);
    else if (more)
        o->paused = true;
    else if (o->verb == REGISTRY_GET_BLOB && o->done == o->size)
        op_answer(o, NULL); /* all of it was here */
    else
        op_step(o, upload_retry_step(o));
}

static void wait_and_retry(struct op *o, struct err *take_why)
{
    int64_t delay = o->serve->retry_delay_msec;
    if (!delay)
        delay = FIRST_DELAY_MSEC << (o->attempts < 8 ? o->attempts : 8);
    if (o->retry_after > 0)
        delay = (int64_t)o->retry_after * 1000;
    if (delay > DELAY_MAX_MSEC)
        delay = DELAY_MAX_MSEC;
    o->attempts++;
    err_free(take_why);
    http_stop(o);
    o->resume_at_msec = serve_now_msec() + delay;
}

void op_fail(struct op *o, struct err *take_why, bool passing)
{
    bool is_write = o->verb == REGISTRY_PUT_BLOB || o->verb == REGISTRY_PUT_MANIFEST;
    if (!is_write && o->received - o->received_before >= PROGRESS_BYTES) {
        o->attempts = 0; /* it goes on */
        o->received_before = o->received;
    }
    if (passing && o->attempts < o->serve->retries) {
        wait_and_retry(o, take_why);
        return;
    }
    if (o->verb != REGISTRY_GET_URL && (op_is_foreign(o) || (!is_write && o->place + 1 < o->serve->n_places))) {
        log_debug("%s: %s", op_is_foreign(o) ? o->urls.items[o->url_at] : op_place(o)->source.host, err_text(take_why));
        err_free(take_why);
        *(op_is_foreign(o) ? &o->url_at : &o->place) += 1;
        o->no_range = false;
        o->attempts = 0;
        o->auth_tried = false;
        http_stop(o);
        op_go(o);
        return;
    }
    http_stop(o);
    op_answer(o, o->serve->n_places > 1 ? ERR_WRAP(take_why, "%s", op_place(o)->source.host) : take_why);
}

static bool is_passing(CURLcode code)
{
    static const CURLcode codes[] = {
        CURLE_COULDNT_CONNECT,
        CURLE_PARTIAL_FILE,
        CURLE_OPERATION_TIMEDOUT,
        CURLE_GOT_NOTHING,
        CURLE_SEND_ERROR,
        CURLE_RECV_ERROR,
        CURLE_HTTP2,
        CURLE_HTTP2_STREAM,
        CURLE_SSL_CONNECT_ERROR,
        CURLE_WEIRD_SERVER_REPLY,
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* An insecure registry without TLS: http from now on. */
static bool fall_back_to_http(struct op *o)
{
    struct place *p = op_place(o);
    if (!p->source.insecure || op_is_foreign(o) || p->scheme_known)
        return false;
    p->scheme = "http";
    p->scheme_known = true;
    return true;
}

static void transfer_failed(struct op *o, CURLcode code)
{
    if (o->write_error) {
        op_fail(o, TAKE_PTR(o->write_error), false);
        return;
    }
    if (fall_back_to_http(o) || strcmp(o->scheme_used, op_place(o)->scheme) != 0) {
        http_stop(o);
        op_go(o);
        return;
    }
    const char *why = o->error_text[0] ? o->error_text : curl_easy_strerror(code);
    /* A certificate that isn't trusted will not be so in a second. Too many tries to connect hold up a user. */
    op_fail(o, ERR_NEW(ERR_NETWORK, "%s", why), is_passing(code) && code != CURLE_SSL_CONNECT_ERROR);
}

/* --- answers of registries */

/* 401: get a token or show credentials, once; then it is an error. */
static void unauthorized(struct op *o)
{
    struct place *p = op_place(o);
    if (op_is_foreign(o)) {
        op_fail(o, http_status_error(o, 401), false);
        return;
    }
    bool outdated = o->step != STEP_TOKEN && p->token_number != o->token_used;
    if (o->step != STEP_TOKEN && (outdated || !o->auth_tried)) {
        o->auth_tried = !outdated;
        o->after_token = o->step == STEP_PATCH ? STEP_STATUS : o->step;
        if (!outdated && o->challenge.scheme == CHALLENGE_BEARER) {
            op_step(o, STEP_TOKEN);
            return;
        }
        if (outdated || (o->challenge.scheme == CHALLENGE_BASIC && p->source.user && p->auth != AUTH_BASIC)) {
            if (!outdated) {
                p->auth = AUTH_BASIC;
                p->token_number++; /* those that were sent without are outdated */
            }
            op_step(o, o->after_token);
            return;
        }
    }
    if (p->source.user || p->source.identity)
        op_fail(o, ERR_NEW(ERR_DENIED, "unauthorized: authentication required: the registry refuses these credentials"),
                false);
    else
        op_fail(o, http_status_error(o, 401), false);
}

static struct err *next_page(struct op *o, char **ret)
{
    AUTO_FREE char *next = NULL;
    if (o->got_link)
        TRY(link_next(o->got_link, &next));
    return next ? http_location(o, next, ret) : NULL;
}

/* Of a catalog, as many as there is room for: who asked gave it as many bytes as it wants names. */
static struct err *write_tags(struct op *o, bool *ret_full)
{
    bool catalog = o->verb == REGISTRY_CATALOG;
    const char *what = catalog ? "catalog" : "list of tags";
    AUTO_JSON json_t *root = NULL;
    AUTO_STRV struct strv tags = STRV_INIT;
    TRY_WRAP(json_parse(strbuf_str(&o->body), o->body.len, what, &root), "%s", what);
    TRY(json_get_strv(root, catalog ? "repositories" : "tags", what, &tags));
    for (size_t i = 0; i < tags.count; i++) {
        size_t len = strlen(tags.items[i]);
        if (catalog && !strstr(tags.items[i], o->target))
            continue;
        o->done += len + 1;
        *ret_full = catalog && o->done > o->size;
        if (*ret_full)
            return NULL;
        if (o->done > o->size || len == 0 || strchr(tags.items[i], '\n'))
            return ERR_NEW(ERR_CORRUPT, "the %s is too long, or none", what);
        tags.items[i][len] = '\n'; /* in place of the NUL, for one write */
        struct err *e = fd_write_all(o->fd, tags.items[i], len + 1);
        tags.items[i][len] = '\0';
        TRY(e);
    }
    return NULL;
}

static void tags_done(struct op *o)
{
    AUTO_FREE char *next = NULL;
    bool full = false;
    struct err *e = write_tags(o, &full);
    if (!e && !full)
        e = next_page(o, &next);
    if (!e && next && o->next_url && strcmp(next, o->next_url) == 0)
        e = ERR_NEW(ERR_CORRUPT, "the list of tags goes round in circles: its next page is the same");
    else if (!e && next && ++o->pages > PAGES_MAX)
        e = ERR_NEW(ERR_CORRUPT, "the list of tags has more than %d pages", PAGES_MAX);
    if (e || !next) {
        http_stop(o);
        op_answer(o, e);
        return;
    }
    mem_freep(&o->next_url);
    o->next_url = TAKE_PTR(next);
    op_step(o, STEP_MAIN);
}

static void content_done(struct op *o)
{
    if (o->verb == REGISTRY_GET_BLOB && o->done < o->size)
        op_fail(o,
                ERR_NEW(ERR_CORRUPT, "%s ends after %llu bytes, %llu were announced", o->target,
                        (unsigned long long)o->done, (unsigned long long)o->size),
                false);
    else
        op_answer(o, NULL);
}

static void succeeded(struct op *o, long status)
{
    if (o->step == STEP_TOKEN) {
        struct err *e = token_take(o);
        if (e)
            op_fail(o, e, false);
        else
            op_step(o, o->after_token);
        return;
    }
    if (o->step != STEP_MAIN) {
        upload_succeeded(o, status);
        return;
    }
    if (o->verb == REGISTRY_TAGS || o->verb == REGISTRY_CATALOG) {
        tags_done(o);
    } else if (o->verb == REGISTRY_SEARCH || o->verb == REGISTRY_GET_URL || o->verb == REGISTRY_GET_BLOB ||
               o->verb == REGISTRY_GET_MANIFEST) {
        content_done(o);
    } else {
        o->existed = o->verb == REGISTRY_PUT_BLOB || o->verb == REGISTRY_HEAD_BLOB;
        op_answer(o, NULL);
    }
}

/* It knows no Range for this blob: from the start, past what is here. */
static void begin_at_start(struct op *o)
{
    o->no_range = true;
    op_step(o, STEP_MAIN);
}

static void log_result(const struct op *o, long status)
{
    long version = 0;
    const char *url = NULL;
    (void)curl_easy_getinfo(o->easy, CURLINFO_HTTP_VERSION, &version);
    (void)curl_easy_getinfo(o->easy, CURLINFO_EFFECTIVE_URL, &url);
    log_debug("HTTP/%s %ld for %s", version == CURL_HTTP_VERSION_2_0 ? "2" : "1", status, url ? url : o->target);
}

void op_finished(struct op *o, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status > 0 && o->step != STEP_TOKEN && !op_is_foreign(o))
        op_place(o)->scheme_known = true;
    if (status != 401 && o->step != STEP_TOKEN)
        o->auth_tried = false; /* this token was good; it may expire as the ones before it did */
    if (code == CURLE_OK)
        log_result(o, status);
    if (code != CURLE_OK || status == 0 || o->write_error) {
        transfer_failed(o, code);
        return;
    }
    if (status >= 200 && status < 300)
        succeeded(o, status);
    else if (status == 401)
        unauthorized(o);
    else if (status == 404 && o->step == STEP_MAIN && o->verb == REGISTRY_PUT_BLOB)
        upload_begin(o);
    else if (status == 404 && o->verb == REGISTRY_HEAD_BLOB)
        op_answer(o, NULL);
    else if (status == 416 && o->verb == REGISTRY_GET_BLOB && !o->no_range)
        begin_at_start(o);
    else if (!upload_goes_on(o, status))
        op_fail(o, http_status_error(o, status), status == 429 || status == 408 || status >= 500);
}
