/* The default profile's program, run by a small interpreter, against the same profile compiled from its text by
 * libseccomp: every system call number of both architectures, with the arguments that matter. */
#include "tests/unit/engine/container/expect.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/capability.h"
#include "engine/container/seccomp_spec.h"

struct program {
    struct sock_filter insns[BPF_MAXINSNS];
    size_t count;
};

/* Classic BPF as seccomp(2) uses it; anything a filter may not do fails the test. */
static uint32_t run(const struct program *p, const struct seccomp_data *d)
{
    uint32_t a = 0;
    for (size_t pc = 0; pc < p->count; pc++) {
        const struct sock_filter *i = &p->insns[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k + 4 <= sizeof(*d) && i->k % 4 == 0);
            memcpy(&a, (const char *)d + i->k, sizeof(a));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %zu has code %#x", pc, i->code);
        }
    }
    fail_msg("ran past the end");
    return 0;
}

static uint32_t action_of(const char *name, const json_t *rule)
{
    if (strcmp(name, "SCMP_ACT_ALLOW") == 0)
        return SCMP_ACT_ALLOW;
    assert_string_equal(name, "SCMP_ACT_ERRNO");
    return SCMP_ACT_ERRNO((uint32_t)json_integer_value(json_object_get(rule, "errnoRet")));
}

static enum scmp_compare op_of(const char *name)
{
    if (strcmp(name, "SCMP_CMP_EQ") == 0)
        return SCMP_CMP_EQ;
    return strcmp(name, "SCMP_CMP_NE") == 0 ? SCMP_CMP_NE : SCMP_CMP_MASKED_EQ;
}

/* What a runtime does with one entry of "syscalls". */
static void add_rule(scmp_filter_ctx ctx, const json_t *rule)
{
    size_t i, k;
    json_t *name, *arg, *args = json_object_get(rule, "args");
    uint32_t action = action_of(json_string_value(json_object_get(rule, "action")), rule);
    struct scmp_arg_cmp cmp[6];
    json_array_foreach (args, k, arg)
        cmp[k] = (struct scmp_arg_cmp){(unsigned)json_integer_value(json_object_get(arg, "index")),
                                       op_of(json_string_value(json_object_get(arg, "op"))),
                                       (scmp_datum_t)json_integer_value(json_object_get(arg, "value")),
                                       (scmp_datum_t)json_integer_value(json_object_get(arg, "valueTwo"))};
    json_array_foreach (json_object_get(rule, "names"), i, name) {
        int nr = seccomp_syscall_resolve_name(json_string_value(name));
        assert_int_not_equal(nr, __NR_SCMP_ERROR); /* or the runtime would warn */
        int rc = seccomp_rule_add_array(ctx, action, nr, (unsigned)json_array_size(args), cmp);
        if (rc != 0)
            fail_msg("libseccomp refuses the rule for %s: %s", json_string_value(name), strerror(-rc));
    }
}

static void compile(const char *text, struct program *ret)
{
    AUTO_JSON json_t *j = NULL;
    size_t i;
    json_t *rule;
    expect_ok(json_parse(text, strlen(text), "section", &j), "parse");
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    assert_int_equal(seccomp_arch_add(ctx, SCMP_ARCH_X86), 0);
    json_array_foreach (json_object_get(j, "syscalls"), i, rule)
        add_rule(ctx, rule);
    char path[] = "/tmp/seccomp-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
    ssize_t n = pread(fd, ret->insns, sizeof(ret->insns), 0);
    assert_true(n > 0);
    ret->count = (size_t)n / sizeof(ret->insns[0]);
    close(fd);
    seccomp_release(ctx);
}

/* Numbers that this libseccomp has no name for: only the program knows them. */
static bool is_newer(uint32_t arch, int nr)
{
    AUTO_FREE char *name = seccomp_syscall_resolve_num_arch(arch, nr);
    return !name;
}

/* libseccomp gives an argument rule of socket(2) a companion for socketcall(2), which is refused here. */
static void compare(const struct program *a, const struct program *b, uint32_t arch, int nr, const uint64_t *args)
{
    struct seccomp_data d = {.nr = nr, .arch = arch};
    memcpy(d.args, args, sizeof(d.args));
    uint32_t x = run(a, &d), y = run(b, &d);
    if (x == y || is_newer(arch, nr))
        return;
    fail_msg("arch %#x, call %d (%llu, %llu, %llu): the program says %#x, libseccomp %#x", arch, nr,
             (unsigned long long)args[0], (unsigned long long)args[1], (unsigned long long)args[2], x, y);
}

static const uint64_t cap_choices[] = {
    UINT64_C(0x800405fb), 0, CAP_ALL, UINT64_C(1) << 21, UINT64_C(1) << 19, UINT64_C(1) << 29, UINT64_C(1) << 39,
};

