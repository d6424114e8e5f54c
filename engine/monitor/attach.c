/* The loop of an attached client.
 *
 *     monitor ──messages──► outlet stdout / stderr          while an outlet waits, no message is read: the monitor
 *     stdin ──► detach keys ──► the container's stdin       then stops reading the container's pipe
 *
 * Input is pumped by us into the descriptor that the monitor gave us: while the container doesn't take it, our stdin is
 * not read. Signals come through a signalfd: with a terminal they end us (after restoring it), else they are passed on.
 */
#include "engine/monitor/attach.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "engine/monitor/client_internal.h"
#include "engine/monitor/detach_keys.h"
#include "engine/monitor/outlet.h"
#include "engine/monitor/terminal.h"

#define ATTACH_INPUT_MAX ((size_t)64 << 10)

struct attachment {
    struct monitor *m;
    const struct monitor_io *io;
    struct loop *loop;
    struct loop_source *monitor_src, *in_src, *feed_src;
    struct outlet out, err;
    struct detach_keys keys;
    unsigned char *input; /* from the user, for the container */
    size_t input_len, input_at;
    bool typing;             /* the user's terminal is the container's: keys, not signals, reach it */
    bool detach_after_input; /* the keys came; what was before them goes out first */
    struct monitor_outcome outcome;
    bool ended;  /* the outcome is known */
    bool lasts;  /* lasting() was called */
    int died_of; /* a signal that ends us */
    unsigned char raw[ATTACH_INPUT_MAX];
};

struct monitor_size monitor_terminal_size(int fd)
{
    struct winsize ws;
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &ws) < 0)
        return (struct monitor_size){0, 0};
    return (struct monitor_size){.rows = ws.ws_row, .cols = ws.ws_col};
}

/* --- output --- */

static struct err *on_monitor(struct loop_source *src, int fd, uint32_t events, void *arg);

static struct err *watch_monitor(struct attachment *a, bool on)
{
    if (on && !a->monitor_src)
        return loop_add_fd(a->loop, a->m->sock, EPOLLIN, on_monitor, a, &a->monitor_src);
    if (!on) {
        loop_remove(a->monitor_src);
        a->monitor_src = NULL;
    }
    return NULL;
}

static struct err *on_outlet(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct attachment *a = arg;
    (void)fd;
    (void)events;
    TRY(outlet_flush(src == a->out.src ? &a->out : &a->err));
    return watch_monitor(a, !outlet_waits(&a->out) && !outlet_waits(&a->err));
}

static struct err *take_output(struct attachment *a, struct outlet *o, struct msg *m)
{
    TRY(outlet_write(o, a->loop, TAKE_PTR(m->data), m->len, on_outlet, a));
    return outlet_waits(o) ? watch_monitor(a, false) : NULL;
}

static struct err *take_exit(struct attachment *a, const struct msg *m)
{
    if (m->len < sizeof(a->outcome.exit))
        return ERR_NEW(ERR_CORRUPT, "container's monitor: a short exit message");
    memcpy(&a->outcome.exit, m->data, sizeof(a->outcome.exit));
    a->ended = true;
    loop_quit(a->loop);
    return NULL;
}

static struct err *on_monitor(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct attachment *a = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    (void)src;
    (void)fd;
    (void)events;
    TRY(client_recv(a->m, &m));
    switch (m.type) {
    case MONITOR_OUTPUT:
        return take_output(a, &a->out, &m);
    case MONITOR_ERROR_OUTPUT:
        return take_output(a, &a->err, &m);
    case MONITOR_EXITED:
        return take_exit(a, &m);
    default:
        return NULL; /* of a newer monitor */
    }
}

/* --- input --- */

static struct err *on_input(struct loop_source *src, int fd, uint32_t events, void *arg);

/* No more input: the container sees its end, unless it has a terminal. */
static struct err *end_input(struct attachment *a)
{
    loop_remove(a->in_src);
    loop_remove(a->feed_src);
    a->in_src = a->feed_src = NULL;
    a->m->stdin_fd = fd_close(a->m->stdin_fd);
    if (!a->m->tty)
        err_drop(msg_send(a->m->sock, MONITOR_END_INPUT, NULL, 0, NULL, 0)); /* if it is gone, its messages tell */
    return NULL;
}

static struct err *on_feed(struct loop_source *src, int fd, uint32_t events, void *arg);

/* Pass on what we have; wait for the container when it doesn't take it. */
static struct err *feed(struct attachment *a)
{
    while (a->input_at < a->input_len) {
        ssize_t n = write(a->m->stdin_fd, a->input + a->input_at, a->input_len - a->input_at);
        if (n >= 0) {
            a->input_at += (size_t)n;
        } else if (errno == EAGAIN) {
            loop_remove(a->in_src);
            a->in_src = NULL;
            return a->feed_src ? NULL : loop_add_fd(a->loop, a->m->stdin_fd, EPOLLOUT, on_feed, a, &a->feed_src);
        } else if (errno != EINTR) {
            return end_input(a); /* the container has closed its stdin */
        }
    }
    loop_remove(a->feed_src);
    a->feed_src = NULL;
    if (a->detach_after_input) {
        a->outcome.detached = true;
        loop_quit(a->loop);
        return NULL;
    }
    return a->in_src ? NULL : loop_add_fd(a->loop, a->io->in_fd, EPOLLIN, on_input, a, &a->in_src);
}

