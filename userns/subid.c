/* Subordinate ids through libsubid. The library is opened at run time with dlopen(3) and only by the process that
 * asks: linked in, its dozen dependencies would weigh on every holder (30 times its own memory), and a host without
 * it, or one whose NSS module hangs, still has /etc/subuid. The ABI is that of the header this was compiled with. */
#include "userns/subid.h"

#include <dlfcn.h>
#include <shadow/subid.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define SUBID_STRING(x) #x
#define SUBID_SONAME(major) "libsubid.so." SUBID_STRING(major)

typedef int (*subid_get_fn)(const char *owner, struct subid_range **ranges);
typedef bool (*subid_init_fn)(const char *progname, FILE *logfd);

static struct err *subid_ask(subid_get_fn get, const char *owner, struct subid_set *ret)
{
    AUTO_SUBID struct subid_set s = {0};
    struct subid_range *ranges = NULL;
    int n = get(owner, &ranges);
    struct err *e = n < 0 ? ERR_NEW(ERR_INTERNAL, "libsubid has no answer about %s", owner) : NULL;
    for (int i = 0; !e && i < n; i++)
        e = subid_set_add(&s, ranges[i].start, ranges[i].count);
    free(ranges);
    if (e)
        return e;
    *ret = s;
    s = (struct subid_set){0};
    return NULL;
}

/* dlsym returns an object pointer; POSIX guarantees that it holds a function's. */
#define SUBID_SYMBOL(type, lib, name) __extension__(type) dlsym(lib, name)

static struct err *subid_ask_library(void *lib, const char *owner, struct subid_ranges *ret)
{
    subid_init_fn init = SUBID_SYMBOL(subid_init_fn, lib, "subid_init");
    subid_get_fn get_uids = SUBID_SYMBOL(subid_get_fn, lib, "subid_get_uid_ranges");
    subid_get_fn get_gids = SUBID_SYMBOL(subid_get_fn, lib, "subid_get_gid_ranges");
    if (!init || !get_uids || !get_gids)
        return ERR_NEW(ERR_UNSUPPORTED, "%s lacks a function", SUBID_SONAME(SUBID_ABI_MAJOR));
    (void)init("coracle", NULL); /* false only when /dev/null cannot be opened for its log */
    AUTO_SUBID_RANGES struct subid_ranges r = {.source = "libsubid"};
    TRY(subid_ask(get_uids, owner, &r.uids));
    TRY(subid_ask(get_gids, owner, &r.gids));
    *ret = r;
    r = (struct subid_ranges){0};
    return NULL;
}

struct err *subid_lookup(const struct subid_owner *owner, struct subid_ranges *ret)
{
    /* Never closed: the process prints and ends. */
    void *lib = owner->name ? dlopen(SUBID_SONAME(SUBID_ABI_MAJOR), RTLD_NOW | RTLD_LOCAL) : NULL;
    if (lib) {
        struct err *e = subid_ask_library(lib, owner->name, ret);
        if (!e)
            return NULL;
        log_debug("%s", err_text(e));
        err_drop(e);
    }
    return subid_read_files(owner, ret);
}
