#include "fuse-overlay/xattrname.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Everything that begins with these is the format's. */
static const struct {
    const char *prefix, *again; /* "user.overlay." and what an escape puts behind it */
} own_prefixes[] = {
    {"user.overlay.", "overlay."},
    {"user.fuseoverlayfs.", "fuseoverlayfs."},
};

/* Never shown and never set from inside. */
static const char *const hidden_prefixes[] = {
    "trusted.overlay.",
    "security.fuseoverlayfs.",
    "user.containers.override_stat",
};

static bool has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_hidden(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(hidden_prefixes); i++) {
        if (has_prefix(name, hidden_prefixes[i]))
            return true;
    }
    return false;
}

int xattrname_to_disk(const char *name, char *ret)
{
    int n = -1;
    if (is_hidden(name))
        return -EOPNOTSUPP;
    for (size_t i = 0; i < ARRAY_LEN(own_prefixes) && n < 0; i++) {
        const char *p = own_prefixes[i].prefix;
        if (has_prefix(name, p))
            n = snprintf(ret, XATTRNAME_MAX + 1, "%s%s%s", p, own_prefixes[i].again, name + strlen(p));
    }
    if (n < 0)
        n = snprintf(ret, XATTRNAME_MAX + 1, "%s", name);
    return n > XATTRNAME_MAX ? -ERANGE : 0;
}

bool xattrname_to_tree(const char *name, char *ret)
{
    if (is_hidden(name) || strlen(name) > XATTRNAME_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(own_prefixes); i++) {
        const char *p = own_prefixes[i].prefix;
        if (!has_prefix(name, p))
            continue;
        const char *rest = name + strlen(p), *again = own_prefixes[i].again;
        if (!has_prefix(rest, again))
            return false;
        (void)snprintf(ret, XATTRNAME_MAX + 1, "%s%s", p, rest + strlen(again));
        return true;
    }
    (void)snprintf(ret, XATTRNAME_MAX + 1, "%s", name);
    return true;
}
