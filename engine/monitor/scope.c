/* Where the container's cgroup can be made.
 *
 * A login session lives in a cgroup that belongs to root, and a process can be moved only by who may write to a cgroup
 * above both places. So in a session the user's systemd is asked for a scope of the container's own, delegated: it has
 * the system's systemd move us there. The runtime then works with plain cgroup files below it, which is quicker than
 * asking systemd once more, and lets `exec` join the container, whoever calls it from whatever session.
 *
 *   …/user@1000.service/user.slice/coracle-<id>.scope/monitor      we, the runtime
 *                                                    /container    what the runtime makes
 *
 * A cgroup gives controllers to its children only while no process is in itself (cgroup-v2.rst, "No Internal Process
 * Constraint"), hence the leaf for us. The scope ends with us, since systemd removes it when it is empty.
 *
 * Where our cgroup was delegated to us already (systemd-run -p Delegate=yes, a container, another init system) only the
 * leaf is missing: everyone in it moves one down, and stays there.
 *
 * The request goes over the private socket of the user's systemd, in the D-Bus wire format (D-Bus specification,
 * "Message Protocol"; org.freedesktop.systemd1(5), StartTransientUnit). One message out, one answer in: no library.
 */
#include "engine/monitor/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/server.h"

#define SLICE_DEFAULT "user.slice"
#define REPLY_MAX ((size_t)1 << 16)
#define ANSWER_MSEC 5000 /* systemd may be busy; then there are no limits rather than no container */
#define MOVE_PASSES 10   /* who is to be moved may fork meanwhile */

enum { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3 };
enum { DBUS_PATH = 1, DBUS_INTERFACE = 2, DBUS_MEMBER = 3, DBUS_DESTINATION = 6, DBUS_SIGNATURE = 8 };

/* --- marshalling: everything is aligned to its size from the beginning of the message, native byte order */

static struct err *put_pad(struct strbuf *sb, size_t align)
{
    static const char zeros[8];
    return strbuf_add(sb, zeros, (align - sb->len % align) % align);
}

static struct err *put_u32(struct strbuf *sb, uint32_t value)
{
    TRY(put_pad(sb, 4));
    return strbuf_add(sb, &value, sizeof(value));
}

static void set_u32(struct strbuf *sb, size_t at, size_t value)
{
    uint32_t v = (uint32_t)value;
    memcpy(sb->data + at, &v, sizeof(v));
}

static struct err *put_string(struct strbuf *sb, const char *text)
{
    TRY(put_u32(sb, (uint32_t)strlen(text)));
    return strbuf_add(sb, text, strlen(text) + 1);
}

static struct err *put_signature(struct strbuf *sb, const char *text)
{
    TRY(strbuf_putc(sb, (char)strlen(text)));
    return strbuf_add(sb, text, strlen(text) + 1);
}

static struct err *put_header(struct strbuf *sb, char field, const char *type, const char *value)
{
    TRY(put_pad(sb, 8));
    TRY(strbuf_putc(sb, field));
    TRY(put_signature(sb, type));
    return *type == 'g' ? put_signature(sb, value) : put_string(sb, value);
}

/* The start of a property, (sv): its name and its value's type. */
static struct err *put_property(struct strbuf *sb, const char *name, const char *type)
{
    TRY(put_pad(sb, 8));
    TRY(put_string(sb, name));
    return put_signature(sb, type);
}

static struct err *put_properties(struct strbuf *sb, const char *slice, unsigned pid)
{
    TRY(put_u32(sb, 0));
    size_t length_at = sb->len - 4;
    TRY(put_pad(sb, 8));
    size_t begin = sb->len;
    TRY(put_property(sb, "PIDs", "au"));
    TRY(put_u32(sb, sizeof(uint32_t)));
    TRY(put_u32(sb, pid));
    TRY(put_property(sb, "Slice", "s"));
    TRY(put_string(sb, slice));
    TRY(put_property(sb, "Delegate", "b"));
    TRY(put_u32(sb, 1));
    TRY(put_property(sb, "CollectMode", "s")); /* a scope whose last process failed goes as well */
    TRY(put_string(sb, "inactive-or-failed"));
    set_u32(sb, length_at, sb->len - begin);
    return NULL;
}

/* a(sa(sv)): other units that come into being with it. Without StopWhenUnneeded a slice would stay for good. */
static struct err *put_slice(struct strbuf *sb, const char *slice)
{
    TRY(put_u32(sb, 0));
    size_t length_at = sb->len - 4;
    TRY(put_pad(sb, 8));
    size_t begin = sb->len;
    if (slice) {
        TRY(put_string(sb, slice));
        TRY(put_u32(sb, 0));
        size_t inner_at = sb->len - 4;
        TRY(put_pad(sb, 8));
        size_t inner = sb->len;
        TRY(put_property(sb, "StopWhenUnneeded", "b"));
        TRY(put_u32(sb, 1));
        set_u32(sb, inner_at, sb->len - inner);
    }
    set_u32(sb, length_at, sb->len - begin);
    return NULL;
}

