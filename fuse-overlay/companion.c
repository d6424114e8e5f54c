#include "fuse-overlay/companion.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/serve_state.h"
#include "fuse-overlay/writeout.h"

#define COMPANION_TICK_NSEC 1000000 /* how often the leader looks */
#define COMPANION_STUCK 2           /* ticks without progress */
#define COMPANION_QUIET_MSEC 2
#define COMPANION_SLICE_NSEC 100000 /* the shortest that the kernel takes: how soon it runs on a busy processor */
#define COMPANION_TRIAL 6           /* requests on a processor, … */
#define COMPANION_WINDOW 16         /* … and where the client was met, … */
#define COMPANION_APART_PART 2      /* … of which at most half may have been waited for */
#define COMPANION_CROWD_EVERY 8     /* requests after which it is asked for others, … */
#define COMPANION_CROWD 3           /* … that were there so often in a row */
#define COMPANION_LOOK_EVERY 256    /* … and signals are looked for */
#define COMPANION_REST_MIN 256      /* requests before it is tried again, after it did not work … */
#define COMPANION_REST_MAX 16384    /* … or did not work again and again */

/* sched_setattr(2), which glibc has no function for; struct sched_attr of linux/sched/types.h, first version. */
struct companion_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_nsec, deadline, period;
};

/* From 6.6 to 6.11 a SCHED_IDLE thread that was interrupted on a busy processor may wait for a second: before, it waits
 * some milliseconds, and later that can be had by asking for short slices. */
static bool companion_is_old_kernel(void)
{
    struct utsname u;
    unsigned major = 0, minor = 0;
    if (uname(&u) < 0)
        return false;
    const char *p = u.release;
    for (; *p >= '0' && *p <= '9' && major < 1000; p++)
        major = major * 10 + (unsigned)(*p - '0');
    if (*p == '.')
        p++;
    for (; *p >= '0' && *p <= '9' && minor < 1000; p++)
        minor = minor * 10 + (unsigned)(*p - '0');
    return major < 6 || (major == 6 && minor < 6);
}

/* The calling thread gets its policy; false: not here. */
static bool companion_become(void)
{
    struct companion_attr attr = {.size = sizeof(attr), .policy = SCHED_OTHER, .runtime_nsec = COMPANION_SLICE_NSEC};
    struct companion_attr now = {.size = 0};
    if (sched_getscheduler(0) != SCHED_OTHER)
        return false;
    /* The slice is only taken together with this policy, and kept. */
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
    attr.policy = SCHED_IDLE;
    attr.runtime_nsec = 0;
    if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
        return false;
    bool is_prompt =
        syscall(SYS_sched_getattr, 0, &now, sizeof(now), 0) == 0 && now.runtime_nsec == COMPANION_SLICE_NSEC;
    return is_prompt || companion_is_old_kernel();
}

static bool companion_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* --- where the client is --- */

struct companion_trial {
    cpu_set_t left; /* processors still to be tried */
    bool is_met;
    unsigned requests, waited;
};

/* The one where it was met last, then any but the leader's, then that. -1: none is left. */
static int trial_choose(const struct companion *c, const struct companion_trial *t)
{
    int other = -1;
    if (c->cpu >= 0 && CPU_ISSET((size_t)c->cpu, &t->left))
        return c->cpu;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET((size_t)i, &t->left))
            continue;
        other = i;
        if (i != c->leader_cpu)
            break;
    }
    return other;
}

static bool trial_next(struct companion *c, struct companion_trial *t)
{
    int cpu = trial_choose(c, t);
    t->requests = t->waited = 0;
    t->is_met = false;
    if (cpu < 0)
        return false;
    CPU_CLR((size_t)cpu, &t->left);
    c->cpu = cpu;
    return companion_pin(cpu);
}

/* A request came, at once or not. False: it is no use. */
static bool trial_request(struct companion *c, struct companion_trial *t, bool waited)
{
    t->waited += waited;
    if (++t->requests < (t->is_met ? COMPANION_WINDOW : COMPANION_TRIAL))
        return true;
    bool is_met = t->waited <= t->requests / COMPANION_APART_PART;
    if (!is_met && t->is_met) /* it went elsewhere */
        t->left = c->allowed;
    if (!is_met)
        return trial_next(c, t);
    t->is_met = true;
    t->requests = t->waited = 0;
    return true;
}