static void text_and_program_agree(void **state)
{
    (void)state;
    static struct program ours, theirs;
    for (size_t c = 0; c < 2 * ARRAY_LEN(cap_choices); c++) {
        struct seccomp_options o = {.caps = cap_choices[c / 2], .allow_socketcall = c % 2};
        AUTO_STRBUF struct strbuf section = STRBUF_INIT;
        expect_ok(seccomp_put_default(&section, &o), "text");
        compile(strbuf_str(&section), &theirs);
        expect_ok(seccomp_assemble(&o, ours.insns, ARRAY_LEN(ours.insns), &ours.count), "program");
        static const uint32_t archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386};
        for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
            for (int nr = 0; nr < 600; nr++) {
                for (uint64_t first = 0; first < 70; first++) {
                    const uint64_t args[6] = {first, 0, first % 2 ? 9 : 0};
                    compare(&ours, &theirs, archs[i], nr, args);
                    if (nr > 400 && first > 2)
                        break;
                }
                static const uint64_t special[] = {0x20000,
                                                   0x20008,
                                                   0xffffffff,
                                                   UINT64_MAX,
                                                   UINT64_C(1) << 32,
                                                   (UINT64_C(1) << 32) + 16,
                                                   (UINT64_C(1) << 32) + 38};
                for (size_t k = 0; k < ARRAY_LEN(special); k++)
                    compare(&ours, &theirs, archs[i], nr, (const uint64_t[6]){special[k], 0, special[k]});
            }
        }
    }
}

static uint32_t ask(const struct program *p, uint32_t arch, int nr, uint64_t a0, uint64_t a2)
{
    const struct seccomp_data d = {.nr = nr, .arch = arch, .args = {a0, 0, a2}};
    return run(p, &d);
}

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

static void decisions(void **state)
{
    (void)state;
    static struct program p;
    struct seccomp_options o = {.caps = cap_choices[0]};
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    const uint32_t x64 = AUDIT_ARCH_X86_64, x86 = AUDIT_ARCH_I386;
    assert_true(ask(&p, x64, 0, 0, 0) == SECCOMP_RET_ALLOW); /* read */
    assert_true(ask(&p, x64, 56, 0x10000000, 0) ==
                SECCOMP_RET_ALLOW);                            /* clone(CLONE_NEWUSER): containers in containers */
    assert_true(ask(&p, x64, 452, 0, 0) == SECCOMP_RET_ALLOW); /* fchmodat2, newer than many a libseccomp */
    assert_true(ask(&p, x64, 321, 0, 0) == ERRNO(EPERM));      /* bpf */
    assert_true(ask(&p, x64, 246, 0, 0) == ERRNO(EPERM));      /* kexec_load */
    assert_true(ask(&p, x64, 425, 0, 0) == ERRNO(ENOSYS));     /* io_uring_setup */
    assert_true(ask(&p, x64, 9999, 0, 0) == ERRNO(ENOSYS));
    assert_true(ask(&p, x64, -1, 0, 0) == ERRNO(ENOSYS));
    assert_true(ask(&p, x64, 0x40000000, 0, 0) == ERRNO(ENOSYS)); /* x32's read */
    assert_true(ask(&p, AUDIT_ARCH_AARCH64, 0, 0, 0) == SECCOMP_RET_KILL_PROCESS);
    assert_true(ask(&p, x64, 41, 2, 0) == SECCOMP_RET_ALLOW);                        /* socket(AF_INET) */
    assert_true(ask(&p, x64, 41, 16, 0) == SECCOMP_RET_ALLOW);                       /* netlink */
    assert_true(ask(&p, x64, 41, 16, 9) == ERRNO(EINVAL));                           /* its audit protocol */
    assert_true(ask(&p, x64, 41, 38, 0) == ERRNO(EAFNOSUPPORT));                     /* AF_ALG */
    assert_true(ask(&p, x64, 41, (UINT64_C(7) << 32) + 38, 0) != SECCOMP_RET_ALLOW); /* the kernel looks at an int */
    assert_true(ask(&p, x64, 41, 40, 0) == ERRNO(EAFNOSUPPORT));                     /* AF_VSOCK */
    assert_true(ask(&p, x86, 359, 2, 0) == SECCOMP_RET_ALLOW);                       /* x86's socket */
    assert_true(ask(&p, x86, 359, 38, 0) == ERRNO(EAFNOSUPPORT));
    assert_true(ask(&p, x86, 102, 1, 0) == ERRNO(EPERM));               /* socketcall(SYS_SOCKET) hides the family */
    assert_true(ask(&p, x64, 135, 0xffffffff, 0) == SECCOMP_RET_ALLOW); /* personality(query) */
    assert_true(ask(&p, x64, 135, 0x40000, 0) == ERRNO(ENOSYS));        /* ADDR_NO_RANDOMIZE */

    o.allow_socketcall = true;
    o.caps |= UINT64_C(1) << 39;
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    assert_true(ask(&p, x86, 102, 1, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 321, 0, 0) == SECCOMP_RET_ALLOW); /* bpf with CAP_BPF */
}

