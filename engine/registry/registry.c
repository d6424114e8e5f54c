/* The asking side: one coracle-registry for the repository of one command. */
#include "engine/registry/registry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "engine/registry/wire.h"

#define RETRIES_DEFAULT 3

/* An answer that came before somebody waited for it. */
struct early {
    uint32_t id;
    json_t *answer;
};

struct registry {
    struct proc proc;
    int sock;
    uint32_t last_id;
    struct early early[WIRE_OPS_MAX];
    size_t n_early;
    void (*tick)(void *arg);
    void *tick_arg;
};

#define TICK_MSEC 100

void registry_set_tick(struct registry *r, void (*fn)(void *arg), void *arg)
{
    r->tick = fn;
    r->tick_arg = arg;
}

void registry_source_done(struct registry_source *s)
{
    char **const slots[] = {&s->host, &s->repository, &s->user, &s->password, &s->identity, &s->ca, &s->cert, &s->key};
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        mem_freep(slots[i]);
}

void registry_sources_done(struct registry_sources *s)
{
    for (size_t i = 0; i < s->count; i++)
        registry_source_done(&s->items[i]);
    mem_freep(&s->items);
    s->count = 0;
}

void registry_answer_done(struct registry_answer *a)
{
    mem_freep(&a->media_type);
    mem_freep(&a->digest);
}

void registry_stop(struct registry *take_r)
{
    if (!take_r)
        return;
    take_r->sock = fd_close(take_r->sock);
    for (size_t i = 0; i < take_r->n_early; i++)
        json_decref(take_r->early[i].answer);
    proc_done(&take_r->proc);
    mem_freep(&take_r);
}

void registry_stopp(struct registry **r)
{
    registry_stop(*r);
    *r = NULL;
}

static struct err *source_json(const struct registry_source *s, json_t *list)
{
    json_t *obj;
    const struct {
        const char *key, *value;
    } members[] = {{"host", s->host},         {"repository", s->repository},
                   {"user", s->user},         {"password", s->password},
                   {"identity", s->identity}, {"ca", s->ca},
                   {"cert", s->cert},         {"key", s->key}};
    TRY(json_push_obj(list, &obj));
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].value)
            TRY(json_put_str(obj, members[i].key, members[i].value));
    return json_put_bool(obj, "insecure", s->insecure);
}

static struct err *send_setup(struct registry *r, const struct registry_sources *sources,
                              const struct registry_opts *opts)
{
    AUTO_JSON json_t *root = json_object();
    AUTO_FREE char *text = NULL;
    json_t *list;
    TRY(json_put_int(root, "retries", opts->retry_given ? (int64_t)opts->retries : RETRIES_DEFAULT));
    TRY(json_put_int(root, "retry_delay_msec", opts->retry_delay_nsec / 1000000));
    TRY(json_put_bool(root, "push", opts->push));
    TRY(json_put_bool(root, "debug", log_enabled(LOG_LEVEL_DEBUG)));
    TRY(json_put_arr(root, "sources", &list));
    for (size_t i = 0; i < sources->count; i++)
        TRY(source_json(&sources->items[i], list));
    TRY(json_text(root, &text));
    AUTO_FD int fd = memfd_create("registry-setup", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    TRY(fd_write_all(fd, text, strlen(text)));
    return msg_send(r->sock, WIRE_SETUP, NULL, 0, &fd, 1);
}

static struct err *spawn(struct registry *r)
{
    AUTO_FREE char *path = NULL;
    char name[] = WIRE_HELPER;
    char *const argv[] = {name, NULL};
    int pair[2];
    TRY(proc_find_helper(WIRE_HELPER, &path));
    TRY(msg_pair(pair));
    r->sock = pair[0];
    AUTO_FD int theirs = pair[1];
    const struct proc_fd fds[] = {{.from = theirs, .to = WIRE_SOCKET}};
    const struct proc_opts opts = {
        .path = path, .argv = argv, .fds = fds, .n_fds = 1, .parent_death_signal = SIGKILL, .default_signals = true};
    return proc_spawn(&opts, &r->proc);
}

struct err *registry_start(const struct registry_sources *sources, const struct registry_opts *opts,
                           struct registry **ret)
{
    AUTO_REGISTRY struct registry *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_oom();
    r->proc = (struct proc)PROC_INIT;
    r->sock = -1;
    TRY(spawn(r));
    TRY(send_setup(r, sources, opts));
    *ret = TAKE_PTR(r);
    return NULL;
}

struct err *registry_ask(struct registry *r, const struct registry_request *q, uint32_t *ret_id)
{
    AUTO_JSON json_t *obj = json_object();
    AUTO_FREE char *text = NULL;
    int fds[2] = {q->fd, q->resume_fd};
    size_t n_fds = q->fd <= 0 ? 0 : q->offset > 0 ? 2 : 1;
    uint32_t id = ++r->last_id;
    TRY(json_put_int(obj, "id", id));
    TRY(json_put_int(obj, "verb", q->verb));
    TRY(json_put_str(obj, "target", q->target));
    if (q->media_type)
        TRY(json_put_str(obj, "media_type", q->media_type));
    if (q->mount_from)
        TRY(json_put_str(obj, "mount_from", q->mount_from));
    if (q->urls && q->urls->count)
        TRY(json_put_strv(obj, "urls", q->urls));
    TRY(json_put_int(obj, "size", (int64_t)q->size_bytes));
    TRY(json_put_int(obj, "offset", (int64_t)q->offset));
    TRY(json_text(obj, &text));
    TRY(msg_send(r->sock, WIRE_REQUEST, text, strlen(text), fds, n_fds));
    *ret_id = id;
    return NULL;
}

/* The next answer, or why there is none. */
static struct err *receive(struct registry *r, json_t **ret, uint32_t *ret_id)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_JSON json_t *answer = NULL;
    int64_t id = -1;
    bool eof = false;
    struct pollfd p = {.fd = r->sock, .events = POLLIN};
    while (r->tick && poll(&p, 1, TICK_MSEC) == 0)
        r->tick(r->tick_arg);
    struct err *e = msg_recv(r->sock, &m, &eof);
    if (e || eof) {
        err_drop(e);
        int status = 0;
        TRY(proc_wait(&r->proc, &status));
        return ERR_NEW(ERR_INTERNAL, WIRE_HELPER " ended with code %d and no answer", proc_exit_code(status));
    }
    if (m.type != WIRE_ANSWER)
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent a message that makes no sense");
    TRY(json_parse(m.data ? m.data : "", m.len, "answer", &answer));
    TRY(json_get_int(answer, "id", "answer", &id));
    *ret_id = (uint32_t)id;
    *ret = TAKE_PTR(answer);
    return NULL;
}

