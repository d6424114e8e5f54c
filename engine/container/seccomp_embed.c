/* Build tool: seccomp_default.json to a C header. `seccomp-embed <json> <cpu family> <output>`.
 *
 * The header has the profile twice: as text, cut into pieces that seccomp_spec.c strings together for a config.json,
 * and as tables of system call numbers for seccomp_bpf.c. Numbers come from libseccomp; "numbers" in the JSON adds
 * those of calls newer than it, and of x86's direct socket calls, which it hides behind socketcall(2).
 */
#include <errno.h>
#include <jansson.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/container/capability.h"

enum { ARCH_MAX = 4, CALLS_MAX = 1024 };

static FILE *out;
static json_t *profile;

struct call {
    unsigned nr;
    char kind[64]; /* a C expression */
};
struct arch {
    const char *name;
    uint32_t token;
    struct call calls[CALLS_MAX];
    size_t n_calls;
};
static struct arch archs[ARCH_MAX];
static size_t n_archs;

__attribute__((noreturn)) static void fail(const char *what, const char *which)
{
    fprintf(stderr, "seccomp-embed: %s %s\n", what, which);
    exit(1);
}

/* A member that must be a string. */
static const char *text_of(const json_t *j)
{
    const char *s = json_string_value(j);
    if (!s)
        fail("not a string", "in the profile");
    return s;
}

/* A number from the file comes before libseccomp's: for x86's socket calls libseccomp answers with a number of its
 * own that the kernel doesn't know. */
static bool known_number(const struct arch *a, const char *name, unsigned *ret)
{
    const json_t *numbers = json_object_get(profile, "numbers");
    const json_t *n = json_object_get(json_object_get(numbers, a->name), name);
    int resolved = seccomp_syscall_resolve_name_arch(a->token, name);
    if (!n && resolved < 0)
        n = json_object_get(json_object_get(numbers, "any"), name);
    if (!n && resolved < 0)
        return false;
    *ret = n ? (unsigned)json_integer_value(n) : (unsigned)resolved;
    return true;
}

/* For the text: what some runtime's libseccomp would not know makes it complain. */
static bool resolves(const char *name)
{
    for (size_t i = 0; i < n_archs; i++) {
        int nr = seccomp_syscall_resolve_name_arch(archs[i].token, name);
        if (nr >= 0 || (nr != __NR_SCMP_ERROR &&
                        json_object_get(json_object_get(json_object_get(profile, "numbers"), archs[i].name), name)))
            return true;
    }
    return false;
}

/* Into the table of each architecture that has the call. A call that two lists decide differently is a mistake in
 * the file. */
static void add_call(const char *name, const char *kind)
{
    for (size_t i = 0; i < n_archs; i++) {
        struct arch *a = &archs[i];
        unsigned nr = 0;
        if (!known_number(a, name, &nr))
            continue;
        for (size_t k = 0; k < a->n_calls; k++)
            if (a->calls[k].nr == nr && strcmp(a->calls[k].kind, kind) != 0)
                fail("named twice:", name);
        if (a->n_calls == CALLS_MAX)
            fail("too many calls at", name);
        a->calls[a->n_calls].nr = nr;
        snprintf(a->calls[a->n_calls++].kind, sizeof(a->calls[0].kind), "%s", kind);
    }
}

/* One list of names: into the tables, and as a C string of JSON array elements. */
static void put_names(const json_t *names, const char *kind, bool *first)
{
    size_t i;
    const json_t *n;
    json_array_foreach (names, i, n) {
        const char *name = text_of(n);
        add_call(name, kind);
        if (!resolves(name))
            continue;
        fprintf(out, "%s\\\"%s\\\"", *first ? "" : ",", name);
        *first = false;
    }
}

