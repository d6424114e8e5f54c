/* Starting a monitor: spawn, plan, mounted, launch. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/monitor/client.h"
#include "engine/monitor/client_internal.h"
#include "engine/monitor/netplan.h"
#include "engine/monitor/spawnfd.h"

#define START_FDS_MAX (SPAWN_FD_PRESERVE + PLAN_PRESERVE_FDS_MAX)

/* What the monitor, the runtime and the exit command can use; the rest of the user's environment stays out of them, and
 * out of the monitor's memory. Prefixes end in '_'. */
static struct err *start_environment(struct strv *ret)
{
    static const char *const names[] = {
        "PATH", "HOME",         "USER",          "LOGNAME",           "TMPDIR",
        "LANG", "XDG_",         "CORACLE_",      "CONTAINERS_",       "DBUS_SESSION_BUS_ADDRESS",
        "LC_",  "ASAN_OPTIONS", "UBSAN_OPTIONS", "REGISTRY_AUTH_FILE"};
    for (char **env = environ; env && *env; env++) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            size_t len = strlen(names[i]);
            bool prefix = names[i][len - 1] == '_';
            if (strncmp(*env, names[i], len) == 0 && (prefix || (*env)[len] == '=')) {
                TRY(strv_add(ret, *env));
                break;
            }
        }
    }
    return NULL;
}

static bool start_is_passthrough(const struct monitor_plan *p)
{
    return p->log_driver && strcmp(p->log_driver, "passthrough") == 0;
}

static size_t start_fds(const struct monitor_start_opts *o, int control, int null, struct proc_fd *fds)
{
    static const int standard[] = {0, 1, 2};
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        fds[n++] = (struct proc_fd){null, i};
    fds[n++] = (struct proc_fd){control, SPAWN_FD_CONTROL};
    if (o->session_lock_fd >= 0)
        fds[n++] = (struct proc_fd){o->session_lock_fd, SPAWN_FD_SESSION_LOCK};
    if (!o->plan)
        return n;
    if (start_is_passthrough(o->plan)) {
        const int *stdio = o->stdio ? o->stdio : standard;
        for (int i = 0; i < 3; i++)
            fds[n++] = (struct proc_fd){stdio[i], SPAWN_FD_STDIO + i};
    }
    for (uint32_t i = 0; i < o->plan->preserve_fds; i++)
        fds[n++] = (struct proc_fd){o->preserve ? o->preserve[i] : 3 + (int)i, SPAWN_FD_PRESERVE + (int)i};
    return n;
}

static struct err *start_check_fds(const struct monitor_start_opts *o)
{
    for (uint32_t i = 0; i < o->plan->preserve_fds; i++) {
        int fd = o->preserve ? o->preserve[i] : 3 + (int)i;
        if (fcntl(fd, F_GETFD) < 0)
            return ERR_SYS(errno, "file descriptor %d is not open, so it cannot be preserved", fd);
    }
    return NULL;
}

static struct err *start_spawn(const struct monitor_start_opts *o, int control, struct proc *ret)
{
    AUTO_FREE char *found = NULL;
    AUTO_STRV struct strv env = STRV_INIT;
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct proc_fd fds[START_FDS_MAX];
    char name[] = "coracle-monitor";
    char *const argv[] = {name, NULL};
    char *const no_env[] = {NULL};
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    if (!o->helper)
        TRY(proc_find_helper("coracle-monitor", &found));
    TRY(start_environment(&env));
    const struct proc_opts opts = {
        .path = o->helper ? o->helper : found,
        .argv = argv,
        .envp = env.items ? env.items : no_env,
        .fds = fds,
        .n_fds = start_fds(o, control, null, fds),
        .cwd = "/",
        .new_session = true,
        .default_signals = true,
    };
    return ERR_WRAP(proc_spawn(&opts, ret), "start the container's monitor");
}

/* A monitor that waits for its plan. `o` may lack one. */
static struct err *start_process(const struct monitor_start_opts *o, struct monitor **ret)
{
    int pair[2];
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    struct monitor *m = mem_zalloc(sizeof(*m));
    if (!m)
        return err_oom();
    *m = (struct monitor){.sock = -1, .child = PROC_INIT, .stdin_fd = -1};
    struct err *e = start_spawn(o, theirs, &m->child);
    if (e) {
        monitor_free(m);
        return e;
    }
    m->sock = TAKE_FD(ours);
    *ret = m;
    return NULL;
}

