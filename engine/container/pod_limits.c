/* The cgroup of a pod: a parent of its containers' cgroups, which has the limits that the pod was given.
 *
 * It is made when the infra container starts. With cgroup files alone it is a directory beside the monitor's; with
 * systemd a slice of the user's, which comes into being with the first scope in it and goes with the last (scope.c).
 * The infra container has the same limits for itself, so what cannot be applied here has been told of by then. Source:
 * cgroup-v2.rst; weights are converted as OCI runtimes do it (runtime-spec, config-linux.md). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/internal.h"
#include "engine/container/pod_row.h"
#include "engine/container/start.h"
#include "engine/monitor/scope.h"

#define PERIOD_USEC 100000 /* of --cpus */

/* A controller that isn't there has no file. */
static struct err *set_value(int dir, const char *file, const char *value)
{
    AUTO_FD int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s of the pod's cgroup", file);
    return write(fd, value, strlen(value)) < 0 ? ERR_SYS(errno, "set %s of the pod's cgroup to %s", file, value) : NULL;
}

static struct err *set_number(int dir, const char *file, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    return value ? set_value(dir, file, text) : NULL;
}

static struct err *set_memory(int dir, const struct resource_spec *r)
{
    TRY(set_number(dir, "memory.max", r->memory_bytes));
    TRY(set_number(dir, "memory.low", r->memory_reservation_bytes));
    if (r->memory_swap_bytes < 0)
        return set_value(dir, "memory.swap.max", "max");
    /* The flag counts both; alone, --memory means as much swap again. */
    int64_t both = r->memory_swap_bytes ? r->memory_swap_bytes : 2 * r->memory_bytes;
    return both > r->memory_bytes ? set_number(dir, "memory.swap.max", both - r->memory_bytes) : NULL;
}

static struct err *set_cpu(int dir, const struct resource_spec *r)
{
    char text[64];
    int64_t period = r->cpu_period ? r->cpu_period : PERIOD_USEC, quota = r->cpu_quota;
    if (r->cpus > 0)
        quota = (int64_t)(r->cpus * (double)period);
    if (quota > 0) {
        (void)snprintf(text, sizeof(text), "%lld %lld", (long long)quota, (long long)period);
        TRY(set_value(dir, "cpu.max", text));
    }
    if (r->cpu_shares)
        TRY(set_number(dir, "cpu.weight", 1 + (r->cpu_shares - 2) * 9999 / 262142));
    if (r->cpuset_cpus)
        TRY(set_value(dir, "cpuset.cpus", r->cpuset_cpus));
    return r->cpuset_mems ? set_value(dir, "cpuset.mems", r->cpuset_mems) : NULL;
}

static int64_t io_weight(int64_t blkio_weight)
{
    return 1 + (blkio_weight - 10) * 9999 / 990;
}

/* Single devices, by number; io.max keeps what a line doesn't name. */
static struct err *set_throttle(int dir, const struct oci_throttle *t)
{
    static const char *const words[] = {
        [THROTTLE_READ_BPS] = "rbps=",
        [THROTTLE_WRITE_BPS] = "wbps=",
        [THROTTLE_READ_IOPS] = "riops=",
        [THROTTLE_WRITE_IOPS] = "wiops=",
    };
    char text[96];
    bool weight = t->kind == THROTTLE_WEIGHT;
    long long value = weight ? (long long)io_weight((int64_t)t->rate) : (long long)t->rate;
    if (!t->rate)
        return NULL; /* no limit */
    (void)snprintf(text, sizeof(text), "%u:%u %s%lld", (unsigned)t->major, (unsigned)t->minor,
                   weight ? "" : words[t->kind], value);
    return set_value(dir, weight ? "io.weight" : "io.max", text);
}

static struct err *set_limits(int dir, const struct start *s)
{
    const struct resource_spec *r = &s->c->spec.res;
    TRY(set_memory(dir, r));
    TRY(set_cpu(dir, r));
    if (r->blkio_weight)
        TRY(set_number(dir, "io.weight", io_weight(r->blkio_weight)));
    for (size_t i = 0; i < s->facts.n_throttles; i++)
        TRY(set_throttle(dir, &s->facts.throttles[i]));
    return NULL;
}

