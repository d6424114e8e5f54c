/* A seccomp profile as Docker and Podman document it, to what the OCI runtime specification knows: conditions are
 * decided (capabilities, architecture, kernel), archMap becomes a list, comments go.
 *
 * An entry is in force when everything under "includes" holds and nothing under "excludes" does. All capabilities of
 * "includes" must be in the container's bounding set, one of "excludes" suffices. Names of system calls are not
 * checked: a profile may name calls that this machine or this libseccomp doesn't have, and the runtime skips those. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/container/capability.h"
#include "engine/container/seccomp_spec.h"

#define WHAT "seccomp profile"

#if defined(__x86_64__)
static const char native_arch[] = "SCMP_ARCH_X86_64", native_name[] = "amd64";
#elif defined(__aarch64__)
static const char native_arch[] = "SCMP_ARCH_AARCH64", native_name[] = "arm64";
#elif defined(__arm__)
static const char native_arch[] = "SCMP_ARCH_ARM", native_name[] = "arm";
#elif defined(__i386__)
static const char native_arch[] = "SCMP_ARCH_X86", native_name[] = "x86";
#elif defined(__s390x__)
static const char native_arch[] = "SCMP_ARCH_S390X", native_name[] = "s390x";
#elif defined(__powerpc64__)
static const char native_arch[] = "SCMP_ARCH_PPC64LE", native_name[] = "ppc64le";
#elif defined(__riscv)
static const char native_arch[] = "SCMP_ARCH_RISCV64", native_name[] = "riscv64";
#else
static const char native_arch[] = "", native_name[] = "";
#endif

/* Is `value` in the list obj.key, and is there a list at all? */
static struct err *has_string(const json_t *obj, const char *key, const char *value, bool *ret_empty, bool *ret_has)
{
    AUTO_STRV struct strv list = STRV_INIT;
    TRY(json_get_strv(obj, key, WHAT, &list));
    *ret_empty = list.count == 0;
    *ret_has = strv_contains(&list, value);
    return NULL;
}

/* How many of the capabilities in obj.caps are there. */
static struct err *count_caps(const json_t *obj, uint64_t caps, size_t *ret_have, size_t *ret_all)
{
    AUTO_STRV struct strv list = STRV_INIT;
    TRY(json_get_strv(obj, "caps", WHAT, &list));
    *ret_have = 0;
    *ret_all = list.count;
    for (size_t i = 0; i < list.count; i++) {
        unsigned number = 0;
        if (cap_find(list.items[i], &number) && (caps >> number & 1))
            (*ret_have)++;
    }
    return NULL;
}

/* "4.8" against the running kernel. */
static bool kernel_is_at_least(const char *version)
{
    unsigned want_major = 0, want_minor = 0, major = 0, minor = 0;
    struct utsname u;
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2 ||
        sscanf(version, "%u.%u", &want_major, &want_minor) != 2)
        return false;
    return major > want_major || (major == want_major && minor >= want_minor);
}

/* Is this call's entry in force here? */
static struct err *applies(const json_t *call, uint64_t caps, bool *ret)
{
    json_t *in = NULL, *ex = NULL;
    *ret = true;
    TRY(json_get_obj(call, "includes", WHAT, &in));
    TRY(json_get_obj(call, "excludes", WHAT, &ex));
    size_t have = 0, all = 0;
    bool empty = true, has = false;
    const char *kernel = NULL;
    if (in) {
        TRY(count_caps(in, caps, &have, &all));
        TRY(has_string(in, "arches", native_name, &empty, &has));
        TRY(json_get_str(in, "minKernel", WHAT, &kernel));
        *ret = have == all && (empty || has) && (!kernel || kernel_is_at_least(kernel));
    }
    if (ex && *ret) {
        kernel = NULL;
        TRY(count_caps(ex, caps, &have, &all));
        TRY(has_string(ex, "arches", native_name, &empty, &has));
        TRY(json_get_str(ex, "minKernel", WHAT, &kernel));
        *ret = have == 0 && !has && !(kernel && kernel_is_at_least(kernel));
    }
    return NULL;
}

/* As it is: the runtime checks what it knows better. */
static struct err *copy_member(const json_t *from, const char *key, json_t *to)
{
    json_t *v = json_object_get(from, key);
    return v && !json_is_null(v) ? json_put(to, key, json_incref(v)) : NULL;
}

/* Any SCMP_ACT_ is passed on, also ones newer than this. */
static struct err *check_action(const json_t *obj, const char *key, const char **ret)
{
    TRY(json_get_str(obj, key, WHAT, ret));
    if (!*ret || strncmp(*ret, "SCMP_ACT_", strlen("SCMP_ACT_")) != 0)
        return ERR_NEW(ERR_INVALID, WHAT ": %s: unknown action \"%s\"", key, *ret ? *ret : "");
    return NULL;
}

