/* What limits of single devices need to know of this host: their numbers. And the classes of --rdt-class. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/container/start.h"
#include "engine/engine.h"

#define RESCTRL "/sys/fs/resctrl"

static struct err *settle_throttle(enum throttle_kind kind, const char *text, struct oci_throttle *ret)
{
    AUTO_FREE char *path = NULL;
    struct stat st;
    *ret = (struct oci_throttle){.kind = kind};
    TRY(spec_parse_throttle(kind, text, &path, &ret->rate));
    if (stat(path, &st) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "could not parse throttle device at %s: %s", path,
                       errno == ENOENT ? "no such file or directory" : strerror(errno));
    if (!S_ISBLK(st.st_mode))
        return ERR_NEW(ERR_INVALID, "could not parse throttle device at %s: not a block device", path);
    ret->major = major(st.st_rdev);
    ret->minor = minor(st.st_rdev);
    return NULL;
}

struct err *start_settle_throttles(struct start *s)
{
    const struct resource_spec *r = &s->c->spec.res;
    size_t total = 0, n = 0;
    for (int kind = 0; kind < THROTTLE_KINDS; kind++)
        total += spec_throttles(r, (enum throttle_kind)kind)->count;
    if (!total)
        return NULL;
    s->throttles = mem_realloc_array(s->throttles, total, sizeof(*s->throttles));
    if (!s->throttles)
        return err_oom();
    for (int kind = 0; kind < THROTTLE_KINDS; kind++) {
        const struct strv *list = spec_throttles(r, (enum throttle_kind)kind);
        for (size_t i = 0; i < list->count; i++)
            TRY(settle_throttle((enum throttle_kind)kind, list->items[i], &s->throttles[n++]));
    }
    s->facts.throttles = s->throttles;
    s->facts.n_throttles = n;
    return NULL;
}

/* Joining a class is writing to its "tasks" (resctrl.rst of the kernel): root's alone, unless it was given away. */
struct err *start_check_rdt(const struct start *s)
{
    const char *class = s->c->spec.rdt_class;
    AUTO_FREE char *tasks = NULL;
    if (!class)
        return NULL;
    if (access(RESCTRL "/schemata", F_OK) < 0)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "--rdt-class %s: no resctrl file system at " RESCTRL
                       ": this machine's processor or kernel has no "
                       "such classes, or an administrator has not mounted it",
                       class);
    TRY(mem_asprintf(&tasks, RESCTRL "/%s/tasks", class));
    if (access(tasks, F_OK) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "--rdt-class %s: no such class in " RESCTRL, class);
    if (access(tasks, W_OK) < 0)
        return ERR_NEW(ERR_DENIED, "--rdt-class %s: only an administrator can put processes into it (%s)", class,
                       tasks);
    return NULL;
}