/* --- answering --- */

static bool companion_is_readable(const struct serve_state *s)
{
    struct pollfd p = {.fd = s->opts->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* The next request; 0: there is none, or the role was taken back; -1: leave. */
static ssize_t companion_next(struct serve_state *s, bool *ret_waited)
{
    struct companion *c = &s->companion;
    ssize_t n = serve_read(s, c->buf);
    *ret_waited = n == 0;
    if (n != 0)
        return n;
    enum serve_ready ready = serve_wait(s, COMPANION_QUIET_MSEC);
    if (ready == SERVE_LEAVE)
        return -1;
    return ready == SERVE_REQUEST && atomic_load(&c->is_on) ? serve_read(s, c->buf) : 0;
}

static enum companion_end companion_serve(struct serve_state *s, size_t *ret_passed)
{
    struct companion *c = &s->companion;
    struct companion_trial t = {.left = c->allowed};
    unsigned crowd = 0;
    if (!trial_next(c, &t))
        return COMPANION_APART;
    for (unsigned count = 1; atomic_load(&c->is_on); count++) {
        bool waited = false;
        ssize_t n = companion_next(s, &waited);
        if (n < 0 || (count % COMPANION_LOOK_EVERY == 0 && serve_wait(s, 0) == SERVE_LEAVE))
            return COMPANION_LEAVE;
        if (n == 0)
            return COMPANION_QUIET;
        *ret_passed = (size_t)n;
        if (protocol_may_block(c->buf, (size_t)n) || protocol_is_large(c->buf, (size_t)n))
            return COMPANION_PASSED;
        if (count % COMPANION_CROWD_EVERY == 0 && !protocol_is_unawaited(c->buf, (size_t)n))
            crowd = companion_is_readable(s) ? crowd + 1 : 0;
        if (crowd >= COMPANION_CROWD)
            return COMPANION_BUSY;
        if (!trial_request(c, &t, waited))
            return COMPANION_APART;
        atomic_store(&c->is_working, true);
        serve_process(s, c->buf, (size_t)n);
        *ret_passed = 0;
        atomic_store(&c->is_working, false);
        (void)atomic_fetch_add(&c->served, 1);
    }
    return COMPANION_HELD;
}

/* What was read and not answered is passed to the leader, or answered here if that doesn't wait any more. */
static void companion_give_back(struct serve_state *s, enum companion_end end, size_t passed)
{
    struct companion *c = &s->companion;
    bool was_taken = !atomic_load(&c->is_on);
    if (!was_taken) {
        c->end = end;
        c->passed = passed;
        atomic_store(&c->is_on, false);
        pthread_cond_signal(&c->back);
    } else if (passed) {
        pthread_mutex_unlock(&c->lock);
        serve_process(s, c->buf, passed);
        pthread_mutex_lock(&c->lock);
    }
}

static void *companion_run(void *arg)
{
    struct serve_state *s = arg;
    struct companion *c = &s->companion;
    char *map = serve_map_buffer(&c->buf);
    bool able = map && companion_become();
    pthread_mutex_lock(&c->lock);
    c->tid = gettid();
    c->is_able = able;
    while (!c->is_leaving) {
        if (!atomic_load(&c->is_on)) {
            pthread_cond_wait(&c->wanted, &c->lock);
            continue;
        }
        size_t passed = 0;
        pthread_mutex_unlock(&c->lock);
        enum companion_end end = able ? companion_serve(s, &passed) : COMPANION_APART;
        pthread_mutex_lock(&c->lock);
        companion_give_back(s, end, passed);
    }
    pthread_mutex_unlock(&c->lock);
    serve_unmap_buffer(map);
    return NULL;
}

void companion_init(struct companion *c)
{
    pthread_condattr_t attr;
    *c = (struct companion){.cpu = -1, .is_able = true};
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->wanted, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->back, &attr);
    (void)pthread_condattr_destroy(&attr);
}

void companion_done(struct companion *c)
{
    pthread_mutex_lock(&c->lock);
    bool started = c->is_started;
    c->is_leaving = true;
    atomic_store(&c->is_on, false);
    pthread_cond_signal(&c->wanted);
    pthread_mutex_unlock(&c->lock);
    if (started)
        (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->wanted);
    (void)pthread_cond_destroy(&c->back);
    (void)pthread_mutex_destroy(&c->lock);
}

/* --- the leader's part --- */

/* Threads that run or could, on the whole machine (proc_loadavg(5)); UINT_MAX: nobody knows. */
static unsigned companion_running(const struct serve_state *s)
{
    char text[96];
    ssize_t n = pread(s->opts->load_fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *slash = strchr(text, '/'), *p = slash;
    unsigned count = 0, digit = 1;
    while (p && p > text && p[-1] >= '0' && p[-1] <= '9' && digit <= 100000) {
        p--;
        count += (unsigned)(*p - '0') * digit;
        digit *= 10;
    }
    return slash && p < slash ? count : UINT_MAX;
}

static void companion_wait_tick(struct companion *c)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += COMPANION_TICK_NSEC;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&c->back, &c->lock, &t);
}

