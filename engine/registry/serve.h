/* coracle-registry inside: one loop, one curl multi handle, a small state machine (struct op) per request.
 *
 * An op is one request of the asking side. It makes one transfer after the other on its easy handle: the request
 * itself, when the registry wants it a token first, again after a pause when that failed in a way that passes. `step`
 * says which transfer is under way; op_finished() (op.c) decides what comes next. Bytes that were written already are
 * counted in `done` and are never fetched again, whichever source they came from.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/msg.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/registry/challenge.h"
#include "engine/registry/registry.h"
#include "engine/registry/wire.h"

#define SMALL_BODY_MAX ((size_t)1 << 20) /* tokens, errors, lists of tags */

enum auth_state { AUTH_NONE, AUTH_BASIC, AUTH_TOKEN };
/* A place, and what was learnt about it. */
struct place {
    struct registry_source source;
    const char *scheme; /* "https", or "http" for an insecure one that has no TLS */
    bool scheme_known;
    enum auth_state auth;
    char *token;
    unsigned token_number; /* counts up: a refusal of an older token says nothing */
};

/* POST, PATCH, STATUS and PUT are those of an upload (upload.c). */
enum step { STEP_MAIN, STEP_TOKEN, STEP_POST, STEP_PATCH, STEP_STATUS, STEP_PUT };

struct op;
struct serve {
    int sock;
    CURLM *multi;
    struct place *places;
    size_t n_places;
    uint64_t retries;
    int64_t retry_delay_msec;
    long stall_sec;
    bool push, asked_to_end;
    struct op *ops[WIRE_OPS_MAX];
    size_t n_ops;
};

struct op {
    struct serve *serve;
    uint32_t id;
    enum registry_verb verb;
    char *target, *media_type, *mount_from;
    uint64_t size, done, resumed, received, received_before;
    uint64_t ahead; /* bytes of the paused chunk that were written already */
    uint64_t skip;  /* bytes of this answer that were written before (no Range support) */
    bool no_range;  /* the registry refused to begin in the middle */
    int fd, resume_fd;
    struct strv urls; /* other places of a blob that is kept elsewhere, asked before `place`, without credentials */
    size_t url_at;
    unsigned pages; /* of a list */

    uint64_t from, until; /* uploads: the part that the request under way sends */
    uint64_t acknowledged;
    uint64_t chunk_bytes; /* at most so many in one request; 0: all */

    size_t place;
    enum step step, after_token;
    const char *scheme_used;
    CURL *easy;
    bool running, paused, finished;
    struct curl_slist *headers;
    char error_text[CURL_ERROR_SIZE];
    int64_t resume_at_msec; /* waiting until then; 0: not */
    uint64_t attempts;
    bool auth_tried, existed;
    unsigned token_used;
    struct challenge challenge;

    /* Of the answer under way. */
    struct strbuf body;
    char *got_type, *got_digest, *got_location, *got_link, *got_range, *got_content_range;
    long retry_after;
    struct err *write_error;

    char *next_url; /* POST's Location, or the next page of tags */
};

static inline struct place *op_place(struct op *o)
{
    return &o->serve->places[o->place];
}

/* Whether this try goes to another place than a registry. */
static inline bool op_is_foreign(const struct op *o)
{
    return o->verb == REGISTRY_GET_URL || o->url_at < o->urls.count;
}

/* serve.c */
struct err *serve_init(struct serve *s, int sock) ERR_RESULT;
struct err *serve_run(struct serve *s) ERR_RESULT;
void serve_done(struct serve *s);

/* op.c: takes the descriptors. */
struct err *op_new(struct serve *s, const json_t *request, struct msg *m, struct op **ret) ERR_RESULT;
void op_free(struct op *o);
void op_finished(struct op *o, CURLcode code);
/* Begin, or go on after a pause. Errors are answered. */
void op_go(struct op *o);
void op_step(struct op *o, enum step step);
void op_answer(struct op *o, struct err *take_failure);
/* Try again, go to the next place, or give up with `take_why`. */
void op_fail(struct op *o, struct err *take_why, bool passing);
/* upload.c: PUT_BLOB after the registry said that it does not have it; what follows each of its steps. */
void upload_begin(struct op *o);
void upload_succeeded(struct op *o, long status);
/* True when the failure is no reason to begin anew: the next step goes on. */
bool upload_goes_on(struct op *o, long status);
/* In PATCH requests, or all in one PUT. */
bool upload_is_chunked(const struct op *o);
/* The step with which a retry begins. */
enum step upload_retry_step(const struct op *o);
/* http.c: one transfer. */
struct err *http_start(struct op *o) ERR_RESULT;
void http_stop(struct op *o);
void http_forget_answer(struct op *o);
/* What the answer's Location (or Link) says, as a url. */
struct err *http_location(struct op *o, const char *location, char **ret) ERR_RESULT;
/* Write the part of the resumed file, as far as the pipe takes it; *ret_more while there is more. */
struct err *http_feed(struct op *o, bool *ret_more) ERR_RESULT;
/* token.c: after the answer to STEP_TOKEN; and the request for it. */
struct err *token_request(struct op *o, char **ret_url, char **ret_form) ERR_RESULT;
struct err *token_take(struct op *o) ERR_RESULT;
/* Value of the Authorization header, or NULL for none. */
struct err *token_header(struct op *o, char **ret) ERR_RESULT;
/* What an answer that isn't success means, in the registry's own words. */
struct err *http_status_error(struct op *o, long status) ERR_RESULT;
int64_t serve_now_msec(void);