static struct err *take_answer(json_t *answer, struct registry_answer *ret)
{
    const char *error = NULL, *type = NULL, *digest = NULL;
    int64_t kind = ERR_NETWORK, bytes = 0;
    TRY(json_get_str(answer, "error", "answer", &error));
    TRY(json_get_int(answer, "kind", "answer", &kind));
    if (error)
        return ERR_NEW(kind < 0 || kind >= ERR_KIND_MAX ? ERR_NETWORK : (enum err_kind)kind, "%s", error);
    if (!ret)
        return NULL;
    AUTO_ANSWER struct registry_answer a = {0};
    TRY(json_get_str(answer, "media_type", "answer", &type));
    TRY(json_get_str(answer, "digest", "answer", &digest));
    TRY(json_get_int(answer, "bytes", "answer", &bytes));
    TRY(json_get_bool(answer, "existed", "answer", &a.existed));
    TRY(mem_strdup(type, &a.media_type));
    TRY(mem_strdup(digest, &a.digest));
    a.bytes = bytes < 0 ? 0 : (uint64_t)bytes;
    *ret = a;
    a = (struct registry_answer){0};
    return NULL;
}

/* Keep the next answer for whoever will wait for it. */
static struct err *receive_early(struct registry *r)
{
    json_t *answer = NULL;
    uint32_t got = 0;
    TRY(receive(r, &answer, &got));
    if (r->n_early >= WIRE_OPS_MAX) {
        json_decref(answer);
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sends answers that nobody asked for");
    }
    r->early[r->n_early++] = (struct early){got, answer};
    return NULL;
}

struct err *registry_failure(struct registry *r, int timeout_msec)
{
    for (;;) {
        for (size_t i = 0; i < r->n_early; i++) {
            struct err *e = take_answer(r->early[i].answer, NULL);
            if (e && err_kind(e) != ERR_STATE)
                return e;
            err_drop(e);
        }
        struct pollfd p = {.fd = r->sock, .events = POLLIN};
        if (poll(&p, 1, timeout_msec) <= 0)
            return NULL;
        TRY(receive_early(r));
    }
}

struct err *registry_wait(struct registry *r, uint32_t id, struct registry_answer *ret)
{
    for (;;) {
        for (size_t i = 0; i < r->n_early; i++) {
            if (r->early[i].id != id)
                continue;
            AUTO_JSON json_t *answer = r->early[i].answer;
            r->early[i] = r->early[--r->n_early];
            return take_answer(answer, ret);
        }
        TRY(receive_early(r));
    }
}

struct err *registry_do(struct registry *r, const struct registry_request *request, struct registry_answer *ret)
{
    uint32_t id;
    TRY(registry_ask(r, request, &id));
    return registry_wait(r, id, ret);
}
