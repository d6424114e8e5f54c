/* coracle-overlay: see overlay.h.
 *
 *     1. parse the command line
 *     2. open the layers; mount
 *     3. daemonize (unless -f): own session and process group, so that nobody's Ctrl-C arrives here
 *     4. give up everything but the descriptors (confine.h), report success
 *     5. serve until the mount is gone, or until told to leave
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "fuse-overlay/confine.h"
#include "fuse-overlay/mountpoint.h"
#include "fuse-overlay/options.h"
#include "fuse-overlay/overlay.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/requests.h"
#include "fuse-overlay/serve.h"
#include "fuse-overlay/stage.h"

#define MAIN_THREADS 4

/* libfuse's own text for things that are answered with an errno anyway. */
static void main_log(enum fuse_log_level level, const char *format, va_list ap)
{
    (void)level;
    (void)format;
    (void)ap;
}

static struct err *main_session(const struct options *o, struct overlay *fs, struct fuse_session **ret)
{
    char name[] = "coracle-overlay", debug[] = "-d";
    char *argv[] = {name, debug, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(o->is_debug ? 2 : 1, argv);
    if (!o->is_debug)
        fuse_set_log_func(main_log);
    *ret = fuse_session_new(&args, &requests_ops, sizeof(requests_ops), fs);
    fuse_opt_free_args(&args);
    return *ret ? NULL : ERR_NEW(ERR_INTERNAL, "libfuse cannot make a session");
}

/* Mount, and let libfuse speak through the device. */
static struct err *main_mount(const struct options *o, struct fuse_session *se, struct mountpoint *ret, int *ret_fd)
{
    static const struct fuse_custom_io io = {.writev = protocol_writev, .read = protocol_read};
    bool refused = false;
    struct err *e = mountpoint_mount(o, ret, ret_fd, &refused);
    if (e && refused && fuse_session_mount(se, o->target) == 0) { /* with the help of fusermount3 */
        err_free(e);
        e = NULL;
        *ret_fd = fuse_session_fd(se);
    }
    if (e)
        return e;
    int r = fuse_session_custom_io(se, &io, *ret_fd);
    return r < 0 ? ERR_NEW(ERR_INTERNAL, "libfuse does not take the device") : NULL;
}

/* The child goes on; the parent leaves when that has said how it went. *ret_fd: where to say it. */
static struct err *main_daemonize(int *ret_fd)
{
    bool is_parent = false;
    struct err *e = daemon_fork(&is_parent, ret_fd);
    if (!is_parent)
        return e;
    if (e)
        (void)fprintf(stderr, "coracle-overlay: %s\n", err_text(e));
    _exit(e ? 1 : 0);
}

static struct err *main_signals(int *ret_fd)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return ERR_SYS(errno, "block signals");
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret_fd < 0 ? ERR_SYS(errno, "receive signals") : NULL;
}

static unsigned main_threads(const struct options *o)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (o->single_thread)
        return 1;
    return cpus < 2 ? 2 : cpus < MAIN_THREADS ? (unsigned)cpus + 1 : MAIN_THREADS;
}

/* From here on the mount is there: whatever fails unmounts it. */
static struct err *main_serve(const struct options *o, struct overlay *fs, struct fuse_session *se, int fd,
                              const struct mountpoint *mp)
{
    AUTO_FD int signals = -1;
    int report = -1;
    if (!o->foreground)
        TRY(main_daemonize(&report));
    AUTO_FD int report_fd = report;
    AUTO_FD int load = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    struct err *e = main_signals(&signals);
    if (!o->foreground)
        daemon_close_standard();
    unsigned threads = main_threads(o);
    if (!e)
        e = confine();
    if (report_fd >= 0)
        err_drop(err_send(report_fd, e));
    report_fd = fd_close(report_fd);
    if (o->ready_fd >= 0)
        (void)close(o->ready_fd);
    bool unmounted = false;
    const struct serve_opts serve_opts = {.session = se,
                                          .fs = fs,
                                          .fd = fd,
                                          .signal_fd = signals,
                                          .watch_fd = o->watch_fd,
                                          .load_fd = load,
                                          .threads_max = threads};
    if (!e)
        e = serve(&serve_opts, &unmounted);
    if (!unmounted)
        mountpoint_unmount(mp);
    return e;
}

static struct err *main_run(const struct options *o)
{
    struct overlay *fs = NULL;
    struct fuse_session *se = NULL;
    struct mountpoint mp = {.parent_fd = -1};
    struct protocol protocol = {.init_unique = 0};
    int fd = -1;
    TRY(overlay_open(o, &fs));
    fs->protocol = &protocol;
    struct err *e = main_session(o, fs, &se);
    if (!e)
        e = main_mount(o, se, &mp, &fd);
    if (!e)
        e = main_serve(o, fs, se, fd, &mp);
    mountpoint_done(&mp);
    if (fs->work_fd >= 0)
        (void)stage_clear_dir(fs, fs->work_fd);
    /* The device is closed by the end of the process: whoever still uses the mount gets errors instead of waiting. */
    return e;
}

int main(int argc, char **argv)
{
    struct options o;
    fd_open_standard();
    fd_survive_size_limit();
    struct err *e = options_parse(argc, argv, &o);
    if (!e && (o.is_help || o.is_version)) {
        (void)fputs(o.is_help ? options_usage() : "coracle-overlay " CORACLE_VERSION "\n", stdout);
        options_done(&o);
        return 0;
    }
    if (!e) {
        e = main_run(&o);
        options_done(&o);
    }
    if (!e)
        _exit(0);
    (void)fprintf(stderr, "coracle-overlay: %s\n", err_text(e));
    err_free(e);
    _exit(1);
}
