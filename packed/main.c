/* coracle-packed: shows a packed image, one file, as a directory tree; for hosts where the kernel doesn't mount
 * squashfs for a user, which is to say everywhere.
 *
 *     coracle-packed TARGET        with the file as descriptor 3
 *
 *     1. mount on TARGET, in the namespaces of whoever starts it
 *     2. go on by itself: own session and process group, so that nobody's Ctrl-C arrives here
 *     3. leave all mounts behind, give up everything but file and device (confine.h); only now look at the file
 *     4. report success; serve, with a thread for each processor, until the last mount of it is gone
 *
 * It needs no lock, no count of users and nobody who ends it: the kernel closes the device when no namespace and no
 * overlay holds the file system any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/fd.h"
#include "base/mem.h"
#include "packed/confine.h"
#include "packed/requests.h"
#include "userns/idplan.h"

#define MAIN_FILE 3
#define MAIN_THREADS_MAX 16

/* libfuse's own text for things that are answered with an errno anyway. */
static void main_log(enum fuse_log_level level, const char *format, va_list ap)
{
    (void)level;
    (void)format;
    (void)ap;
}

static struct err *main_mount(const char *target, int *ret_fd)
{
    char data[128];
    AUTO_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno, "open /dev/fuse");
    (void)snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions,allow_other",
                   fd, (unsigned)geteuid(), (unsigned)getegid());
    if (mount("coracle-packed", target, "fuse.coracle-packed", MS_RDONLY | MS_NODEV | MS_NOATIME, data) < 0)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno, "mount on %s", target);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

/* The child goes on; the parent leaves when that has said how it went. *ret_fd: where to say it. */
static struct err *main_daemonize(const char *target, int *ret_fd)
{
    bool is_parent = false;
    struct err *e = daemon_fork(&is_parent, ret_fd);
    if (is_parent && !e)
        _exit(0);
    if (is_parent)
        (void)umount2(target, MNT_DETACH);
    return e;
}

/* --- serving */

struct serving {
    const struct packed *packed;
    struct fuse_session *session;
    struct tree *tree; /* of the first thread */
};

static void serve(const struct serving *s, struct tree *take_tree)
{
    struct fuse_buf buf = {.mem = NULL};
    struct err *e = requests_begin(s->packed, take_tree);
    while (!e && !fuse_session_exited(s->session)) {
        int n = fuse_session_receive_buf(s->session, &buf);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            break;
        fuse_session_process_buf(s->session, &buf);
    }
    err_drop(e); /* of memory, in a thread that others can do without */
    free(buf.mem);
    requests_end();
}

static void *serve_thread(void *arg)
{
    serve(arg, NULL);
    return NULL;
}

/* What was asked for meanwhile is answered before the end. */
static void serve_all(struct serving *s)
{
    pthread_t threads[MAIN_THREADS_MAX];
    size_t n = 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = cpus < 2 ? 1 : cpus > MAIN_THREADS_MAX ? MAIN_THREADS_MAX : (size_t)cpus;
    while (n + 1 < wanted && pthread_create(&threads[n], NULL, serve_thread, s) == 0)
        n++;
    serve(s, TAKE_PTR(s->tree));
    while (n)
        (void)pthread_join(threads[--n], NULL);
}

static struct err *main_session(struct packed *p, int device, struct fuse_session **ret)
{
    char name[] = "coracle-packed", place[32];
    char *argv[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    fuse_set_log_func(main_log);
    *ret = fuse_session_new(&args, &requests_ops, sizeof(requests_ops), p);
    fuse_opt_free_args(&args);
    (void)snprintf(place, sizeof(place), "/dev/fd/%d", device);
    if (!*ret || fuse_session_mount(*ret, place) != 0)
        return ERR_NEW(ERR_INTERNAL, "libfuse does not take the device");
    return NULL;
}

static struct err *main_run(const char *target)
{
    AUTO_IDPLAN_FACTS struct idplan_facts here = {.uid = 0};
    int device = -1, report = -1;
    TRY(fd_set_cloexec(MAIN_FILE, true));
    TRY(idplan_facts_read(&here));
    struct packed p = {.fd = MAIN_FILE, .uids = here.own_uids, .gids = here.own_gids};
    struct serving s = {.packed = &p};
    TRY(main_mount(target, &device));
    TRY(main_daemonize(target, &report));
    daemon_close_standard();
    struct err *e = main_session(&p, device, &s.session);
    if (!e)
        e = confine_leave_mounts();
    if (!e)
        e = confine_forever();
    if (!e)
        e = tree_open(p.fd, &s.tree);
    err_drop(err_send(report, e));
    (void)fd_close(report);
    if (!e)
        serve_all(&s);
    return e;
}

int main(int argc, char **argv)
{
    fd_open_standard();
    if (argc != 2 || argv[1][0] != '/') {
        (void)fprintf(stderr, "coracle-packed: coracle starts this program; it has no use of its own\n");
        return 2;
    }
    AUTO_ERR struct err *e = main_run(argv[1]);
    if (e)
        (void)fprintf(stderr, "coracle-packed: %s\n", err_text(e));
    _exit(e ? 1 : 0);
}