static struct err *on_feed(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    (void)events;
    return feed(arg);
}

static struct err *on_input(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct attachment *a = arg;
    (void)src;
    (void)events;
    ssize_t n = read(fd, a->raw, sizeof(a->raw));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return NULL;
    if (n <= 0)
        return end_input(a);
    a->input_at = 0;
    a->detach_after_input = detach_keys_feed(&a->keys, a->raw, (size_t)n, a->input, &a->input_len);
    return feed(a);
}

/* --- signals --- */

static struct err *on_signal(struct loop_source *src, const struct signalfd_siginfo *info, void *arg)
{
    struct attachment *a = arg;
    uint32_t sig = info->ssi_signo;
    (void)src;
    if (sig == SIGWINCH) {
        const struct monitor_size size = monitor_terminal_size(a->io->in_fd);
        if (a->m->tty && size.rows)
            err_drop(msg_send(a->m->sock, MONITOR_RESIZE, &size, sizeof(size), NULL, 0));
        return NULL;
    }
    if (!a->typing && a->io->sig_proxy) {
        err_drop(msg_send(a->m->sock, MONITOR_SIGNAL, &sig, sizeof(sig), NULL, 0));
        return NULL;
    }
    a->died_of = (int)sig;
    loop_quit(a->loop);
    return NULL;
}

/* With a proxy everything that can be caught, but for what the kernel says to us alone (children, broken pipes, job
 * control, faults). Else what would end us, so that the terminal can be restored first. */
static void wanted_signals(const struct attachment *a, sigset_t *set)
{
    static const int own[] = {SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGURG,  SIGSEGV,
                              SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT, SIGSYS};
    static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
    if (a->typing || !a->io->sig_proxy) {
        (void)sigemptyset(set);
        for (size_t i = 0; i < ARRAY_LEN(ending); i++)
            (void)sigaddset(set, ending[i]);
        return;
    }
    (void)sigfillset(set);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        (void)sigdelset(set, own[i]);
}

/* --- all together --- */

static struct err *say_lasting(struct attachment *a)
{
    if (a->lasts || !a->io->lasting)
        return NULL;
    a->lasts = true;
    return a->io->lasting(a->io->lasting_arg);
}

static struct err *on_lasting(struct loop_source *src, void *arg)
{
    (void)src;
    return say_lasting(arg);
}

static struct err *attach_begin(struct attachment *a)
{
    sigset_t set;
    const char *keys = a->io->detach_keys ? a->io->detach_keys : DETACH_KEYS_DEFAULT;
    TRY(loop_new(&a->loop));
    a->typing = a->m->tty && a->m->stdin_fd >= 0 && a->io->in_fd >= 0 && isatty(a->io->in_fd);
    if (a->m->tty)
        TRY(detach_keys_parse(keys, &a->keys));
    wanted_signals(a, &set);
    TRY(loop_add_signals(a->loop, &set, on_signal, a, NULL));
    outlet_open(&a->out, a->io->out_fd);
    outlet_open(&a->err, a->io->err_fd);
    TRY(watch_monitor(a, true));
    if (a->io->lasting)
        TRY(loop_add_timer(a->loop, ATTACH_LASTING_NSEC, 0, on_lasting, a, NULL));
    if (a->m->stdin_fd < 0)
        return NULL;
    if (a->io->in_fd < 0)
        return end_input(a);
    a->input = mem_alloc(ATTACH_INPUT_MAX + DETACH_KEYS_MAX);
    if (!a->input)
        return err_oom();
    return loop_add_fd(a->loop, a->io->in_fd, EPOLLIN, on_input, a, &a->in_src);
}

static void attach_end(struct attachment *a)
{
    outlet_close(&a->out);
    outlet_close(&a->err);
    loop_free(a->loop);
    mem_freep(&a->input);
}

/* With the terminal restored and the signal unblocked: as if we had never caught it. */
static void die_of(int sig)
{
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static struct err *attach_run(struct attachment *a)
{
    AUTO_TERMINAL struct terminal terminal = TERMINAL_INIT;
    TRY(attach_begin(a));
    if (a->typing)
        TRY(terminal_raw(a->io->in_fd, &terminal));
    else if (a->m->tty)
        TRY(terminal_raw_output(a->io->out_fd, &terminal));
    TRY(loop_run(a->loop));
    return NULL;
}

struct err *monitor_attach(struct monitor *m, const struct monitor_io *io, struct monitor_outcome *ret)
{
    sigset_t mask;
    struct sigaction old_pipe, ignore = {.sa_handler = SIG_IGN};
    struct attachment *a = mem_zalloc(sizeof(*a));
    if (!a)
        return err_oom();
    a->m = m;
    a->io = io;
    a->out = a->err = (struct outlet)OUTLET_INIT;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    (void)sigaction(SIGPIPE, &ignore, &old_pipe);
    struct err *e = attach_run(a);
    if (!e && !a->ended)
        e = say_lasting(a);
    attach_end(a);
    m->attached = false;
    m->stdin_fd = fd_close(m->stdin_fd);
    int sig = a->died_of;
    if (!e)
        *ret = a->outcome;
    mem_freep(&a);
    (void)sigaction(SIGPIPE, &old_pipe, NULL);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (sig)
        die_of(sig);
    return e;
}
