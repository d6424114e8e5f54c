/* The loop: requests come in, transfers go on, pipes that were full take more, pauses end. */
#include "engine/registry/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/registry/wire.h"

#define CONNECTIONS_PER_HOST 8L
#define STALL_SEC 30

int64_t serve_now_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- set-up */

static struct err *copy_member(const json_t *obj, const char *key, char **slot)
{
    const char *text = NULL;
    TRY(json_get_str(obj, key, "source", &text));
    return mem_strdup(text, slot);
}

static struct err *place_init(struct place *p, const json_t *obj)
{
    struct registry_source *s = &p->source;
    const struct {
        const char *key;
        char **slot;
    } members[] = {{"host", &s->host},         {"repository", &s->repository},
                   {"user", &s->user},         {"password", &s->password},
                   {"identity", &s->identity}, {"ca", &s->ca},
                   {"cert", &s->cert},         {"key", &s->key}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        TRY(copy_member(obj, members[i].key, members[i].slot));
    if (!s->host || !s->repository)
        return ERR_NEW(ERR_INVALID, "a source without host or repository");
    p->scheme = "https";
    return json_get_bool(obj, "insecure", "source", &s->insecure);
}

/* How long a transfer may bring next to nothing. */
static struct err *set_stall(struct serve *s)
{
    const char *wish = getenv("CORACLE_REGISTRY_STALL");
    uint64_t seconds = STALL_SEC;
    if (wish && wish[0])
        TRY_WRAP(number_parse_u64(wish, 3600, &seconds), "CORACLE_REGISTRY_STALL");
    s->stall_sec = seconds ? (long)seconds : STALL_SEC;
    return NULL;
}

static struct err *set_up(struct serve *s, const json_t *root)
{
    json_t *sources = NULL;
    int64_t retries = 0;
    bool debug = false;
    TRY(json_get_arr(root, "sources", "setup", &sources));
    TRY(json_get_int(root, "retries", "setup", &retries));
    TRY(json_get_int(root, "retry_delay_msec", "setup", &s->retry_delay_msec));
    TRY(json_get_bool(root, "push", "setup", &s->push));
    TRY(json_get_bool(root, "debug", "setup", &debug));
    if (debug)
        log_set_level(LOG_LEVEL_DEBUG);
    TRY(set_stall(s));
    s->retries = retries < 0 ? 0 : (uint64_t)retries;
    size_t n = json_array_size(sources);
    if (n == 0 || n > WIRE_SOURCES_MAX)
        return ERR_NEW(ERR_INVALID, "no sources, or too many");
    s->places = mem_zalloc(n * sizeof *s->places);
    if (!s->places)
        return err_oom();
    for (; s->n_places < n; s->n_places++)
        TRY(place_init(&s->places[s->n_places], json_array_get(sources, s->n_places)));
    return NULL;
}

struct err *serve_init(struct serve *s, int sock)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = NULL;
    size_t len;
    bool eof;
    *s = (struct serve){.sock = sock};
    TRY(msg_recv(sock, &m, &eof));
    if (eof || m.type != WIRE_SETUP || m.n_fds != 1)
        return ERR_NEW(ERR_INVALID, "no set-up came");
    TRY(file_read_fd(m.fds[0], WIRE_SETUP_MAX, &text, &len));
    TRY(json_parse(text, len, "setup", &root));
    TRY(set_up(s, root));
    s->multi = curl_multi_init();
    if (!s->multi)
        return err_oom();
    (void)curl_multi_setopt(s->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
    return fd_set_nonblock(sock, true);
}

void serve_done(struct serve *s)
{
    for (size_t i = 0; i < s->n_ops; i++)
        op_free(s->ops[i]);
    s->n_ops = 0;
    if (s->multi)
        (void)curl_multi_cleanup(s->multi);
    for (size_t i = 0; i < s->n_places; i++) {
        mem_freep(&s->places[i].token);
        registry_source_done(&s->places[i].source);
    }
    mem_freep(&s->places);
}

/* --- the loop */

static struct err *take_request(struct serve *s, struct msg *m)
{
    AUTO_JSON json_t *request = NULL;
    if (m->type != WIRE_REQUEST || s->n_ops >= WIRE_OPS_MAX)
        return ERR_NEW(ERR_INVALID, "a message that makes no sense, or too many requests");
    TRY(json_parse(m->data ? m->data : "", m->len, "request", &request));
    TRY(op_new(s, request, m, &s->ops[s->n_ops]));
    op_go(s->ops[s->n_ops++]);
    return NULL;
}

static struct err *take_requests(struct serve *s)
{
    for (;;) {
        AUTO_MSG struct msg m = MSG_INIT;
        struct err *e = msg_recv(s->sock, &m, &s->asked_to_end);
        if (e && (err_errno(e) == EAGAIN || err_errno(e) == EWOULDBLOCK)) {
            err_drop(e);
            return NULL;
        }
        if (e && err_errno(e) == ECONNRESET) { /* gone, without having read all answers */
            err_drop(e);
            s->asked_to_end = true;
            return NULL;
        }
        TRY(e);
        if (s->asked_to_end)
            return NULL;
        TRY(take_request(s, &m));
    }
}

static void finish_transfers(struct serve *s)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(s->multi, &left))) {
        struct op *o = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &o);
        op_finished(o, code);
    }
}

