#include "engine/layer/starter.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strbuf.h"
#include "engine/layer/wire.h"

struct layer_starter {
    struct proc proc;
    int sock;
};

void layer_starter_free(struct layer_starter *take_s)
{
    if (!take_s)
        return;
    take_s->sock = fd_close(take_s->sock);
    proc_done(&take_s->proc);
    mem_freep(&take_s);
}

static struct err *starter_spawn(struct layer_starter *s)
{
    AUTO_FREE char *path = NULL;
    char name[] = WIRE_HELPER, verb[] = WIRE_SERVE;
    char *const argv[] = {name, verb, NULL};
    static char *const no_env[] = {NULL};
    int pair[2];
    TRY(proc_find_helper(WIRE_HELPER, &path));
    TRY(msg_pair(pair));
    s->sock = pair[0];
    AUTO_FD int theirs = pair[1];
    const struct proc_fd fds[] = {{.from = theirs, .to = WIRE_RESULT}};
    const struct proc_opts opts = {.path = path,
                                   .argv = argv,
                                   .envp = no_env,
                                   .fds = fds,
                                   .n_fds = 1,
                                   .parent_death_signal = SIGKILL,
                                   .default_signals = true};
    return proc_spawn(&opts, &s->proc);
}

struct err *layer_starter_new(struct layer_starter **ret)
{
    struct layer_starter *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_oom();
    s->proc = (struct proc)PROC_INIT;
    s->sock = -1;
    struct err *e = starter_spawn(s);
    if (e) {
        layer_starter_free(s);
        return e;
    }
    *ret = s;
    return NULL;
}

static struct err *starter_answer(struct layer_starter *s, struct proc *ret)
{
    AUTO_MSG struct msg m = MSG_INIT;
    int32_t pid = 0;
    bool eof = false;
    struct err *e = msg_recv(s->sock, &m, &eof);
    if (e || eof) {
        int status = 0;
        err_drop(e);
        TRY(proc_wait(&s->proc, &status));
        return ERR_NEW(ERR_INTERNAL, WIRE_HELPER " ended with code %d and no answer", proc_exit_code(status));
    }
    if (m.len == sizeof pid)
        memcpy(&pid, m.data, sizeof pid);
    if (pid < 0)
        return ERR_SYS(-pid, "start " WIRE_HELPER);
    if (pid == 0 || m.n_fds != 1)
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent an answer that makes no sense");
    *ret = (struct proc){.pid = pid, .pidfd = TAKE_FD(m.fds[0])};
    return NULL;
}

struct err *layer_starter_fork(struct layer_starter *s, char *const *argv, const int *fds, size_t n_fds,
                               struct proc *ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; argv[i]; i++)
        TRY(strbuf_add(&text, argv[i], strlen(argv[i]) + 1));
    struct err *e = msg_send(s->sock, WIRE_JOB, text.data, text.len, fds, n_fds);
    if (e && err_errno(e) != EPIPE) /* it has ended: the answer tells how */
        return e;
    err_drop(e);
    return starter_answer(s, ret);
}
