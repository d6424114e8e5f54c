#include "engine/container/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/security_opt.h"
#include "engine/container/start.h"
#include "rootless/session.h"

#define CACHE "ids-filter" /* in the run directory: one digit, an enum found */

/* Linux 5.19; headers may be older. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* What the trial found. */
enum found { FOUND_NOTHING = 1, FOUND_ANSWERS, FOUND_ANSWERS_UNINTERRUPTED, FOUND_ANSWERED };

/* --- the trial, in a child: system calls alone */

static long load(unsigned long flags, const struct sock_fprog *prog)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
}

/* Without a program the kernel gets as far as looking for it, if it knows the flags. That of Linux 5.7 stands for all
 * that answering needs: calls that go on (5.5), several at once. */
static bool knows(unsigned long flags)
{
    return load(flags, NULL) < 0 && errno == EFAULT;
}

/* The exit code is an enum found. Somebody else's filter that listens may be about other calls: then an id that isn't
 * mapped is refused all the same. */
static int try_listener(const void *arg)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog prog = {1, &allow};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    (void)arg;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !knows(SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
        return FOUND_NOTHING;
    bool waits = knows(flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if (load(flags, &prog) >= 0)
        return waits ? FOUND_ANSWERS_UNINTERRUPTED : FOUND_ANSWERS;
    if (errno == EBUSY && syscall(SYS_setresuid, 1, 1, 1) == 0)
        return FOUND_ANSWERED;
    return FOUND_NOTHING;
}

/* The process has 64-bit calls alone to answer for (monitor/ids.c knows them by their native numbers). */
static enum found try_here(void)
{
#if defined(__x86_64__) || defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
    struct err *e = start_in_child("look for seccomp notifications", try_listener, NULL);
    int code = e ? err_errno(e) : 0;
    err_drop(e);
    return code >= FOUND_NOTHING && code <= FOUND_ANSWERED ? (enum found)code : FOUND_NOTHING;
#else
    (void)try_listener;
    return FOUND_NOTHING;
#endif
}

/* --- */

/* What is around a session stays as it is. */
static struct err *find(struct engine *e, enum found *ret)
{
    AUTO_FREE char *path = NULL;
    char digit = 0;
    TRY(path_join(&path, engine_run_dir(e), CACHE));
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, &digit, 1) == 1 && digit >= '0' + FOUND_NOTHING && digit <= '0' + FOUND_ANSWERED) {
        *ret = (enum found)(digit - '0');
        return NULL;
    }
    *ret = try_here();
    digit = (char)('0' + *ret);
    return file_write_atomic(AT_FDCWD, path, &digit, 1, 0600, FILE_NOSYNC);
}

struct err *ids_choose(struct engine *e, const struct container_spec *spec, const char *runtime, struct ids_choice *ret)
{
    AUTO_SECURITY_OPTS struct security_opts opts = {0};
    bool is_crun = strstr(path_last(runtime), "crun") != NULL;
    enum found found = FOUND_NOTHING;
    *ret = (struct ids_choice){.ids = SECCOMP_IDS_ALLOW};
    /* In a user namespace of its own a container has the ids that it was given. */
    if (!engine_session(e)->single_id || container_spec_asks_userns(spec))
        return NULL;
    TRY(security_opts_parse(&spec->security_opt, &opts));
    if (opts.seccomp || security_opts_image_profile(&opts, spec) || opts.ids == SECURITY_IDS_OFF)
        return NULL;
    ret->ids = SECCOMP_IDS_PRETEND;
    if (opts.ids == SECURITY_IDS_PRETEND)
        return NULL;
    TRY(find(e, &found));
    if (found == FOUND_ANSWERED)
        ret->ids = SECCOMP_IDS_ALLOW;
    else if (found != FOUND_NOTHING && (is_crun || strstr(path_last(runtime), "runc")))
        ret->ids = SECCOMP_IDS_ASK;
    ret->uninterrupted = is_crun && found == FOUND_ANSWERS_UNINTERRUPTED;
    return NULL;
}
