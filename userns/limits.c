#include "userns/limits.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/mem.h"

/* getrlimit(2) says which call answers which errno; the text stands on both sides of the limit's value. */
static const struct {
    int errnum, limit;
    const char *before, *behind;
} limits_of_process[] = {
    {EMFILE, RLIMIT_NOFILE, "this process may have", "open files, RLIMIT_NOFILE; more: ulimit -n 1024"},
    {EFBIG, RLIMIT_FSIZE, "files may have", "bytes, RLIMIT_FSIZE; more: ulimit -f unlimited"},
    {EAGAIN, RLIMIT_NPROC, "this user may have",
     "processes, RLIMIT_NPROC, and a cgroup's pids.max may allow fewer; more: ulimit -u"},
};

struct err *limits_reason(const struct err *e, char **ret)
{
    int errnum = err_errno(e);
    for (size_t i = 0; i < ARRAY_LEN(limits_of_process); i++) {
        struct rlimit l;
        if (limits_of_process[i].errnum == errnum &&
            getrlimit((__rlimit_resource_t)limits_of_process[i].limit, &l) == 0 && l.rlim_cur != RLIM_INFINITY)
            return mem_asprintf(ret, "%s %llu %s", limits_of_process[i].before, (unsigned long long)l.rlim_cur,
                                limits_of_process[i].behind);
    }
    if (err_kind(e) != ERR_NO_SPACE) /* namespaces have limits that are ENOSPC, too */
        return NULL;
    if (errnum == EDQUOT)
        return mem_strdup("this user's quota is used up: `quota` shows it, `coracle system prune` frees some", ret);
    if (errnum == ENOSPC)
        return mem_strdup(
            "no room or no inodes are left: `df -h` and `df -i` show them, `coracle system prune` frees some, "
            "--root names another place",
            ret);
    return NULL;
}
