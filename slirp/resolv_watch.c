#include "slirp/resolv_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/trim.h"
#include "slirp/control.h"

#define WATCH_FILE "/etc/resolv.conf"
#define WATCH_EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)
#define WATCH_SETTLE_MSEC 50 /* changes come in groups: a link is removed, a new one made */

struct err *resolv_read(char **ret)
{
    struct err *e = file_read(AT_FDCWD, WATCH_FILE, SLIRP_DNS_TEXT_MAX, ret, NULL);
    if (e && (err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_DENIED)) {
        err_drop(e);
        return mem_strdup("", ret);
    }
    return e;
}

void resolv_watch_close(struct resolv_watch *w)
{
    w->fd = fd_close(w->fd);
}

static void watch_directory_of(int fd, const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!len || len >= sizeof(dir))
        return;
    memcpy(dir, path, len);
    dir[len] = '\0';
    (void)inotify_add_watch(fd, dir, WATCH_EVENTS);
}

/* Directories rather than the file: it is replaced by rename, and its inode says nothing then. */
struct err *resolv_watch_open(struct resolv_watch *w)
{
    AUTO_FD int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char *target = realpath(WATCH_FILE, NULL);
    if (fd < 0) {
        int errnum = errno;
        free(target);
        return ERR_SYS(errnum, "watch " WATCH_FILE);
    }
    watch_directory_of(fd, WATCH_FILE);
    if (target && strcmp(target, WATCH_FILE) != 0)
        watch_directory_of(fd, target);
    free(target);
    resolv_watch_close(w);
    w->fd = TAKE_FD(fd);
    return NULL;
}

/* Links may lead elsewhere now. */
struct err *resolv_watch_again(struct resolv_watch *w)
{
    return resolv_watch_open(w);
}

/* One turn of the watching process: false at its end. */
static bool watch_turn(struct resolv_watch *w, int sock)
{
    AUTO_FREE char *text = NULL;
    struct pollfd fds[2] = {{.fd = sock, .events = POLLIN}, {.fd = w->fd, .events = POLLIN}};
    trim_stack();
    if (trim_poll(fds, 2, -1, true) < 0)
        return errno == EINTR;
    if (fds[0].revents)
        return false;
    (void)poll(fds, 1, WATCH_SETTLE_MSEC);
    struct err *e = resolv_watch_again(w);
    if (!e)
        e = resolv_read(&text);
    if (!e)
        e = msg_send(sock, SLIRP_RESOLV, text, strlen(text), NULL, 0);
    bool good = !e;
    err_drop(e);
    return good;
}

static void watch_process(struct resolv_watch *w, int sock)
{
    (void)signal(SIGPIPE, SIG_IGN);
    int low = sock < w->fd ? sock : w->fd, high = sock < w->fd ? w->fd : sock;
    fd_close_range(0, (unsigned)low - 1);
    if (high > low + 1)
        fd_close_range((unsigned)low + 1, (unsigned)high - 1);
    fd_close_from(high + 1);
    while (watch_turn(w, sock))
        ;
}

struct err *resolv_watch_spawn(int *ret_sock)
{
    struct resolv_watch w = RESOLV_WATCH_INIT;
    int pair[2];
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    TRY(resolv_watch_open(&w));
    pid_t pid = fork();
    if (pid == 0) {
        watch_process(&w, theirs);
        _exit(0);
    }
    int errnum = errno;
    resolv_watch_close(&w);
    if (pid < 0)
        return ERR_SYS(errnum, "start a process to watch " WATCH_FILE);
    *ret_sock = TAKE_FD(ours);
    return NULL;
}
