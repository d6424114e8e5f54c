#include "fuse-overlay/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/requests.h"
#include "fuse-overlay/serve_state.h"
#include "fuse-overlay/writeout.h"

#define SERVE_PAGE ((size_t)4096)
#define SERVE_BUFFER ((size_t)(256 * 4096 + 4096)) /* libfuse's largest write, and a header */
#define SERVE_MAPPED (SERVE_PAGE + 2 * SERVE_BUFFER)
#define SERVE_SPIN_NSEC 50000 /* how long to look for the next request before sleeping */
#define SERVE_REST 64         /* requests without looking, after it was in vain */
#define SERVE_STREAK 8        /* requests that were waiting already: others may help */
#define SERVE_QUICK 12        /* requests found by looking, in a row: worth a companion */
#define SERVE_LOOK_EVERY 256  /* requests after which signals are looked for in any case */

static uint64_t now_nsec(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void serve_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

enum serve_ready serve_wait(const struct serve_state *s, int timeout)
{
    const struct serve_opts *o = s->opts;
    struct pollfd p[] = {
        {.fd = o->fd, .events = POLLIN}, {.fd = o->signal_fd, .events = POLLIN}, {.fd = o->watch_fd, .events = POLLIN}};
    if (poll(p, 3, timeout) < 0)
        return errno == EINTR ? SERVE_NOTHING : SERVE_LEAVE;
    return p[1].revents || p[2].revents ? SERVE_LEAVE : p[0].revents ? SERVE_REQUEST : SERVE_NOTHING;
}

ssize_t serve_read(struct serve_state *s, char *buf)
{
    for (;;) {
        ssize_t n = read(s->opts->fd, buf, SERVE_BUFFER);
        if (n > 0)
            return n;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && (errno == EINTR || errno == ENOENT)) /* ENOENT: a request that was taken back */
            continue;
        s->unmounted = n < 0 && errno == ENODEV;
        return -1;
    }
}

/* Look again and again for a while. Another program that wants the processor gets it. */
static ssize_t serve_spin(struct serve_state *s, char *buf)
{
    uint64_t begin = now_nsec(), last = begin;
    for (;;) {
        for (int i = 0; i < 16; i++)
            serve_relax();
        ssize_t n = serve_read(s, buf);
        uint64_t now = now_nsec();
        if (n != 0) {
            s->in_vain -= s->in_vain > -8;
            s->quick++;
            return n;
        }
        /* A pause that nobody here made: the processor was somewhere else, so it is wanted there. */
        if (now - begin > SERVE_SPIN_NSEC || now - last > SERVE_SPIN_NSEC / 2)
            break;
        last = now;
    }
    s->quick = 0;
    s->in_vain++;
    if (s->in_vain >= 4) {
        s->rest = SERVE_REST;
        s->in_vain = 2;
    }
    return 0;
}

/* Sleep until there is a request, and read it. */
static ssize_t serve_sleep(struct serve_state *s, char *buf)
{
    for (;;) {
        if (serve_wait(s, -1) == SERVE_LEAVE)
            return -1;
        ssize_t n = serve_read(s, buf);
        if (n != 0)
            return n;
    }
}

/* The next request; -1: leave. Only the leader is here. */
static ssize_t serve_next(struct serve_state *s, char *buf)
{
    if (++s->since >= SERVE_LOOK_EVERY) {
        s->since = 0;
        if (serve_wait(s, 0) == SERVE_LEAVE)
            return -1;
    }
    ssize_t n = serve_read(s, buf);
    if (n != 0) {
        /* While we worked on what nobody waits for, the same program has gone on. */
        s->streak += !s->had_unawaited;
        return n;
    }
    s->streak = 0;
    if (s->n_cpus < 2)
        return serve_sleep(s, buf);
    if (s->had_read) {
        s->quick = 0;
    } else if (s->quick >= SERVE_QUICK) {
        s->quick = 0;
        n = companion_lend(s, buf);
        if (n != 0)
            return n;
    }
    if (s->rest == 0) {
        n = serve_spin(s, buf);
        if (n != 0)
            return n;
    } else {
        s->rest--;
    }
    while (writeout_one(s->opts->fs)) {
        n = serve_read(s, buf);
        if (n != 0)
            return n;
    }
    return serve_sleep(s, buf);
}

static void *serve_worker(void *arg);