/* What the companion leaves for later; its lock is not held over that, since it may take long. */
static void companion_write_out(struct serve_state *s)
{
    struct companion *c = &s->companion;
    pthread_mutex_unlock(&c->lock);
    while (atomic_load(&c->is_on) && writeout_one(s->opts->fs)) {
    }
    pthread_mutex_lock(&c->lock);
}

/* Until the companion gives the role back, or doesn't get on. */
static void companion_watch(struct serve_state *s)
{
    struct companion *c = &s->companion;
    unsigned seen = atomic_load(&c->served), stuck = 0;
    while (atomic_load(&c->is_on)) {
        companion_wait_tick(c);
        companion_write_out(s);
        unsigned served = atomic_load(&c->served);
        bool has_work = atomic_load(&c->is_working) || companion_is_readable(s);
        stuck = has_work && served == seen ? stuck + 1 : 0;
        seen = served;
        /* The client and the companion, both of which count while one waits for the other; and this thread. */
        bool is_wanted = companion_running(s) > (unsigned)s->n_cpus + 1;
        if ((!is_wanted && stuck < COMPANION_STUCK) || !atomic_load(&c->is_on))
            continue;
        c->end = COMPANION_HELD;
        atomic_store(&c->is_on, false);
        (void)sched_setaffinity(c->tid, sizeof(c->allowed), &c->allowed);
    }
}

static void companion_account(struct companion *c, enum companion_end end)
{
    if (end == COMPANION_QUIET || end == COMPANION_PASSED) {
        c->backoff /= 2;
        return;
    }
    unsigned more = c->backoff ? c->backoff * 2 : COMPANION_REST_MIN;
    c->rest = c->backoff = more < COMPANION_REST_MAX ? more : COMPANION_REST_MAX;
}

ssize_t companion_lend(struct serve_state *s, char *buf)
{
    struct companion *c = &s->companion;
    if (c->rest) {
        c->rest--;
        return 0;
    }
    /* Only while nobody else wants a processor: we and the client are two. */
    unsigned most = (unsigned)s->n_cpus;
    if (sched_getaffinity(0, sizeof(c->allowed), &c->allowed) < 0 || most < 2 || companion_running(s) > most) {
        c->rest = COMPANION_REST_MIN;
        return 0;
    }
    pthread_mutex_lock(&c->lock);
    if (!c->is_started)
        c->is_started = pthread_create(&c->thread, NULL, companion_run, s) == 0;
    c->end = COMPANION_APART;
    c->passed = 0;
    if (c->is_started && c->is_able) {
        c->leader_cpu = sched_getcpu();
        atomic_store(&c->is_on, true);
        pthread_cond_signal(&c->wanted);
        companion_watch(s);
    }
    enum companion_end end = c->end;
    size_t passed = c->passed;
    if (passed)
        memcpy(buf, c->buf, passed);
    pthread_mutex_unlock(&c->lock);
    companion_account(c, end);
    return end == COMPANION_LEAVE ? -1 : (ssize_t)passed;
}
