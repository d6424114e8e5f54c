/* One epoll instance and the sources registered with it.
 *
 * Callbacks run from loop_run() only, one at a time. They may remove any source while events for it wait in the batch
 * that epoll_wait() returned, so a removed source is only marked dead and unregistered at once; its memory goes when no
 * batch is being handled any more. Dead sources found in a batch are skipped, also when their descriptor's number
 * belongs to a new source by then: events carry the source, not the number.
 *
 * epoll refuses what cannot block (regular files, /dev/null), which is what a redirected stdin or stdout is. Such
 * descriptors are "steady": always ready for what was asked, served after each batch, without sleeping in between.
 */
#include "base/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"

#define LOOP_BATCH 64
#define NSEC_PER_SEC UINT64_C(1000000000)

enum source_type { SOURCE_FD, SOURCE_SIGNAL, SOURCE_TIMER };

struct loop_source {
    struct loop *loop;
    struct loop_source *next, *prev; /* of loop->sources; `next` stays valid in dead sources, for whoever walks there */
    struct loop_source *next_dead;
    enum source_type type;
    int fd; /* owned unless SOURCE_FD */
    uint32_t events;
    bool steady;
    bool dead;
    union {
        loop_fd_fn fd;
        loop_signal_fn signal;
        loop_timer_fn timer;
    } fn;
    void *arg;
};

struct loop {
    int epoll_fd;
    int depth; /* of loop_run(), which callbacks may nest */
    bool quit;
    struct loop_source *sources; /* newest first */
    struct loop_source *dead;    /* to be freed when depth is 0 */
    size_t n_steady;             /* steady sources with events != 0 */
};

struct err *loop_new(struct loop **ret)
{
    AUTO_FREE struct loop *l = mem_zalloc(sizeof(*l));
    if (!l)
        return err_oom();
    l->epoll_fd = fault_hit(FAULT_SYS) ? (errno = EMFILE, -1) : epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return ERR_SYS(errno, "create event loop");
    *ret = TAKE_PTR(l);
    return NULL;
}

static void free_dead(struct loop *l)
{
    while (l->dead) {
        struct loop_source *src = l->dead;
        l->dead = src->next_dead;
        mem_freep(&src);
    }
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    while (l->sources)
        loop_remove(l->sources);
    free_dead(l);
    fd_close(l->epoll_fd);
    mem_freep(&l);
}

void loop_freep(struct loop **l)
{
    loop_free(*l);
    *l = NULL;
}

static int control(struct loop_source *src, int op)
{
    struct epoll_event ev = {.events = src->events, .data.ptr = src};
    if (fault_hit(FAULT_SYS)) {
        errno = ENOMEM;
        return -1;
    }
    return epoll_ctl(src->loop->epoll_fd, op, src->fd, &ev);
}

static bool is_serving(const struct loop_source *src)
{
    return src->steady && (src->events & (EPOLLIN | EPOLLOUT));
}

/* Register a copy of `model`. Its descriptor stays the caller's on failure. */
static struct err *source_add(struct loop *l, const struct loop_source *model, struct loop_source **ret)
{
    AUTO_FREE struct loop_source *src = mem_alloc(sizeof(*src));
    if (!src)
        return err_oom();
    *src = *model;
    src->loop = l;
    if (control(src, EPOLL_CTL_ADD) < 0) {
        if (errno != EPERM || src->type != SOURCE_FD)
            return ERR_SYS(errno, "watch descriptor %d", src->fd);
        src->steady = true;
    }
    l->n_steady += is_serving(src);

    src->next = l->sources;
    if (l->sources)
        l->sources->prev = src;
    l->sources = src;
    struct loop_source *added = TAKE_PTR(src);
    if (ret)
        *ret = added;
    return NULL;
}

struct err *loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *arg, struct loop_source **ret)
{
    struct loop_source model = {.type = SOURCE_FD, .fd = fd, .events = events, .fn.fd = fn, .arg = arg};
    return source_add(l, &model, ret);
}

struct err *loop_set_events(struct loop_source *src, uint32_t events)
{
    if (src->dead)
        return ERR_NEW(ERR_INTERNAL, "change events of a removed source");
    uint32_t before = src->events;
    src->loop->n_steady -= is_serving(src);
    src->events = events;
    struct err *e = NULL;
    if (!src->steady && events != before && control(src, EPOLL_CTL_MOD) < 0) {
        e = ERR_SYS(errno, "watch descriptor %d", src->fd);
        src->events = before;
    }
    src->loop->n_steady += is_serving(src);
    return e;
}

struct err *loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg,
                             struct loop_source **ret)
{
    int rc = pthread_sigmask(SIG_BLOCK, set, NULL);
    if (rc)
        return ERR_SYS(rc, "block signals");
    AUTO_FD int fd = fault_hit(FAULT_SYS) ? (errno = EMFILE, -1) : signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(errno, "watch signals");
    struct loop_source model = {.type = SOURCE_SIGNAL, .fd = fd, .events = EPOLLIN, .fn.signal = fn, .arg = arg};
    TRY(source_add(l, &model, ret));
    TAKE_FD(fd);
    return NULL;
}

static struct timespec timespec_of(uint64_t nsec)
{
    return (struct timespec){.tv_sec = (time_t)(nsec / NSEC_PER_SEC), .tv_nsec = (long)(nsec % NSEC_PER_SEC)};
}