struct err *scope_message(const char *name, const char *slice, bool make_slice, unsigned pid, struct strbuf *ret)
{
    const char fixed[4] = {__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B', DBUS_CALL, 0, 1};
    TRY(strbuf_add(ret, fixed, sizeof(fixed)));
    TRY(put_u32(ret, 0)); /* length of the body: below */
    TRY(put_u32(ret, 1)); /* serial */
    TRY(put_u32(ret, 0)); /* length of the header fields: below */
    size_t fields = ret->len;
    TRY(put_header(ret, DBUS_PATH, "o", "/org/freedesktop/systemd1"));
    TRY(put_header(ret, DBUS_INTERFACE, "s", "org.freedesktop.systemd1.Manager"));
    TRY(put_header(ret, DBUS_MEMBER, "s", "StartTransientUnit"));
    TRY(put_header(ret, DBUS_DESTINATION, "s", "org.freedesktop.systemd1"));
    TRY(put_header(ret, DBUS_SIGNATURE, "g", "ssa(sv)a(sa(sv))"));
    set_u32(ret, 12, ret->len - fields);
    TRY(put_pad(ret, 8));
    size_t body = ret->len;
    TRY(put_string(ret, name));
    TRY(put_string(ret, "fail")); /* mode: when there is such a unit */
    TRY(put_properties(ret, slice, pid));
    TRY(put_slice(ret, make_slice ? slice : NULL));
    set_u32(ret, 4, ret->len - body);
    return NULL;
}

/* --- the conversation */

static struct err *connect_systemd(int *ret)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *dir = getenv("XDG_RUNTIME_DIR");
    int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/systemd/private", dir ? dir : "");
    if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
        return ERR_NEW(ERR_UNSUPPORTED, "the path of systemd's socket is too long");
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return ERR_SYS(errno, "connect to %s", addr.sun_path);
    *ret = TAKE_FD(fd);
    return NULL;
}

/* `want` more bytes, or it is an error. */
static struct err *receive(int fd, struct strbuf *sb, size_t want)
{
    char bytes[1024];
    while (want) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, ANSWER_MSEC);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return ERR_NEW(ERR_TIMEOUT, "systemd does not answer");
        ssize_t n = read(fd, bytes, want < sizeof(bytes) ? want : sizeof(bytes));
        if (n <= 0)
            return ERR_NEW(ERR_NETWORK, "systemd closed the connection");
        TRY(strbuf_add(sb, bytes, (size_t)n));
        want -= (size_t)n;
    }
    return NULL;
}

/* EXTERNAL without a name: who we are says the socket; a name of ours would be the one inside our user namespace. */
static struct err *authenticate(int fd)
{
    static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(fd_write_all(fd, hello, sizeof(hello) - 1));
    for (int lines = 0; lines < 2;) { /* "DATA", "OK <guid>" */
        TRY(receive(fd, &sb, 1));
        if (sb.data[sb.len - 1] != '\n')
            continue;
        if (strncmp(sb.data, "DATA", 4) != 0 && strncmp(sb.data, "OK", 2) != 0)
            return ERR_NEW(ERR_DENIED, "systemd refuses us: %.*s", (int)sb.len - 2, sb.data);
        lines++;
        strbuf_truncate(&sb, 0);
    }
    return NULL;
}

static size_t get_u32(const struct strbuf *sb, size_t at)
{
    uint32_t v;
    memcpy(&v, sb->data + at, sizeof(v));
    return v;
}

/* Until the answer to our only call; signals before it are passed over. */
static struct err *await_answer(int fd)
{
    for (;;) {
        AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
        TRY(receive(fd, &sb, 16));
        size_t body = get_u32(&sb, 4), fields = get_u32(&sb, 12);
        if (body > REPLY_MAX || fields > REPLY_MAX)
            return ERR_NEW(ERR_CORRUPT, "systemd sends a message of %zu bytes", body + fields);
        size_t header = 16 + (fields + 7) / 8 * 8;
        TRY(receive(fd, &sb, header - 16 + body));
        if (sb.data[1] == DBUS_RETURN)
            return NULL;
        if (sb.data[1] != DBUS_ERROR)
            continue;
        size_t len = body >= 5 ? get_u32(&sb, header) : 0; /* the body of an error begins with a text */
        return ERR_NEW(ERR_INTERNAL, "systemd: %.*s", (int)(len < body ? len : 0), sb.data + header + 4);
    }
}

static struct err *ask_once(const char *name, const char *slice, bool make_slice)
{
    AUTO_STRBUF struct strbuf message = STRBUF_INIT;
    AUTO_FD int fd = -1;
    TRY(scope_message(name, slice, make_slice, (unsigned)getpid(), &message));
    TRY(connect_systemd(&fd));
    TRY(authenticate(fd));
    TRY(fd_write_all(fd, message.data, message.len));
    return await_answer(fd);
}

/* A pod's slice comes with its first scope. */
static struct err *ask_for_scope(const char *name, const char *slice)
{
    if (!strstr(slice, SCOPE_POD))
        return ask_once(name, slice, false);
    struct err *e = ask_once(name, slice, true);
    if (!e || err_kind(e) != ERR_INTERNAL)
        return e;
    err_drop(e); /* it is there */
    return ask_once(name, slice, false);
}

