/* Devices, OCI runtimes, kernel interfaces. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"

#define VERSION_TEXT_MAX ((size_t)16 << 10)

static struct err *host_open_device(struct doctor_item *item, const char *path, bool *ret_ok)
{
    DOCTOR_SET(item->probed, "opened %s", path);
    AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    *ret_ok = fd >= 0;
    if (fd >= 0)
        DOCTOR_SET(item->found, "it can be opened");
    else
        DOCTOR_SET(item->found, "%s", strerror(errno));
    return NULL;
}

struct err *doctor_probe_fuse(const struct doctor_opts *opts, struct doctor_item *item)
{
    bool ok = false;
    (void)opts;
    TRY(host_open_device(item, "/dev/fuse", &ok));
    if (ok)
        return NULL;
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning, "file systems in user space cannot be mounted; the kernel's overlay does not need it");
    DOCTOR_SET(item->fix, "as root: modprobe fuse; chmod 666 /dev/fuse (in a container: --device /dev/fuse)");
    return NULL;
}

struct err *doctor_probe_tun(const struct doctor_opts *opts, struct doctor_item *item)
{
    bool ok = false;
    (void)opts;
    TRY(host_open_device(item, "/dev/net/tun", &ok));
    if (ok)
        return NULL;
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning, "networks of containers use a veth pair instead of a tap device, which is slower");
    DOCTOR_SET(item->fix, "as root: modprobe tun; chmod 666 /dev/net/tun (in a container: --device /dev/net/tun)");
    return NULL;
}

static struct err *host_version_text(const char *path, char **ret)
{
    char *const argv[] = {(char *)(uintptr_t)path, (char[]){"--version"}, NULL};
    const struct proc_opts opts = {.path = path, .argv = argv, .default_signals = true};
    return proc_output(&opts, VERSION_TEXT_MAX, ret);
}

/* First line of `PATH --version`. */
static struct err *host_version(const char *path, char **ret)
{
    TRY(host_version_text(path, ret));
    (*ret)[strcspn(*ret, "\n")] = '\0';
    return NULL;
}

/* "4.7.0": true when it is older than 4.9.2, before which containers can read and write past buffers of libslirp. What
 * is no version counts as newer. */
static bool host_libslirp_is_old(const char *version)
{
    static const uint64_t good[] = {4, 9, 2};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        size_t digits = strspn(version, "0123456789");
        uint64_t number = 0;
        AUTO_FREE char *part = NULL;
        struct err *e = mem_strndup(version, digits, &part);
        if (!e)
            e = number_parse_u64(part, UINT32_MAX, &number);
        bool failed = e;
        err_drop(e);
        if (failed || number != good[i])
            return !failed && number < good[i];
        version += digits + (version[digits] == '.');
    }
    return false;
}

/* coracle-slirp says what it is built on. */
struct err *doctor_probe_slirp(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const char key[] = "libslirp: ";
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *text = NULL;
    (void)opts;
    DOCTOR_SET(item->probed, "started coracle-slirp --version");
    struct err *e = proc_find_helper("coracle-slirp", &path);
    if (!e)
        e = host_version_text(path, &text);
    if (e) {
        AUTO_ERR struct err *why = e;
        item->state = DOCTOR_MISSING;
        DOCTOR_SET(item->found, "%s", err_text(why));
        DOCTOR_SET(item->meaning, "containers cannot have a network of their own; --network host and none work");
        DOCTOR_SET(item->fix, "install libslirp and coracle-slirp");
        return NULL;
    }
    char *version = strstr(text, key);
    version = version ? version + sizeof(key) - 1 : text;
    version[strcspn(version, "\n")] = '\0';
    DOCTOR_SET(item->found, "%s, with libslirp %s", path, version);
    if (!host_libslirp_is_old(version))
        return NULL;
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning,
               "libslirp before 4.9.2 has known memory errors, which a container can reach; what it could get is a "
               "process without rights or files");
    DOCTOR_SET(item->fix, "install libslirp 4.9.2 or newer, or one in which your distribution repaired them");
    return NULL;
}