/* Podman also has the error by its name: "errno": "EPERM". */
static struct err *put_errno(const json_t *from, const char *number_key, const char *name_key, json_t *to)
{
    const char *name = NULL;
    TRY(json_get_str(from, name_key, WHAT, &name));
    if (json_object_get(from, number_key) || !name || !name[0])
        return copy_member(from, number_key, to);
    for (int i = 1; i < 256; i++) {
        const char *known = strerrorname_np(i);
        if (known && strcmp(known, name) == 0)
            return json_put_int(to, number_key, i);
    }
    return ERR_NEW(ERR_INVALID, WHAT ": unknown error name \"%s\"", name);
}

/* One entry of "syscalls", if its conditions hold here. "name" is the older spelling of "names". */
static struct err *put_call(const json_t *call, uint64_t caps, json_t *calls)
{
    bool in_force = false;
    if (!json_is_object(call))
        return ERR_NEW(ERR_INVALID, WHAT ": an entry of syscalls is not an object");
    TRY(applies(call, caps, &in_force));
    if (!in_force)
        return NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    const char *name = NULL, *action = NULL;
    TRY(json_get_strv(call, "names", WHAT, &names));
    TRY(json_get_str(call, "name", WHAT, &name));
    if (name && name[0])
        TRY(strv_add(&names, name));
    TRY(check_action(call, "action", &action));
    if (names.count == 0)
        return ERR_NEW(ERR_INVALID, WHAT ": an entry of syscalls has no names");
    json_t *o = NULL, *args = NULL;
    TRY(json_push_obj(calls, &o));
    TRY(json_put_strv(o, "names", &names));
    TRY(json_put_str(o, "action", action));
    TRY(put_errno(call, "errnoRet", "errno", o));
    TRY(json_get_arr(call, "args", WHAT, &args));
    return args && json_array_size(args) ? copy_member(call, "args", o) : NULL;
}

/* An explicit list counts; otherwise the entry of archMap for this machine. Without either the runtime takes its
 * own. */
static struct err *put_architectures(const json_t *from, json_t *to)
{
    json_t *map = NULL, *entry;
    size_t i;
    if (json_array_size(json_object_get(from, "architectures")))
        return copy_member(from, "architectures", to);
    TRY(json_get_arr(from, "archMap", WHAT, &map));
    json_array_foreach (map, i, entry) {
        const char *arch = NULL;
        TRY(json_get_str(entry, "architecture", WHAT, &arch));
        if (!arch || strcmp(arch, native_arch) != 0)
            continue;
        AUTO_STRV struct strv subs = STRV_INIT;
        TRY(json_get_strv(entry, "subArchitectures", WHAT, &subs));
        json_t *list = NULL;
        TRY(json_put_arr(to, "architectures", &list));
        TRY(json_push_str(list, arch));
        for (size_t k = 0; k < subs.count; k++)
            TRY(json_push_str(list, subs.items[k]));
        return NULL;
    }
    return NULL;
}

/* Unknown members are dropped: the format has had comments, and fields for other engines. */
static struct err *convert(const json_t *from, uint64_t caps, json_t *to)
{
    const char *action = NULL;
    TRY(check_action(from, "defaultAction", &action));
    TRY(json_put_str(to, "defaultAction", action));
    TRY(put_errno(from, "defaultErrnoRet", "defaultErrno", to));
    TRY(put_architectures(from, to));
    static const char *const as_is[] = {"flags", "listenerPath", "listenerMetadata"};
    for (size_t i = 0; i < ARRAY_LEN(as_is); i++)
        TRY(copy_member(from, as_is[i], to));
    json_t *calls = NULL, *ret = NULL, *call;
    size_t i;
    TRY(json_get_arr(from, "syscalls", WHAT, &calls));
    TRY(json_put_arr(to, "syscalls", &ret));
    json_array_foreach (calls, i, call)
        TRY(put_call(call, caps, ret));
    return NULL;
}

struct err *seccomp_put_profile(struct strbuf *sb, const char *text, const struct seccomp_options *o)
{
    AUTO_JSON json_t *from = NULL;
    TRY(json_parse(text, strlen(text), WHAT, &from));
    if (!json_is_object(from))
        return ERR_NEW(ERR_INVALID, WHAT ": not a JSON object");
    AUTO_JSON json_t *to = json_object();
    if (!to)
        return err_oom();
    TRY(convert(from, o->caps, to));
    AUTO_FREE char *out = NULL;
    TRY(json_text(to, &out));
    return strbuf_puts(sb, out);
}