/* The answer comes before we are moved. */
static struct err *await_move(const char *name)
{
    for (unsigned wait_usec = 100; wait_usec < ANSWER_MSEC * 500; wait_usec += wait_usec / 4) {
        AUTO_FREE char *path = NULL;
        TRY(cgroup_of(0, &path));
        if (path && strcmp(path_last(path), name) == 0)
            return NULL;
        (void)usleep(wait_usec);
    }
    return ERR_NEW(ERR_TIMEOUT, "systemd made the scope %s and moved nobody there", name);
}

/* The scope of a run that has just ended may still be there: then one of another name. */
static struct err *make_scope(const struct server *s)
{
    char name[128];
    const char *slice = s->plan.cgroup_parent ? s->plan.cgroup_parent : SLICE_DEFAULT;
    (void)snprintf(name, sizeof(name), "coracle-%s.scope", s->plan.id);
    struct err *e = ask_for_scope(name, slice);
    if (e && err_kind(e) == ERR_INTERNAL) {
        err_drop(e);
        (void)snprintf(name, sizeof(name), "coracle-%s-%d.scope", s->plan.id, (int)getpid());
        e = ask_for_scope(name, slice);
    }
    TRY(e);
    return await_move(name);
}

/* --- the leaf, and controllers for its siblings */

static struct err *write_file(int dir, const char *name, const char *text)
{
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return ERR_SYS(errno, "write %s to %s", text, name);
    return NULL;
}

static struct err *read_words(int dir, const char *name, char separator, struct strv *ret)
{
    AUTO_FREE char *text = NULL;
    AUTO_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", name);
    TRY(fd_read_all(fd, (size_t)1 << 20, &text, NULL));
    size_t len = strlen(text);
    if (len && text[len - 1] == '\n')
        text[len - 1] = '\0';
    return *text ? strv_split(text, separator, ret) : NULL;
}

/* Everyone in `dir` itself. Who has ended meanwhile is no loss; a kernel thread or another's process is not ours. */
static struct err *move_down(int dir, const char *leaf)
{
    if (mkdirat(dir, leaf, 0755) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "make the cgroup %s", leaf);
    AUTO_FD int to = openat(dir, leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return ERR_SYS(errno, "open the cgroup %s", leaf);
    for (int pass = 0; pass < MOVE_PASSES; pass++) {
        AUTO_STRV struct strv pids = STRV_INIT;
        TRY(read_words(dir, "cgroup.procs", '\n', &pids));
        if (!pids.count)
            return NULL;
        for (size_t i = 0; i < pids.count; i++)
            err_drop(write_file(to, "cgroup.procs", pids.items[i]));
    }
    return NULL;
}

/* Every controller that `dir` has, for its children. Everyone moves first: cpu, cpuset and pids could be had with
 * processes inside, but then memory and io no more (EOPNOTSUPP: it has become a threaded domain). The root of all,
 * which has no type, may keep its processes. */
static struct err *enable_controllers(int dir, const char *leaf)
{
    AUTO_STRV struct strv have = STRV_INIT, on = STRV_INIT;
    TRY(read_words(dir, "cgroup.controllers", ' ', &have));
    TRY(read_words(dir, "cgroup.subtree_control", ' ', &on));
    if (have.count > on.count && file_exists(dir, "cgroup.type"))
        TRY(move_down(dir, leaf));
    for (size_t i = 0; i < have.count; i++) {
        AUTO_FREE char *word = NULL;
        if (strv_contains(&on, have.items[i]))
            continue;
        TRY(mem_asprintf(&word, "+%s", have.items[i]));
        err_drop(write_file(dir, "cgroup.subtree_control", word)); /* who needs one that is missing says so */
    }
    return NULL;
}

static struct err *prepare(struct server *s, bool systemd)
{
    AUTO_FREE char *path = NULL, *full = NULL;
    if (systemd)
        TRY(make_scope(s));
    TRY(cgroup_place(&path));
    if (!path)
        return ERR_NEW(ERR_NOT_FOUND, "we are in no cgroup");
    TRY(mem_asprintf(&full, CGROUP_ROOT "%s", path));
    AUTO_FD int dir = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ERR_SYS(errno, "open %s", full);
    if (systemd) /* in any case, so that the client knows where the container's place is */
        TRY(move_down(dir, SCOPE_MONITOR));
    return enable_controllers(dir, systemd ? SCOPE_MONITOR : SCOPE_LEAF);
}

void scope_enter(struct server *s)
{
    const char *manager = s->plan.cgroup_manager ? s->plan.cgroup_manager : "disabled";
    bool systemd = strcmp(manager, "systemd") == 0;
    s->cgroup_manager = strcmp(manager, "disabled") == 0 ? "disabled" : "cgroupfs";
    if (strcmp(manager, "disabled") == 0)
        return;
    struct err *e = prepare(s, systemd);
    if (e && systemd)
        s->cgroup_manager = "disabled";
    err_drop(e);
}
