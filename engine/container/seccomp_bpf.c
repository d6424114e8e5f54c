/* The default profile as a program for the kernel's filter machine: seccomp(2), Documentation/networking/filter.rst.
 *
 * Layout: the architecture is compared first; each has a binary search over the system call numbers, whose leaves
 * return, or, for calls decided by their arguments, run a short list of comparisons. Neighbouring numbers with the same
 * decision are one leaf. A number that is in no table (unknown calls, x32's) gets ENOSYS, an unknown architecture
 * kills.
 *
 * Conditional jumps reach 255 instructions, so the branch of the search that may be far is a JA, which reaches all.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "engine/container/seccomp_default.h"
#include "engine/container/seccomp_spec.h"
#include "engine/container/seccomp_tables.h"

#define RET_DEFAULT (SECCOMP_RET_ERRNO | ENOSYS)
#define RET_REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define RUNS_MAX 2100 /* two for each call that seccomp_embed.c takes, and one */

struct assembler {
    const struct seccomp_options *o;
    struct sock_filter *insns;
    size_t count, cap;
    bool is_64bit;
    bool is_native;
};

/* Numbers from `first` to the next run's have one decision: a return value, or a set of rules. */
struct run {
    uint32_t first;
    uint32_t ret;
    int rules;    /* -1: none */
    uint32_t ids; /* KIND_IDS_… that is decided by an argument; 0: none */
};

/* Past the capacity nothing is written; the caller looks at the count at the end. */
static void put(struct assembler *a, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (a->count < a->cap)
        a->insns[a->count] = (struct sock_filter){code, jt, jf, k};
    a->count++;
}

/* Only 32-bit loads exist, which is why a 64-bit argument needs two. */
static void put_load(struct assembler *a, size_t offset)
{
    put(a, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* A jump forward whose distance is not known yet: the place to give to land(). */
static size_t put_jump(struct assembler *a)
{
    put(a, BPF_JMP | BPF_JA, 0, 0, 0);
    return a->count - 1;
}

/* The jump leads to whatever is put next. */
static void land(struct assembler *a, size_t jump)
{
    if (jump < a->cap)
        a->insns[jump].k = (uint32_t)(a->count - jump - 1);
}

/* Offsets of the two halves of an argument; its low half comes first on little-endian machines. */
static size_t arg_low(uint32_t index)
{
    return offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) +
           (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u);
}

static size_t arg_high(uint32_t index)
{
    return offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) +
           (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0u : 4u);
}

/* Falls through when the argument matches; otherwise jumps, to be landed by the caller. A masked comparison looks at 32
 * bits, since what it is used for is an int to the kernel; the others at all 64. */
static size_t put_match(struct assembler *a, const struct seccomp_arg *arg)
{
    bool wide = a->is_64bit && arg->op != CMP_MASKED_EQ;
    bool differ = arg->op == CMP_NE;
    if (wide) {
        /* A high half decides alone when it isn't zero: not equal. The low half is then not looked at. */
        put_load(a, arg_high(arg->index));
        put(a, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(differ ? 0 : 1), (uint8_t)(differ ? 3 : 0), 0);
        if (!differ) {
            size_t no = put_jump(a);
            put_load(a, arg_low(arg->index));
            put(a, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, arg->value);
            /* Both ways out meet in one jump. */
            land(a, no);
            return put_jump(a);
        }
    }
    put_load(a, arg_low(arg->index));
    if (arg->op == CMP_MASKED_EQ) {
        put(a, BPF_ALU | BPF_AND | BPF_K, 0, 0, arg->value);
        put(a, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, arg->value_two);
    } else {
        put(a, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(differ ? 0 : 1), (uint8_t)(differ ? 1 : 0), arg->value);
    }
    return put_jump(a);
}

/* The rules of one call, in order; the first whose arguments all match decides, and none means the default. Rules
 * that depend on a capability are left out here, not tested at run time. */