/* `o` says which user namespace is to own it. */
static struct err *begin_network(struct monitor *m, const struct monitor_network *network,
                                 const struct monitor_start_opts *o)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor_network head = *network;
    head.uid_map_len = o->uid_map ? (uint32_t)strlen(o->uid_map) : 0;
    head.gid_map_len = o->uid_map ? (uint32_t)strlen(o->gid_map) : 0;
    TRY(strbuf_add(&sb, &head, sizeof(head)));
    if (o->uid_map)
        TRY(strbuf_printf(&sb, "%s%s", o->uid_map, o->gid_map));
    m->has_network = true;
    return ERR_WRAP(msg_send(m->sock, MONITOR_NETWORK, sb.data, sb.len, &o->userns_fd, o->userns_fd > 0 ? 1 : 0),
                    "network of a container");
}

struct err *monitor_spare(int session_lock_fd, const struct monitor_plan *early, const struct monitor_network *network,
                          struct monitor **ret)
{
    const struct monitor_start_opts opts = {.session_lock_fd = session_lock_fd};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor *m = NULL;
    TRY(plan_encode_early(early, &sb));
    TRY(start_process(&opts, &m));
    struct err *e = network ? begin_network(m, network, &opts) : NULL;
    if (!e)
        e = msg_send(m->sock, MONITOR_EARLY, sb.data, sb.len, NULL, 0);
    if (e)
        monitor_free(m);
    else
        *ret = m;
    return e;
}

/* Now, since its successor wants the same lock. */
static void start_discard(struct monitor *m)
{
    if (m)
        proc_done(&m->child);
    monitor_free(m);
}

/* A spare was born without the descriptors that some plans want inherited. */
static bool start_can_use_spare(const struct monitor_start_opts *o)
{
    return o->take_spare && !o->plan->preserve_fds && !start_is_passthrough(o->plan);
}

/* The network or networks, the ports, the plan. */
static struct err *start_tell(struct monitor *m, const struct monitor_start_opts *o, const struct strbuf *plan)
{
    if (o->network && !m->has_network)
        TRY(begin_network(m, o->network, o));
    for (uint32_t i = 0; o->network && i < o->network->joins; i++)
        TRY_WRAP(msg_send(m->sock, MONITOR_JOIN, o->joins[i].data, o->joins[i].len, NULL, 0),
                 "networks of a container");
    if (o->network && o->n_publish)
        TRY_WRAP(msg_send(m->sock, MONITOR_PUBLISH, o->publish, o->n_publish * sizeof(*o->publish), NULL, 0),
                 "ports of a container");
    return ERR_WRAP(msg_send(m->sock, MONITOR_PLAN, plan->data, plan->len, NULL, 0), "plan of a container");
}

struct err *monitor_start(const struct monitor_start_opts *opts, struct monitor **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor *m = opts->take_spare;
    struct err *e = start_check_fds(opts);
    if (!e)
        e = plan_encode(opts->plan, &sb);
    if (!e && !start_can_use_spare(opts)) {
        start_discard(m);
        m = NULL;
        e = start_process(opts, &m);
    }
    if (!e)
        e = start_tell(m, opts, &sb);
    if (e) {
        monitor_free(m);
        return e;
    }
    *ret = m;
    return NULL;
}

struct err *monitor_wait_mounted(struct monitor *m, int *ret_root_fd, int *ret_private_fd)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(client_expect(m, MONITOR_MOUNTED, 0, &msg));
    if (msg.n_fds != 2)
        return ERR_NEW(ERR_CORRUPT, "container's monitor: %zu descriptors with the mounted root", msg.n_fds);
    if (ret_root_fd)
        *ret_root_fd = TAKE_FD(msg.fds[0]);
    if (ret_private_fd)
        *ret_private_fd = TAKE_FD(msg.fds[1]);
    return NULL;
}

static struct err *start_ask(struct monitor *m, enum monitor_msg how, const struct monitor_attach *attach)
{
    if (attach)
        TRY(client_send(m, MONITOR_ATTACH, attach, sizeof(*attach), NULL, 0));
    return client_send(m, how, NULL, 0, NULL, 0);
}

struct err *monitor_launch(struct monitor *m, const struct monitor_attach *attach)
{
    return start_ask(m, MONITOR_START, attach);
}

struct err *monitor_go(struct monitor *m, const struct monitor_attach *attach)
{
    return start_ask(m, MONITOR_GO, attach);
}

struct err *monitor_wait_started(struct monitor *m, bool attached, struct monitor_started *ret)
{
    AUTO_MSG struct msg started = MSG_INIT;
    AUTO_MSG struct msg answer = MSG_INIT;
    TRY(client_expect(m, MONITOR_STARTED, sizeof(*ret), &started));
    memcpy(ret, started.data, sizeof(*ret));
    if (!attached)
        return NULL;
    TRY(client_expect(m, MONITOR_ATTACHED, sizeof(struct monitor_attached), &answer));
    return client_note_attached(m, &answer);
}

struct err *monitor_cleaned(struct monitor *m, bool erase)
{
    const struct monitor_cleaned c = {.erase = erase};
    return msg_send(m->sock, MONITOR_CLEANED, &c, sizeof(c), NULL, 0);
}