/* The machine's own architecture first, then those whose programs it can run as well. */
static void read_archs(const char *family)
{
    const json_t *list = json_object_get(json_object_get(profile, "architectures"), family), *a;
    size_t i;
    fprintf(out, "#define SECCOMP_ARCHITECTURES \"");
    json_array_foreach (list, i, a) {
        if (n_archs == ARCH_MAX)
            fail("too many architectures for", family);
        const char *name = text_of(a);
        char lower[32] = "";
        for (size_t k = 0; name[k + strlen("SCMP_ARCH_")] && k < sizeof(lower) - 1; k++) {
            char c = name[k + strlen("SCMP_ARCH_")];
            lower[k] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        archs[n_archs].name = name;
        archs[n_archs].token = seccomp_arch_resolve_name(lower);
        if (!archs[n_archs++].token)
            fail("libseccomp does not know", name);
        fprintf(out, "%s\\\"%s\\\"", i ? "," : "", name);
    }
    fprintf(out, "\"\n");
}

/* A misspelt capability must not become "never". */
static uint64_t cap_mask(const char *name)
{
    unsigned number = 0;
    if (!cap_find(name, &number))
        fail("no capability", name);
    return UINT64_C(1) << number;
}

/* Those that a filter decides by their arguments are lists apart. */
static void put_ids(void)
{
    static const struct {
        const char *key, *kind, *macro;
    } lists[] = {
        {"set", "KIND_IDS_SET", "SECCOMP_IDS_SET"},       {"see", "KIND_IDS_SEE", "SECCOMP_IDS_SEE"},
        {"make", "KIND_IDS_MAKE", "SECCOMP_IDS_MAKE"},    {"make_at", "KIND_IDS_MAKE_AT", "SECCOMP_IDS_MAKE_AT"},
        {"limit", "KIND_IDS_LIMIT", "SECCOMP_IDS_LIMIT"}, {"limit_of", "KIND_IDS_LIMIT_OF", "SECCOMP_IDS_LIMIT_OF"},
        {"keep", "KIND_IDS_KEEP", "SECCOMP_IDS_KEEP"},
    };
    const json_t *ids = json_object_get(profile, "ids");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        bool first = true;
        fprintf(out, "#define %s \"", lists[i].macro);
        put_names(json_object_get(ids, lists[i].key), lists[i].kind, &first);
        fprintf(out, "\"\n");
    }
}

/* "allow" is grouped by subject for its readers only; it becomes one list, since one rule for many calls is cheaper
 * than many. */
static void put_lists(void)
{
    const char *key;
    json_t *names;
    bool first = true;
    fprintf(out, "#define SECCOMP_ALLOW_NAMES \"");
    json_object_foreach (json_object_get(profile, "allow"), key, names)
        put_names(names, "KIND_ALLOW", &first);
    fprintf(out, "\"\n#define SECCOMP_REFUSE_NAMES \"");
    first = true;
    put_names(json_object_get(profile, "refuse"), "KIND_REFUSE", &first);
    fprintf(out, "\"\n");
    add_call("socketcall", "KIND_SOCKETCALL");
    put_ids();
}

/* Calls behind a capability: text and kind of each group. */
static void put_groups(void)
{
    size_t i, k;
    json_t *group, *cap;
    fprintf(out, "static const struct seccomp_group seccomp_groups[] = {\n");
    json_array_foreach (json_object_get(profile, "capabilities"), i, group) {
        uint64_t mask = 0;
        bool first = true;
        char kind[48];
        json_array_foreach (json_object_get(group, "caps"), k, cap)
            mask |= cap_mask(text_of(cap));
        snprintf(kind, sizeof(kind), "KIND_GROUP + %zu", i);
        fprintf(out, "    {UINT64_C(0x%llx), \"", (unsigned long long)mask);
        put_names(json_object_get(group, "names"), kind, &first);
        fprintf(out, "\"},\n");
    }
    fprintf(out, "};\n#define SECCOMP_GROUPS %zu\n", i);
}

