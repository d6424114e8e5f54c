/* /etc/hosts and /etc/resolv.conf of a running container, after its networks have changed.
 *
 * The files are in its monitor's private directory, which nobody but the monitor and its clients can name: a child
 * enters the monitor's mount namespace and writes there. The container has them as mounts, so they are written in
 * place. What the container itself wrote into them goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/container/start.h"
#include "engine/engine.h"

struct writing {
    int mntns;
    const char *path, *text;
    size_t len;
};

/* In the child. A file that isn't there was never wanted. */
static int write_inside(const void *arg)
{
    const struct writing *w = arg;
    const char *text = w->text;
    size_t len = w->len;
    if (setns(w->mntns, CLONE_NEWNS) < 0)
        return errno;
    int fd = open(w->path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static struct err *write_file(int mntns, const char *path, const struct strbuf *text)
{
    const struct writing w = {mntns, path, strbuf_str(text), text->len};
    AUTO_FREE char *what = NULL;
    TRY(mem_asprintf(&what, "write %s", path));
    return start_in_child(what, write_inside, &w);
}

/* What the texts are made from, as at the start. */
static struct err *gather(struct start *s)
{
    TRY(network_places(s->e, s->c->id, &s->places));
    for (size_t i = 0; i < s->places.count; i++) {
        struct network *n;
        TRY(network_find(s->e, s->places.items[i].network_id, &n));
        struct err *err = n->dns ? network_servers_of(n, &s->resolvers) : NULL;
        network_free(n);
        TRY(err);
    }
    s->plan.network = s->places.count > 0;
    return NULL;
}

static struct err *refresh(struct start *s, int mntns)
{
    AUTO_STRBUF struct strbuf hosts = STRBUF_INIT, resolv = STRBUF_INIT;
    AUTO_FREE char *hosts_path = NULL, *resolv_path = NULL;
    TRY(gather(s));
    TRY(start_file_texts(s, &hosts, &resolv));
    TRY(mem_asprintf(&hosts_path, "%s/" MONITOR_PRIVATE "/" START_HOSTS, engine_run_dir(s->e)));
    TRY(mem_asprintf(&resolv_path, "%s/" MONITOR_PRIVATE "/" START_RESOLV, engine_run_dir(s->e)));
    TRY(write_file(mntns, hosts_path, &hosts));
    return write_file(mntns, resolv_path, &resolv);
}

struct err *container_refresh_files(struct engine *e, struct container *c)
{
    struct start s = {.e = e, .c = c, .root_fd = -1, .private_fd = -1};
    struct monitor_namespaces ns = {-1, -1, -1};
    struct monitor *m = NULL;
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    struct err *err = monitor_namespaces(m, &ns);
    s.root_fd = TAKE_FD(ns.root_fd); /* /etc/hosts may begin with the image's */
    if (!err)
        err = refresh(&s, ns.mntns_fd);
    (void)fd_close(ns.mntns_fd);
    (void)fd_close(ns.pidfd);
    monitor_free(m);
    start_done(&s);
    return err;
}
