/* linux.seccomp as text: the default profile from its embedded pieces. A profile of the user's: seccomp_profile.c. */
#include "engine/container/seccomp_spec.h"

#include <errno.h>
#include <string.h>

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

#define IDS_OTHERS \
    "," SECCOMP_IDS_MAKE "," SECCOMP_IDS_MAKE_AT "," SECCOMP_IDS_LIMIT "," SECCOMP_IDS_LIMIT_OF "," SECCOMP_IDS_KEEP
#define IDS_ALL SECCOMP_IDS_SET "," SECCOMP_IDS_SEE IDS_OTHERS

/* Calls about ids that are not just allowed. Files that are made, and the limit that is ours, are the program's
 * business alone (seccomp_bpf.c): a runtime that compiles this text records nothing of the first, and leaves the second
 * open. */
static struct err *put_ids(struct strbuf *sb, const struct seccomp_options *o)
{
    if (o->ids == SECCOMP_IDS_ASK)
        return strbuf_puts(sb, "{\"names\":[" SECCOMP_IDS_SET "," SECCOMP_IDS_SEE "],\"action\":\"SCMP_ACT_NOTIFY\"}");
    return strbuf_puts(sb, "{\"names\":[" SECCOMP_IDS_SET "],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0}");
}

/* Where the runtime takes the filter to, when it is loaded. */
static struct err *put_listener(struct strbuf *sb, const struct seccomp_options *o)
{
    if (o->ids != SECCOMP_IDS_ASK)
        return NULL;
    TRY(strbuf_puts(sb, ",\"listenerPath\":"));
    TRY(strbuf_put_json(sb, o->listener, strlen(o->listener)));
    return o->uninterrupted ? strbuf_puts(sb, ",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]") : NULL;
}

/* What is refused comes first: for a rule about a socket call, libseccomp adds one for socketcall(2) as well, and
 * leaves it out when socketcall is decided already. */
static struct err *put_lists(struct strbuf *sb, const struct seccomp_options *o)
{
    TRY(strbuf_puts(sb, ",\"defaultErrnoRet\":38,\"syscalls\":[{\"names\":[" SECCOMP_REFUSE_NAMES));
    TRY(put_groups(sb, o, false));
    if (!o->allow_socketcall)
        TRY(strbuf_puts(sb, ",\"socketcall\""));
    TRY(strbuf_puts(sb, "],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1},{\"names\":[" SECCOMP_ALLOW_NAMES));
    if (o->ids == SECCOMP_IDS_ALLOW)
        TRY(strbuf_puts(sb, "," IDS_ALL));
    else
        TRY(strbuf_puts(sb, o->ids == SECCOMP_IDS_ASK ? IDS_OTHERS : "," SECCOMP_IDS_SEE IDS_OTHERS));
    TRY(put_groups(sb, o, true));
    if (o->allow_socketcall)
        TRY(strbuf_puts(sb, ",\"socketcall\""));
    TRY(strbuf_puts(sb, "],\"action\":\"SCMP_ACT_ALLOW\"}"));
    TRY(put_rules(sb, o));
    return o->ids == SECCOMP_IDS_ALLOW ? NULL : strbuf_putc(sb, ',');
}

struct err *seccomp_put_default(struct strbuf *sb, const struct seccomp_options *o)
{
    if (SECCOMP_ARCHS == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "there is no default seccomp profile for this architecture; give one with "
                                        "--security-opt seccomp=FILE, or none with seccomp=unconfined");
    TRY(strbuf_printf(sb, "{\"defaultAction\":\"%s\",\"architectures\":[" SECCOMP_ARCHITECTURES "]",
                      o->all ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO"));
    TRY(put_listener(sb, o));
    TRY(o->all ? strbuf_puts(sb, ",\"syscalls\":[") : put_lists(sb, o));
    if (o->ids != SECCOMP_IDS_ALLOW)
        TRY(put_ids(sb, o));
    return strbuf_puts(sb, "]}");
}
