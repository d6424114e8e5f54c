/* Running a program to its end and collecting what it prints. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"

#define PROC_STDERR_TAIL ((size_t)4 << 10)
#define PROC_READ_CHUNK 4096

struct proc_collect {
    struct proc child;
    int out; /* read ends, non-blocking; -1 after their end */
    int err;
    size_t max;
    struct strbuf out_text;
    struct strbuf err_text; /* its last PROC_STDERR_TAIL bytes or a bit more */
};

static void proc_collect_done(struct proc_collect *c)
{
    (void)fd_close(c->out);
    (void)fd_close(c->err);
    strbuf_done(&c->out_text);
    strbuf_done(&c->err_text);
    proc_done(&c->child);
}
#define AUTO_COLLECT __attribute__((cleanup(proc_collect_done)))

/* Only our end is non-blocking: the child's must behave as programs expect. */
static struct err *proc_pipe(int *ret_read, int *ret_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    *ret_read = fds[0];
    *ret_write = fds[1];
    return fd_set_nonblock(fds[0], true);
}

/* Start with stdout and stderr in pipes, whatever the options name for them. */
static struct err *proc_collect_start(const struct proc_opts *o, struct proc_collect *c)
{
    AUTO_FD int out = -1;
    AUTO_FD int err = -1;
    TRY(proc_pipe(&c->out, &out));
    TRY(proc_pipe(&c->err, &err));
    AUTO_FREE struct proc_fd *fds = mem_zalloc((o->n_fds + 2) * sizeof(*fds));
    if (!fds)
        return err_oom();
    size_t n = 0;
    for (size_t i = 0; i < o->n_fds; i++) {
        if (o->fds[i].to != STDOUT_FILENO && o->fds[i].to != STDERR_FILENO)
            fds[n++] = o->fds[i];
    }
    fds[n++] = (struct proc_fd){.from = out, .to = STDOUT_FILENO};
    fds[n++] = (struct proc_fd){.from = err, .to = STDERR_FILENO};
    /* Our write ends are closed on return, so that the child's are the only ones left. */
    struct proc_opts mine = *o;
    mine.fds = fds;
    mine.n_fds = n;
    return proc_spawn(&mine, &c->child);
}

/* All of stdout is wanted: too much is an error, and the child is killed by proc_collect_done. */
static struct err *proc_add_out(struct proc_collect *c, const char *data, size_t len)
{
    if (len > c->max - c->out_text.len)
        return ERR_NEW(ERR_NO_SPACE, "output is longer than %zu bytes", c->max);
    return strbuf_add(&c->out_text, data, len);
}

/* Of stderr only the end: what goes beyond is thrown away, so that a chatty program is not stopped. */
static struct err *proc_add_err(struct proc_collect *c, const char *data, size_t len)
{
    struct strbuf *sb = &c->err_text;
    if (sb->len > 2 * PROC_STDERR_TAIL) {
        memmove(sb->data, sb->data + sb->len - PROC_STDERR_TAIL, PROC_STDERR_TAIL);
        strbuf_truncate(sb, PROC_STDERR_TAIL);
    }
    return strbuf_add(sb, data, len);
}

/* Read what is there now; closes *fd at its end. */
static struct err *proc_drain(struct proc_collect *c, int *fd,
                              struct err *(*add)(struct proc_collect *, const char *, size_t))
{
    char buf[PROC_READ_CHUNK];
    while (*fd >= 0) {
        ssize_t n = read(*fd, buf, sizeof(buf));
        if (n == 0)
            *fd = fd_close(*fd);
        else if (n > 0)
            TRY(add(c, buf, (size_t)n));
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return ERR_SYS(errno, "read the output");
    }
    return NULL;
}

/* Until the program has ended: something it left behind may hold the pipes open for ever. */
static struct err *proc_collect_all(struct proc_collect *c)
{
    for (bool ended = false; !ended;) {
        struct pollfd p[] = {
            {.fd = c->child.pidfd, .events = POLLIN},
            {.fd = c->out, .events = POLLIN},
            {.fd = c->err, .events = POLLIN},
        };
        if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
            return ERR_SYS(errno, "poll");
        /* Looked at before draining: what was written before the end is in the pipes by then. */
        ended = p[0].revents != 0;
        TRY(proc_drain(c, &c->out, proc_add_out));
        TRY(proc_drain(c, &c->err, proc_add_err));
    }
    return NULL;
}

/* The last line that is not empty, in place. */
static const char *proc_last_line(struct strbuf *sb)
{
    while (sb->len && (sb->data[sb->len - 1] == '\n' || sb->data[sb->len - 1] == ' '))
        strbuf_truncate(sb, sb->len - 1);
    const char *s = strbuf_str(sb);
    const char *newline = strrchr(s, '\n');
    return newline ? newline + 1 : s;
}

/* What the program itself said is the best reason there is. */
static struct err *proc_status_error(int status, const char *line)
{
    const char *colon = *line ? ": " : "";
    if (WIFSIGNALED(status))
        return ERR_NEW(ERR_INTERNAL, "killed by signal %d%s%s", WTERMSIG(status), colon, line);
    if (WEXITSTATUS(status))
        return ERR_NEW(ERR_INTERNAL, "exit status %d%s%s", WEXITSTATUS(status), colon, line);
    return NULL;
}

static struct err *proc_output_of(const struct proc_opts *opts, size_t max, char **ret_stdout)
{
    AUTO_COLLECT struct proc_collect c = {.child = PROC_INIT, .out = -1, .err = -1, .max = max};
    int status = 0;
    c.out_text.max = max ? max : 1;
    TRY(proc_collect_start(opts, &c));
    TRY(proc_collect_all(&c));
    TRY(proc_wait(&c.child, &status));
    TRY(proc_status_error(status, proc_last_line(&c.err_text)));
    return strbuf_take(&c.out_text, ret_stdout);
}

struct err *proc_output(const struct proc_opts *opts, size_t max, char **ret_stdout)
{
    const char *name = opts->path ? opts->path : opts->argv && opts->argv[0] ? opts->argv[0] : "program";
    return ERR_WRAP(proc_output_of(opts, max, ret_stdout), "%s", name);
}