static struct err *arm(int fd, uint64_t first_nsec, uint64_t every_nsec)
{
    struct itimerspec spec = {{0}, {0}};
    if (first_nsec != LOOP_NEVER) {
        /* A zero would disarm. */
        spec.it_value = timespec_of(first_nsec ? first_nsec : 1);
        spec.it_interval = timespec_of(every_nsec);
    }
    if (fault_hit(FAULT_SYS))
        errno = ENOMEM;
    else if (timerfd_settime(fd, 0, &spec, NULL) == 0)
        return NULL;
    return ERR_SYS(errno, "set timer");
}

struct err *loop_add_timer(struct loop *l, uint64_t first_nsec, uint64_t every_nsec, loop_timer_fn fn, void *arg,
                           struct loop_source **ret)
{
    AUTO_FD int fd =
        fault_hit(FAULT_SYS) ? (errno = EMFILE, -1) : timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(errno, "create timer");
    TRY(arm(fd, first_nsec, every_nsec));
    struct loop_source model = {.type = SOURCE_TIMER, .fd = fd, .events = EPOLLIN, .fn.timer = fn, .arg = arg};
    TRY(source_add(l, &model, ret));
    TAKE_FD(fd);
    return NULL;
}

struct err *loop_rearm(struct loop_source *src, uint64_t first_nsec, uint64_t every_nsec)
{
    if (src->dead || src->type != SOURCE_TIMER)
        return ERR_NEW(ERR_INTERNAL, "rearm what is no timer");
    return arm(src->fd, first_nsec, every_nsec);
}

void loop_remove(struct loop_source *src)
{
    if (!src || src->dead)
        return;
    struct loop *l = src->loop;
    /* Fails harmlessly when the owner has closed the descriptor already. */
    if (!src->steady)
        (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
    l->n_steady -= is_serving(src);
    if (src->type != SOURCE_FD)
        src->fd = fd_close(src->fd);

    if (src->prev)
        src->prev->next = src->next;
    else
        l->sources = src->next;
    if (src->next)
        src->next->prev = src->prev;
    src->dead = true;
    src->next_dead = l->dead;
    l->dead = src;
    if (l->depth == 0)
        free_dead(l);
}

/* One signal per call; level-triggered epoll brings us back for the next. */
static struct err *dispatch_signal(struct loop_source *src)
{
    struct signalfd_siginfo info;
    ssize_t n = read(src->fd, &info, sizeof(info));
    if (n == (ssize_t)sizeof(info))
        return src->fn.signal(src, &info, src->arg);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return ERR_SYS(errno, "read signals");
    return NULL;
}

/* A timer that was rearmed after it fired reads EAGAIN, and does not run. */
static struct err *dispatch_timer(struct loop_source *src)
{
    uint64_t expirations;
    ssize_t n = read(src->fd, &expirations, sizeof(expirations));
    if (n == (ssize_t)sizeof(expirations))
        return src->fn.timer(src, src->arg);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECANCELED)
        return ERR_SYS(errno, "read timer");
    return NULL;
}

static struct err *dispatch(struct loop_source *src, uint32_t events)
{
    if (src->dead)
        return NULL;
    switch (src->type) {
    case SOURCE_FD:
        /* An earlier callback of this batch may have lost interest: loop_set_events(). */
        events &= src->events | EPOLLERR | EPOLLHUP;
        if (!events)
            return NULL;
        return src->fn.fd(src, src->fd, events, src->arg);
    case SOURCE_SIGNAL:
        return dispatch_signal(src);
    case SOURCE_TIMER:
        return dispatch_timer(src);
    default:
        return NULL;
    }
}

/* Wait once (timeout as for epoll_wait) and serve what came. Stops early at loop_quit() or an error; level-triggered
 * epoll loses nothing. */
static struct err *iterate(struct loop *l, int timeout_msec, bool *ret_any)
{
    struct epoll_event batch[LOOP_BATCH];
    int n = epoll_wait(l->epoll_fd, batch, LOOP_BATCH, timeout_msec);
    if (n < 0 && errno != EINTR)
        return ERR_SYS(errno, "wait for events");
    if (ret_any)
        *ret_any = n > 0;
    for (int i = 0; i < n && !l->quit; i++)
        TRY(dispatch(batch[i].data.ptr, batch[i].events));

    /* New sources go to the head, so this ends; `next` of sources that die meanwhile leads back into the list. */
    for (struct loop_source *src = l->n_steady ? l->sources : NULL; src && !l->quit; src = src->next)
        if (!src->dead && is_serving(src))
            TRY(dispatch(src, src->events & (EPOLLIN | EPOLLOUT)));
    return NULL;
}

struct err *loop_run(struct loop *l)
{
    struct err *e = NULL;
    l->depth++;
    while (!l->quit && !e) {
        if (l->sources)
            e = iterate(l, l->n_steady ? 0 : -1, NULL);
        else
            e = ERR_NEW(ERR_INTERNAL, "event loop without sources would wait forever");
        if (l->depth == 1)
            free_dead(l);
    }
    l->depth--;
    l->quit = false;
    return e;
}

void loop_quit(struct loop *l)
{
    l->quit = true;
}

int loop_fd(const struct loop *l)
{
    return l->epoll_fd;
}

struct err *loop_serve_for(struct loop *l, int timeout_msec, bool *ret_any)
{
    l->depth++;
    struct err *e = iterate(l, timeout_msec, ret_any);
    if (l->depth == 1)
        free_dead(l);
    l->depth--;
    return e;
}

struct err *loop_serve(struct loop *l)
{
    return loop_serve_for(l, 0, NULL);
}
