/* What a container must not see or change: masked and read-only paths, the seccomp filter. */
#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/oci_internal.h"
#include "engine/container/seccomp_spec.h"

static const char *const masked[] = {
    "/proc/acpi",        "/proc/kcore", "/proc/keys",    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",  "/sys/firmware", "/sys/fs/selinux",     "/sys/dev/block",
};
static const char *const read_only[] = {
    "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* A pattern's * does not cross a slash, so one for /proc means its entries and nothing deeper, as in Podman. */
bool oci_is_unmasked(const struct oci_build *b, const char *path)
{
    if (b->sec.unmask_all)
        return true;
    for (size_t i = 0; i < b->sec.unmask.count; i++)
        if (fnmatch(b->sec.unmask.items[i], path, FNM_PATHNAME) == 0)
            return true;
    return false;
}

/* Paths that don't exist on this kernel are skipped by the runtime. */
static void put_paths(struct oci_build *b, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!oci_is_unmasked(b, paths[i]))
            jsonout_str(&b->out, NULL, paths[i]);
}

/* The bounding set decides, since a process can get no capability that isn't in it. */
static struct seccomp_options seccomp_options(const struct oci_build *b)
{
    return (struct seccomp_options){.caps = b->caps.bounding,
                                    .ids = b->facts->ids,
                                    .all = b->spec->privileged,
                                    .listener = b->facts->ids_listener,
                                    .uninterrupted = b->facts->ids_uninterrupted,
                                    .allow_socketcall = b->facts->allow_socketcall || b->sec.allow_socketcall};
}

/* A profile other than the default: a file, or the label of the image that --seccomp-policy asks for; NULL: none. */
static const char *own_profile(const struct oci_build *b)
{
    return security_opts_image_profile(&b->sec, b->spec) ? "seccomp profile of the image" : b->sec.seccomp;
}

/* A profile that was asked for applies to privileged containers as well. */
static bool is_filtered(const struct oci_build *b)
{
    if (b->facts->describe)
        return false;
    const char *own = own_profile(b);
    if (own)
        return strcmp(own, "unconfined") != 0;
    return !b->spec->privileged || b->facts->ids != SECCOMP_IDS_ALLOW;
}

/* Not for a profile of the user's: the runtime compiles that, with its own checks. */
struct err *oci_seccomp_program(const struct oci_build *b, char **ret)
{
    if (!is_filtered(b) || own_profile(b))
        return NULL;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct seccomp_options o = seccomp_options(b);
    bool ok = false;
    TRY(seccomp_put_program(&sb, &o, &ok));
    return ok ? strbuf_take(&sb, ret) : NULL;
}

/* The text of the profile is appended as it is, without a tree in between. */
static struct err *put_seccomp(struct oci_build *b)
{
    if (!is_filtered(b))
        return NULL;
    const char *own = own_profile(b);
    if (own && !b->facts->seccomp_profile)
        return ERR_NEW(ERR_INTERNAL, "the seccomp profile %s was not read", own);
    struct seccomp_options o = seccomp_options(b);
    jsonout_key(&b->out, "seccomp");
    if (own)
        TRY_WRAP(seccomp_put_profile(&b->out.sb, b->facts->seccomp_profile, &o), "%s", own);
    else
        TRY(seccomp_put_default(&b->out.sb, &o));
    return NULL;
}

/* What the user masks is masked whatever else is unmasked, and last, so that it also covers what is mounted inside. */
struct err *oci_put_confinement(struct oci_build *b)
{
    struct jsonout *j = &b->out;
    if (!b->spec->privileged) {
        jsonout_open(j, "maskedPaths", '[');
        if (b->bound_sys && !oci_is_unmasked(b, "/sys/kernel"))
            jsonout_str(j, NULL, "/sys/kernel");
        put_paths(b, masked, ARRAY_LEN(masked));
        for (size_t i = 0; i < b->sec.mask.count; i++)
            jsonout_str(j, NULL, b->sec.mask.items[i]);
        jsonout_close(j, ']');
        jsonout_open(j, "readonlyPaths", '[');
        put_paths(b, read_only, ARRAY_LEN(read_only));
        jsonout_close(j, ']');
    }
    return put_seccomp(b);
}