/* Controllers for what is below; who lacks one says so. */
static void pass_down(int dir, const struct strv *controllers)
{
    for (size_t i = 0; i < controllers->count; i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), "+%s", controllers->items[i]);
        err_drop(set_value(dir, "cgroup.subtree_control", word));
    }
}

static struct err *make_dir(const char *path, const struct strv *controllers, int *ret)
{
    AUTO_FREE char *above = NULL;
    const char *slash = strrchr(path, '/');
    TRY(mem_strndup(path, (size_t)(slash - path), &above));
    AUTO_FD int parent = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return ERR_SYS(errno, "open the cgroup %s", above);
    if (mkdirat(parent, slash + 1, 0755) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "make the cgroup %s", path);
    pass_down(parent, controllers);
    *ret = openat(parent, slash + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open the cgroup %s", path) : NULL;
}

/* `levels` up from the container's cgroup. */
static struct err *cut_path(const char *cgroup, int levels, char **ret)
{
    TRY(mem_asprintf(ret, CGROUP_ROOT "%s", cgroup));
    for (int i = 0; i < levels; i++) {
        char *slash = strrchr(*ret, '/');
        if (slash)
            *slash = '\0';
    }
    return NULL;
}

struct err *start_pod_limits(struct start *s)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int dir = -1;
    bool systemd = strcmp(s->plan.cgroup_manager, "systemd") == 0;
    if (!s->c->is_infra || !s->c->spec.pod_cgroup || !s->facts.cgroup_path)
        return NULL;
    /* With systemd: slice/scope/container. */
    TRY(cut_path(s->facts.cgroup_path, systemd ? 2 : 1, &path));
    TRY(make_dir(path, &s->cgroup->controllers, &dir));
    pass_down(dir, &s->cgroup->controllers);
    return set_limits(dir, s);
}

/* "-" in the name of a slice leads into another one. */
struct err *container_pod_slice(const struct container_spec *spec, char **ret)
{
    const char *parent = spec->cgroup_parent ? spec->cgroup_parent : "user.slice";
    size_t len = strlen(parent);
    if (len <= 6 || strcmp(parent + len - 6, ".slice") != 0)
        return ERR_NEW(ERR_INVALID, "--cgroup-parent %s: systemd takes the name of a slice", parent);
    return mem_asprintf(ret, "%.*s" SCOPE_POD "%s.slice", (int)(len - 6), parent, spec->pod);
}

struct err *container_pod_cgroup(const struct container *infra, const char *pod_cgroup, bool *ret_systemd, char **ret)
{
    AUTO_FREE char *path = NULL;
    *ret_systemd = false;
    *ret = NULL;
    if (infra->host_pid <= 0)
        return NULL;
    err_drop(cgroup_of(infra->host_pid, &path)); /* it may have ended meanwhile */
    char *last = path ? strrchr(path, '/') : NULL;
    if (!last)
        return NULL;
    *ret_systemd = strcmp(last + 1, SCOPE_CONTAINER) == 0;
    *last = '\0';
    if (!*ret_systemd && strcmp(path_last(path), pod_cgroup) == 0)
        *ret = TAKE_PTR(path);
    return NULL;
}

/* Those that start it may be in another session than those that started the pod, with another manager. */
static struct err *observe_pod(struct start *s)
{
    AUTO_POD_ROW struct pod_row p = {0};
    struct container *infra = NULL;
    bool systemd = false;
    TRY(pod_row_find(s->e, s->c->spec.pod, &p));
    if (!p.infra_id)
        return NULL;
    TRY(container_find(s->e, p.infra_id, &infra));
    struct err *err = container_pod_cgroup(infra, s->c->spec.pod_cgroup, &systemd, &s->pod_cgroup);
    container_free(infra);
    return err || !systemd ? err : mem_replace(&s->plan.cgroup_manager, "systemd");
}

struct err *start_pod_place(struct start *s)
{
    if (!s->c->spec.pod_cgroup || strcmp(s->plan.cgroup_manager, "disabled") == 0)
        return NULL;
    if (!s->c->is_infra)
        TRY(observe_pod(s));
    if (strcmp(s->plan.cgroup_manager, "systemd") != 0)
        return NULL;
    mem_freep(&s->plan.cgroup_parent);
    return container_pod_slice(&s->c->spec, &s->plan.cgroup_parent);
}