/* Calls about ids: with nobody to ask, with somebody, and in a container that may do everything else. */
static void ids(void **state)
{
    (void)state;
    static struct program p;
    const uint32_t x64 = AUDIT_ARCH_X86_64, x86 = AUDIT_ARCH_I386;
    struct seccomp_options o = {.caps = cap_choices[0], .ids = SECCOMP_IDS_PRETEND};
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    assert_true(ask(&p, x64, 105, 5, 0) == ERRNO(0));             /* setuid */
    assert_true(ask(&p, x64, 260, 0, 5) == ERRNO(0));             /* fchownat */
    assert_true(ask(&p, x86, 213, 5, 0) == ERRNO(0));             /* x86's setuid32 */
    assert_true(ask(&p, x64, 102, 0, 0) == SECCOMP_RET_ALLOW);    /* getuid */
    assert_true(ask(&p, x64, 257, 0, 0100) == SECCOMP_RET_ALLOW); /* openat(O_CREAT) */
    o.ids = SECCOMP_IDS_ASK;
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    assert_true(ask(&p, x64, 105, 5, 0) == SECCOMP_RET_USER_NOTIF);
    assert_true(ask(&p, x64, 102, 0, 0) == SECCOMP_RET_USER_NOTIF);
    assert_true(ask(&p, x64, 262, 0, 0) == SECCOMP_RET_USER_NOTIF); /* newfstatat */
    assert_true(ask(&p, x64, 257, 0, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 257, 0, 02100) == SECCOMP_RET_USER_NOTIF);
    assert_true(ask(&p, x86, 213, 5, 0) == ERRNO(0)); /* nobody answers for foreign calls */
    assert_true(ask(&p, x86, 199, 0, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 160, 10, 0) == ERRNO(0)); /* setrlimit(RLIMIT_LOCKS) */
    assert_true(ask(&p, x64, 160, 7, 0) == SECCOMP_RET_ALLOW);
    const struct seccomp_data set = {.nr = 302, .arch = x64, .args = {0, 10, 0x1000, 0}}; /* prlimit64 */
    const struct seccomp_data get = {.nr = 302, .arch = x64, .args = {0, 10, 0, 0x1000}};
    assert_true(run(&p, &set) == ERRNO(0));
    assert_true(run(&p, &get) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 425, 0, 0) == ERRNO(ENOSYS)); /* all else as ever */
    assert_true(ask(&p, x64, 246, 0, 0) == ERRNO(EPERM));
    o.all = true;
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    assert_true(ask(&p, x64, 105, 5, 0) == SECCOMP_RET_USER_NOTIF);
    assert_true(ask(&p, x64, 425, 0, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 246, 0, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, x64, 9999, 0, 0) == SECCOMP_RET_ALLOW);
    assert_true(ask(&p, AUDIT_ARCH_AARCH64, 0, 0, 0) == SECCOMP_RET_ALLOW);
}

/* What a runtime that doesn't know programs is told. */
static void ids_as_text(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_JSON json_t *j = NULL;
    const struct seccomp_options o = {.ids = SECCOMP_IDS_ASK, .listener = "/a \"b\"/ids", .uninterrupted = true};
    expect_ok(seccomp_put_default(&sb, &o), "text");
    expect_ok(json_parse(strbuf_str(&sb), sb.len, "section", &j), "parse");
    assert_string_equal(json_string_value(json_object_get(j, "listenerPath")), "/a \"b\"/ids");
    assert_non_null(strstr(strbuf_str(&sb), "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
    /* Each call in one list alone: runtimes refuse a second opinion. */
    size_t i, k, notified = 0;
    json_t *rule, *name;
    AUTO_STRBUF struct strbuf seen = STRBUF_INIT;
    json_array_foreach (json_object_get(j, "syscalls"), i, rule) {
        bool asks = strcmp(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_NOTIFY") == 0;
        json_array_foreach (json_object_get(rule, "names"), k, name) {
            AUTO_STRBUF struct strbuf word = STRBUF_INIT;
            expect_ok(strbuf_printf(&word, " %s ", json_string_value(name)), "word");
            notified += asks;
            if (json_object_get(rule, "args"))
                continue;
            if (strstr(strbuf_str(&seen), strbuf_str(&word)))
                fail_msg("twice: %s", json_string_value(name));
            expect_ok(strbuf_puts(&seen, strbuf_str(&word)), "seen");
        }
    }
    assert_true(notified > 30);
}

static void base64_is_right(void **state)
{
    (void)state;
    static struct program p;
    struct seccomp_options o = {.caps = 0};
    bool ok = false;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    expect_ok(seccomp_put_program(&sb, &o, &ok), "program");
    assert_true(ok);
    expect_ok(seccomp_assemble(&o, p.insns, ARRAY_LEN(p.insns), &p.count), "program");
    size_t bytes = p.count * sizeof(p.insns[0]);
    assert_int_equal(sb.len, (bytes + 2) / 3 * 4);
    /* Decode it the slow way. */
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *want = (const unsigned char *)p.insns;
    for (size_t i = 0; i < bytes; i++) {
        const char *q = sb.data + i / 3 * 4;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (q[k] == '=' ? 0u : (uint32_t)(strchr(digits, q[k]) - digits));
        assert_int_equal((v >> (16 - 8 * (i % 3))) & 255, want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_program_agree),
        cmocka_unit_test(decisions),
        cmocka_unit_test(ids),
        cmocka_unit_test(ids_as_text),
        cmocka_unit_test(base64_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