static void drop_finished(struct serve *s)
{
    for (size_t i = 0; i < s->n_ops;) {
        if (s->ops[i]->finished) {
            op_free(s->ops[i]);
            s->ops[i] = s->ops[--s->n_ops];
        } else {
            i++;
        }
    }
}

/* A full pipe may have room again, or its reader may be gone: the next write tells. */
static void go_on_writing(struct serve *s, const struct curl_waitfd *fds, struct op *const *who, size_t n)
{
    (void)s;
    for (size_t i = 0; i < n; i++) {
        struct op *o = who[i];
        if (!fds[i].revents)
            continue;
        o->paused = false;
        if (o->running) {
            /* What it kept is written in this call. When that fails, curl forgets it, and would go on with what
             * follows. */
            CURLcode code = curl_easy_pause(o->easy, CURLPAUSE_CONT);
            if (code != CURLE_OK)
                op_finished(o, code);
        } else
            op_go(o);
    }
}

static int next_timeout(const struct serve *s)
{
    int64_t now = serve_now_msec(), timeout = 60000;
    for (size_t i = 0; i < s->n_ops; i++) {
        int64_t at = s->ops[i]->resume_at_msec;
        if (at && at - now < timeout)
            timeout = at > now ? at - now : 0;
    }
    return (int)timeout;
}

static struct err *turn(struct serve *s)
{
    struct curl_waitfd fds[WIRE_OPS_MAX + 1];
    struct op *who[WIRE_OPS_MAX];
    unsigned n = 0;
    int running;
    if (curl_multi_perform(s->multi, &running) != CURLM_OK)
        return ERR_NEW(ERR_INTERNAL, "curl_multi_perform");
    finish_transfers(s);
    drop_finished(s);
    for (size_t i = 0; i < s->n_ops; i++) {
        if (!s->ops[i]->paused)
            continue;
        who[n] = s->ops[i];
        fds[n++] = (struct curl_waitfd){.fd = s->ops[i]->fd, .events = CURL_WAIT_POLLOUT};
    }
    fds[n] = (struct curl_waitfd){.fd = s->sock, .events = CURL_WAIT_POLLIN};
    if (curl_multi_poll(s->multi, fds, n + 1, next_timeout(s), NULL) != CURLM_OK)
        return ERR_NEW(ERR_INTERNAL, "curl_multi_poll");
    bool requests = fds[n].revents != 0;
    go_on_writing(s, fds, who, n);
    int64_t now = serve_now_msec();
    for (size_t i = 0; i < s->n_ops; i++)
        if (s->ops[i]->resume_at_msec && s->ops[i]->resume_at_msec <= now)
            op_go(s->ops[i]);
    return requests ? take_requests(s) : NULL;
}

struct err *serve_run(struct serve *s)
{
    TRY(take_requests(s));
    while (!s->asked_to_end)
        TRY(turn(s));
    return NULL;
}