/* Let another thread read the next request. */
static void serve_hand_over(struct serve_state *s)
{
    pthread_mutex_lock(&s->lock);
    s->has_leader = false;
    s->streak = 0;
    if (s->n_waiting)
        pthread_cond_signal(&s->turn);
    else if (s->n_threads < s->opts->threads_max &&
             pthread_create(&s->threads[s->n_threads], NULL, serve_worker, s) == 0)
        s->n_threads++;
    pthread_mutex_unlock(&s->lock);
}

/* Become the leader; false: everybody leaves. */
static bool serve_take_over(struct serve_state *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_waiting++;
    while (s->has_leader && !s->leaving)
        pthread_cond_wait(&s->turn, &s->lock);
    s->n_waiting--;
    bool go_on = !s->leaving;
    if (go_on)
        s->has_leader = true;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void serve_leave(struct serve_state *s)
{
    pthread_mutex_lock(&s->lock);
    s->leaving = true;
    s->has_leader = false;
    pthread_cond_broadcast(&s->turn);
    pthread_mutex_unlock(&s->lock);
}

void serve_process(const struct serve_state *s, char *buf, size_t len)
{
    const struct serve_opts *o = s->opts;
    if (protocol_request(o->fs, o->fd, buf, len))
        return;
    const struct fuse_buf b = {.size = len, .mem = buf};
    fuse_session_process_buf(o->session, &b);
}

/* Were requests waiting again and again, and is there yet another one? A single program has but one at a time, however
 * long it took us to come to it; but reading ahead asks for several pieces at once, which are worth it at once. */
static bool serve_is_busy(struct serve_state *s, bool is_large)
{
    if (s->streak < SERVE_STREAK && !is_large)
        return false;
    s->streak = 0;
    struct pollfd p = {.fd = s->opts->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* A request lies so that the data of a WRITE begins with a page: then it is copied by whole pages, twice. Behind it is
 * the place where an answer can be put together. */
char *serve_map_buffer(char **ret_buf)
{
    char *map = mmap(NULL, SERVE_MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    protocol_set_scratch(map + SERVE_PAGE + SERVE_BUFFER, SERVE_BUFFER);
    *ret_buf = map + SERVE_PAGE - protocol_write_header();
    return map;
}

void serve_unmap_buffer(char *map)
{
    if (map)
        (void)munmap(map, SERVE_MAPPED);
}

static void *serve_worker(void *arg)
{
    struct serve_state *s = arg;
    bool many = s->opts->threads_max > 1;
    char *buf = NULL, *map = serve_map_buffer(&buf);
    if (!map)
        return NULL;
    while (serve_take_over(s)) {
        bool leader = true;
        while (leader) {
            ssize_t n = serve_next(s, buf);
            if (n < 0) {
                serve_leave(s);
                break;
            }
            /* With two processors one is the client's. */
            bool is_large = s->n_cpus > 2 && protocol_is_large(buf, (size_t)n);
            s->had_unawaited = protocol_is_unawaited(buf, (size_t)n);
            s->had_read = protocol_is_large_read(buf, (size_t)n);
            if (many && (protocol_may_block(buf, (size_t)n) || serve_is_busy(s, is_large))) {
                serve_hand_over(s);
                leader = false;
            }
            serve_process(s, buf, (size_t)n);
        }
    }
    serve_unmap_buffer(map);
    return NULL;
}

struct err *serve(const struct serve_opts *opts, bool *ret_unmounted)
{
    struct serve_state s = {.opts = opts, .n_threads = 1};
    cpu_set_t cpus;
    s.n_cpus = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    s.threads = mem_zalloc(opts->threads_max * sizeof(*s.threads));
    if (!s.threads)
        return err_oom();
    TRY(fd_set_nonblock(opts->fd, true));
    (void)pthread_mutex_init(&s.lock, NULL);
    (void)pthread_cond_init(&s.turn, NULL);
    companion_init(&s.companion);
    (void)serve_worker(&s);
    /* After a kill of the mount nobody waits for what the others still do; they end with their request. */
    for (unsigned i = 1; i < s.n_threads; i++)
        (void)pthread_join(s.threads[i], NULL);
    companion_done(&s.companion);
    while (writeout_one(opts->fs)) {
    }
    *ret_unmounted = s.unmounted;
    mem_freep(&s.threads);
    return NULL;
}
