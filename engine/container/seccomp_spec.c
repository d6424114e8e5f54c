/* linux.seccomp as text: the default profile from its embedded pieces. A profile of the user's: seccomp_profile.c. */
#include "engine/container/seccomp_spec.h"

#include <errno.h>

#include "base/mem.h"
#include "engine/container/seccomp_default.h"
#include "engine/container/seccomp_tables.h"

/* Names of the groups that are allowed (or refused), each with a comma in front. */
static struct err *put_groups(struct strbuf *sb, const struct seccomp_options *o, bool allowed)
{
    for (size_t i = 0; i < SECCOMP_GROUPS; i++) {
        const struct seccomp_group *g = &seccomp_groups[i];
        bool is_allowed = g->caps & o->caps;
        if (is_allowed != allowed || !g->names[0])
            continue;
        TRY(strbuf_putc(sb, ','));
        TRY(strbuf_puts(sb, g->names));
    }
    return NULL;
}

/* Rules that depend on the arguments, except those for a capability that is not as they want it. */
static struct err *put_rules(struct strbuf *sb, const struct seccomp_options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(seccomp_rules); i++) {
        const struct seccomp_rule *r = &seccomp_rules[i];
        if ((r->with && !(o->caps & r->with)) || (o->caps & r->without))
            continue;
        TRY(strbuf_putc(sb, ','));
        TRY(strbuf_puts(sb, r->json));
    }
    return NULL;
}

/* What is refused comes first: for a rule about a socket call, libseccomp adds one for socketcall(2) as well, and
 * leaves it out when socketcall is decided already. */
struct err *seccomp_put_default(struct strbuf *sb, const struct seccomp_options *o)
{
    if (SECCOMP_ARCHS == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "there is no default seccomp profile for this architecture; give one with "
                                        "--security-opt seccomp=FILE, or none with seccomp=unconfined");
    TRY(strbuf_puts(
        sb, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":[" SECCOMP_ARCHITECTURES
            "],\"syscalls\":[{\"names\":[" SECCOMP_REFUSE_NAMES));
    TRY(put_groups(sb, o, false));
    if (!o->allow_socketcall)
        TRY(strbuf_puts(sb, ",\"socketcall\""));
    TRY(strbuf_puts(sb, "],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1},{\"names\":[" SECCOMP_ALLOW_NAMES));
    TRY(put_groups(sb, o, true));
    if (o->allow_socketcall)
        TRY(strbuf_puts(sb, ",\"socketcall\""));
    TRY(strbuf_puts(sb, "],\"action\":\"SCMP_ACT_ALLOW\"}"));
    TRY(put_rules(sb, o));
    return strbuf_puts(sb, "]}");
}