static struct err *host_try_runtime(const char *name, struct strbuf *found)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *version = NULL;
    struct err *e = proc_find(name, &path);
    if (!e)
        e = host_version(path, &version);
    if (e && err_kind(e) == ERR_NO_MEMORY)
        return e;
    if (e) {
        err_drop(e);
        return NULL;
    }
    return strbuf_printf(found, "%s%s (%s)", found->len ? ", " : "", path, version);
}

struct err *doctor_probe_runtimes(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const char *const names[] = {"crun", "runc", "youki", "runsc"};
    AUTO_STRBUF struct strbuf found = STRBUF_INIT;
    (void)opts;
    DOCTOR_SET(item->probed, "crun, runc, youki and runsc in PATH, and asked for their versions");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        TRY(host_try_runtime(names[i], &found));
    if (found.len) {
        DOCTOR_SET(item->found, "%s", strbuf_str(&found));
        item->rung = strstr(strbuf_str(&found), "/crun (") ? 1 : 2;
        return NULL;
    }
    item->state = DOCTOR_MISSING;
    DOCTOR_SET(item->found, "none");
    DOCTOR_SET(item->meaning, "containers cannot be started");
    DOCTOR_SET(item->fix, "install the package crun, or name a runtime with --runtime");
    return NULL;
}

/* Each is called with arguments that cannot work: only the kind of refusal matters (ENOSYS: the kernel is too old;
 * EPERM, which these arguments never earn: a seccomp filter). */
static const struct {
    const char *name;
    long number;
    const char *since;
    const char *meaning; /* when missing */
} host_calls[] = {
    {"openat2", SYS_openat2, "5.6", "paths in images are resolved step by step"},
    {"fsopen", SYS_fsopen, "5.2", "images with very many layers cannot be mounted as overlays"},
    {"pidfd_open", SYS_pidfd_open, "5.3", "processes are known by their directories in /proc"},
    {"pidfd_send_signal", SYS_pidfd_send_signal, "5.1", "signals are sent by number, a moment after a look"},
    {"close_range", SYS_close_range, "5.9", "descriptors are closed one by one"},
    {"landlock_create_ruleset", SYS_landlock_create_ruleset, "5.13", "helpers are confined by other means alone"},
};

static long host_call(long number)
{
    errno = 0;
    if (number == SYS_openat2)
        return syscall(number, -1, "", NULL, (size_t)0);
    if (number == SYS_pidfd_send_signal)
        return syscall(number, -1, 0, NULL, 0U);
    if (number == SYS_close_range)
        return syscall(number, 1U, 0U, 0U);
    return syscall(number, (void *)0, (size_t)0, 0U);
}

struct err *doctor_probe_kernel(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_STRBUF struct strbuf missing = STRBUF_INIT;
    AUTO_STRBUF struct strbuf meaning = STRBUF_INIT;
    (void)opts;
    DOCTOR_SET(item->probed, "system calls: openat2, fsopen, pidfd_open, pidfd_send_signal, close_range, landlock");
    for (size_t i = 0; i < ARRAY_LEN(host_calls); i++) {
        long r = host_call(host_calls[i].number);
        /* fsopen needs a mount namespace of one's own, so EPERM is its ordinary answer here. */
        bool refused = errno == EPERM && host_calls[i].number != SYS_fsopen;
        if (r >= 0 || (errno != ENOSYS && !refused))
            continue;
        TRY(strbuf_printf(&missing, "%s%s (Linux %s%s)", missing.len ? ", " : "", host_calls[i].name,
                          host_calls[i].since, refused ? ", refused by a seccomp filter" : ""));
        TRY(strbuf_printf(&meaning, "%s%s", meaning.len ? "; " : "", host_calls[i].meaning));
        item->state = DOCTOR_DEGRADED;
    }
    if (missing.len == 0) {
        DOCTOR_SET(item->found, "all there");
        return NULL;
    }
    DOCTOR_SET(item->found, "missing: %s", strbuf_str(&missing));
    DOCTOR_SET(item->meaning, "%s", strbuf_str(&meaning));
    DOCTOR_SET(item->fix, "a newer kernel, or a seccomp filter that knows these calls");
    return NULL;
}