static void put_rule_set(struct assembler *a, uint32_t set)
{
    for (size_t i = 0; i < ARRAY_LEN(seccomp_rules); i++) {
        const struct seccomp_rule *r = &seccomp_rules[i];
        bool applies = (!r->with || (a->o->caps & r->with)) && !(a->o->caps & r->without);
        if (r->set != set || !applies)
            continue;
        size_t misses[ARRAY_LEN(r->args)];
        for (uint32_t k = 0; k < r->n_args; k++)
            misses[k] = put_match(a, &r->args[k]);
        put(a, BPF_RET | BPF_K, 0, 0, r->errno_ret ? SECCOMP_RET_ERRNO | r->errno_ret : SECCOMP_RET_ALLOW);
        for (uint32_t k = 0; k < r->n_args; k++)
            land(a, misses[k]);
    }
    put(a, BPF_RET | BPF_K, 0, 0, RET_DEFAULT);
}

/* A new file is asked about, an old one just opened; the limit that is ours stays as it is, whatever is set. */
static void put_ids_rule(struct assembler *a, uint32_t kind)
{
    static const struct {
        struct seccomp_arg arg;
        uint32_t ret;
    } rules[] = {
        [KIND_IDS_MAKE] = {{1, CMP_MASKED_EQ, O_CREAT, O_CREAT}, SECCOMP_RET_USER_NOTIF},
        [KIND_IDS_MAKE_AT] = {{2, CMP_MASKED_EQ, O_CREAT, O_CREAT}, SECCOMP_RET_USER_NOTIF},
        [KIND_IDS_LIMIT] = {{0, CMP_MASKED_EQ, UINT32_MAX, RLIMIT_LOCKS}, SECCOMP_RET_ERRNO | 0},
        [KIND_IDS_LIMIT_OF] = {{1, CMP_MASKED_EQ, UINT32_MAX, RLIMIT_LOCKS}, SECCOMP_RET_ERRNO | 0},
        [KIND_IDS_KEEP] = {{0, CMP_MASKED_EQ, UINT32_MAX, PR_SET_KEEPCAPS}, SECCOMP_RET_USER_NOTIF},
    };
    static const struct seccomp_arg sets = {.index = 2, .op = CMP_NE, .value = 0}; /* prlimit(2) that only asks */
    size_t no = put_match(a, &rules[kind].arg), reads = 0;
    if (kind == KIND_IDS_LIMIT_OF)
        reads = put_match(a, &sets);
    put(a, BPF_RET | BPF_K, 0, 0, rules[kind].ret);
    land(a, no);
    if (kind == KIND_IDS_LIMIT_OF)
        land(a, reads);
    put(a, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

/* The number is in the accumulator. Everything below `first` was excluded on the way. */
static void put_search(struct assembler *a, const struct run *runs, size_t n)
{
    if (n == 1) {
        if (runs->ids)
            put_ids_rule(a, runs->ids);
        else if (runs->rules >= 0)
            put_rule_set(a, (uint32_t)runs->rules);
        else
            put(a, BPF_RET | BPF_K, 0, 0, runs->ret);
        return;
    }
    size_t half = n / 2;
    put(a, BPF_JMP | BPF_JGE | BPF_K, 0, 1, runs[half].first);
    size_t right = put_jump(a);
    put_search(a, runs, half);
    land(a, right);
    put_search(a, runs + half, n - half);
}

/* Only for the machine's own calls there is somebody to ask. */
static struct run decide_ids(const struct assembler *a, const struct seccomp_call *c)
{
    struct run r = {c->nr, SECCOMP_RET_ALLOW, -1, 0};
    bool ask = a->o->ids == SECCOMP_IDS_ASK && a->is_native;
    if (c->kind >= KIND_IDS_MAKE)
        r.ids = ask ? c->kind : 0;
    else if (ask)
        r.ret = SECCOMP_RET_USER_NOTIF;
    else if (c->kind == KIND_IDS_SET && a->o->ids != SECCOMP_IDS_ALLOW)
        r.ret = SECCOMP_RET_ERRNO | 0;
    return r;
}

/* What a call's kind means with these capabilities. */
static struct run decide(const struct assembler *a, const struct seccomp_call *c)
{
    const struct seccomp_options *o = a->o;
    struct run r = {c->nr, o->all ? SECCOMP_RET_ALLOW : RET_REFUSE, -1, 0};
    if (c->kind >= KIND_IDS_SET && c->kind < KIND_GROUP)
        return decide_ids(a, c);
    if (o->all)
        return r;
    bool grouped = c->kind >= KIND_GROUP && c->kind < KIND_RULES;
    bool by_group = grouped && (seccomp_groups[c->kind - KIND_GROUP].caps & o->caps);
    if (c->kind >= KIND_RULES)
        r.rules = (int)(c->kind - KIND_RULES);
    else if (by_group || c->kind == KIND_ALLOW || (c->kind == KIND_SOCKETCALL && o->allow_socketcall))
        r.ret = SECCOMP_RET_ALLOW;
    return r;
}

/* Joins a decision to its left neighbour where they agree. A set of rules is never joined: it belongs to one call. */
static void add_run(struct run *runs, size_t *n, struct run r)
{
    const struct run *last = *n ? &runs[*n - 1] : NULL;
    if (last && last->ret == r.ret && last->rules == -1 && r.rules == -1 && !last->ids && !r.ids)
        return;
    if (*n < RUNS_MAX)
        runs[(*n)++] = r;
}

/* Decisions of one architecture, without gaps from 0 to the top. */
static size_t make_runs(const struct assembler *a, const struct seccomp_arch *arch, struct run *runs)
{
    uint32_t others = a->o->all ? SECCOMP_RET_ALLOW : RET_DEFAULT;
    size_t n = 0;
    uint32_t next = 0;
    for (size_t i = 0; i < arch->n_calls; i++) {
        const struct seccomp_call *c = &arch->calls[i];
        if (c->nr > next)
            add_run(runs, &n, (struct run){next, others, -1, 0});
        add_run(runs, &n, decide(a, c));
        next = c->nr + 1;
    }
    add_run(runs, &n, (struct run){next, others, -1, 0});
    return n;
}

/* The program for all architectures of this machine, one after the other. */
struct err *seccomp_assemble(const struct seccomp_options *o, struct sock_filter *insns, size_t cap, size_t *ret_count)
{
    struct run runs[RUNS_MAX];
    struct assembler a = {.o = o, .insns = insns, .cap = cap};
    for (size_t i = 0; i < SECCOMP_ARCHS; i++) {
        const struct seccomp_arch *arch = &seccomp_archs[i];
        a.is_64bit = arch->audit & __AUDIT_ARCH_64BIT;
        a.is_native = i == 0;
        put_load(&a, offsetof(struct seccomp_data, arch));
        put(&a, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, arch->audit);
        size_t other = put_jump(&a);
        put_load(&a, offsetof(struct seccomp_data, nr));
        put_search(&a, runs, make_runs(&a, arch, runs));
        land(&a, other);
    }
    if (a.count)
        put(&a, BPF_RET | BPF_K, 0, 0, o->all ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
    if (a.count > cap)
        return ERR_NEW(ERR_INTERNAL, "the seccomp program has %zu instructions", a.count);
    *ret_count = a.count;
    return NULL;
}

/* RFC 4648, with padding: crun decodes nothing else. */
static struct err *put_base64(struct strbuf *sb, const unsigned char *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    TRY(strbuf_reserve(sb, (len + 2) / 3 * 4));
    char *p = sb->data + sb->len;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v =
            (uint32_t)data[i] << 16 | (i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0) | (i + 2 < len ? data[i + 2] : 0u);
        *p++ = digits[v >> 18];
        *p++ = digits[(v >> 12) & 63];
        *p++ = i + 1 < len ? digits[(v >> 6) & 63] : '=';
        *p++ = i + 2 < len ? digits[v & 63] : '=';
    }
    sb->len = (size_t)(p - sb->data);
    *p = '\0';
    return NULL;
}

/* struct sock_filter in memory is what the kernel takes, and what crun passes on. */
struct err *seccomp_put_program(struct strbuf *sb, const struct seccomp_options *o, bool *ret_ok)
{
    struct sock_filter insns[BPF_MAXINSNS];
    size_t count = 0;
    TRY(seccomp_assemble(o, insns, ARRAY_LEN(insns), &count));
    *ret_ok = count > 0;
    return put_base64(sb, (const unsigned char *)insns, count * sizeof(insns[0]));
}