/* One rule as a row of the table, and as the JSON object that means the same. */
static void put_rule(const json_t *rule, size_t set)
{
    size_t i;
    json_t *arg, *with = json_object_get(rule, "with"), *without = json_object_get(rule, "without");
    const json_t *args = json_object_get(rule, "args");
    bool allow = strcmp(text_of(json_object_get(rule, "action")), "SCMP_ACT_ALLOW") == 0;
    long long number = json_integer_value(json_object_get(rule, "errnoRet"));
    fprintf(out, "    {%zu, UINT64_C(0x%llx), UINT64_C(0x%llx), %lld, %zu, {", set,
            with ? (unsigned long long)cap_mask(text_of(with)) : 0ULL,
            without ? (unsigned long long)cap_mask(text_of(without)) : 0ULL, allow ? 0LL : number,
            json_array_size(args));
    json_array_foreach (args, i, arg)
        fprintf(out, "{%lld, %s, %lldu, %lldu}, ", (long long)json_integer_value(json_object_get(arg, "index")),
                text_of(json_object_get(arg, "op")) + strlen("SCMP_"),
                (long long)json_integer_value(json_object_get(arg, "value")),
                (long long)json_integer_value(json_object_get(arg, "valueTwo")));
    fprintf(out, "},\n     \"{\\\"names\\\":[\\\"%s\\\"],\\\"action\\\":\\\"%s\\\"",
            text_of(json_object_get(rule, "name")), text_of(json_object_get(rule, "action")));
    if (!allow)
        fprintf(out, ",\\\"errnoRet\\\":%lld", number);
    fprintf(out, ",\\\"args\\\":[");
    json_array_foreach (args, i, arg) {
        fprintf(out, "%s{\\\"index\\\":%lld,\\\"value\\\":%lld,\\\"valueTwo\\\":%lld,\\\"op\\\":\\\"%s\\\"}",
                i ? "," : "", (long long)json_integer_value(json_object_get(arg, "index")),
                (long long)json_integer_value(json_object_get(arg, "value")),
                (long long)json_integer_value(json_object_get(arg, "valueTwo")), text_of(json_object_get(arg, "op")));
    }
    fprintf(out, "]}\"},\n");
}

/* Rules of one call stand together in the file and make one set. */
static void put_rules(void)
{
    size_t i, set = 0;
    json_t *rule;
    const char *before = "";
    fprintf(out, "static const struct seccomp_rule seccomp_rules[] = {\n");
    json_array_foreach (json_object_get(profile, "arguments"), i, rule) {
        const char *name = text_of(json_object_get(rule, "name"));
        char kind[48];
        set += i > 0 && strcmp(name, before) != 0;
        snprintf(kind, sizeof(kind), "KIND_RULES + %zu", set);
        if (strcmp(name, before) != 0)
            add_call(name, kind);
        put_rule(rule, set);
        before = name;
    }
    fprintf(out, "};\n");
}

static int by_number(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Sorted by number, for the search. */
static void put_tables(void)
{
    for (size_t i = 0; i < n_archs; i++) {
        struct arch *a = &archs[i];
        qsort(a->calls, a->n_calls, sizeof(a->calls[0]), by_number);
        fprintf(out, "static const struct seccomp_call seccomp_calls_%zu[] = {\n", i);
        for (size_t k = 0; k < a->n_calls; k++)
            fprintf(out, "    {%u, %s},\n", a->calls[k].nr, a->calls[k].kind);
        fprintf(out, "};\n");
    }
    fprintf(out, "static const struct seccomp_arch seccomp_archs[] = {\n");
    for (size_t i = 0; i < n_archs; i++)
        fprintf(out, "    {0x%xu, seccomp_calls_%zu, %zu},\n", archs[i].token, i, archs[i].n_calls);
    fprintf(out, "};\n#define SECCOMP_ARCHS %zu\n", n_archs);
}

int main(int argc, char **argv)
{
    json_error_t error;
    if (argc != 4)
        fail("usage: seccomp-embed", "<json> <cpu family> <output>");
    profile = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
    if (!profile)
        fail(argv[1], error.text);
    out = fopen(argv[3], "we");
    if (!out)
        fail(argv[3], strerror(errno));
    fprintf(out, "/* Made by seccomp-embed from seccomp_default.json. */\n#pragma once\n\n#include "
                 "\"engine/container/seccomp_tables.h\"\n\n");
    read_archs(argv[2]);
    put_lists();
    put_groups();
    put_rules();
    put_tables();
    if (fclose(out) != 0)
        fail(argv[3], strerror(errno));
    json_decref(profile);
    return 0;
}
