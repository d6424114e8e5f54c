/* docs/COMMANDS.md: each command and flag of Podman 5 and what became of it here, from the tables of verbs and flags.
 *
 *     test-cli-commands podman5.txt COMMANDS.md    compares the page
 *     test-cli-commands podman5.txt --print        writes it
 *
 * podman5.txt says which there are; a flag that coracle doesn't even know is a failure, as it would be told "unknown
 * flag" like a slip of the finger. */
#include "tests/unit/cli/expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cli/absent.h"
#include "cli/cli.h"

#define YET "not built yet"

static const char *list_path, *page_path;

/* What the page counts. */
struct counts {
    unsigned verbs, verbs_done, flags, flags_done, flags_never;
};

static const struct cli_flag *find_flag(const struct cli_verb *v, const char *name)
{
    size_t len = strlen(name);
    const struct cli_flag *f = v ? cli_flag_find(v->flags, name, len) : NULL;
    if (!f && v)
        f = cli_flag_find(v->more_flags, name, len);
    return f ? f : cli_flag_find(cli_global_flags, name, len);
}

/* Is `path`, or a group that it belongs to, absent? */
static bool is_absent(const char *path, const char **ret_why)
{
    char group[64] = "", word[64];
    for (const char *at = path; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, at);
        if (absent_verb(group, word, ret_why))
            return true;
        at += len;
        (void)snprintf(group, sizeof group, "%.*s", (int)(at - path), path);
    }
    return false;
}

static struct err *put_heading(const struct strv *paths, struct strbuf *out)
{
    TRY(strbuf_puts(out, "\n### "));
    for (size_t i = 0; i < paths->count; i++)
        TRY(strbuf_printf(out, "%s`%s`", i ? ", " : "", *paths->items[i] ? paths->items[i] : "global flags"));
    return strbuf_puts(out, "\n\n");
}

/* Those that work in one line, then the others with the reason that using them gives. */
static struct err *put_flags(const struct cli_verb *v, const struct strv *flags, struct counts *n, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf others = STRBUF_INIT;
    bool any = false;
    for (size_t i = 0; i < flags->count; i++) {
        const char *name = flags->items[i];
        const struct cli_flag *f = find_flag(v, name);
        n->flags++;
        if (f && !f->missing) {
            TRY(strbuf_printf(out, "%s`--%s`", any ? " " : "done: ", name));
            any = true;
            n->flags_done++;
            continue;
        }
        bool yet = f && strstr(f->missing, YET);
        n->flags_never += f && !yet;
        TRY(strbuf_printf(&others, "- `--%s`: %s: %s\n", name, yet || !f ? "not yet" : "not applicable",
                          f ? f->missing : "unknown flag"));
    }
    if (!flags->count)
        return strbuf_puts(out, "done; Podman's has no flags\n");
    if (any)
        TRY(strbuf_puts(out, "\n"));
    if (others.len)
        TRY(strbuf_printf(out, "%s%s", any ? "\n" : "", others.data));
    return NULL;
}

static const struct cli_verb *verb_of(const char *path)
{
    const struct cli_verb *v = *path ? cli_verb_find(path, strlen(path), NULL) : NULL;
    if (*path && !v)
        fail_msg("%s: neither there nor known to be absent", path);
    return v;
}

/* What is one command of Podman's under several names may be several here. */
static struct err *put_verbs(const struct strv *paths, const struct strv *flags, struct counts *n, struct strbuf *out)
{
    for (size_t i = 0; i < paths->count; i++) {
        AUTO_STRV struct strv names = STRV_INIT;
        const struct cli_verb *v = verb_of(paths->items[i]);
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen = seen || verb_of(paths->items[k]) == v;
        for (size_t k = i; k < paths->count && !seen; k++)
            if (verb_of(paths->items[k]) == v)
                TRY(strv_add(&names, paths->items[k]));
        if (seen)
            continue;
        TRY(put_heading(&names, out));
        TRY(put_flags(v, flags, n, out));
    }
    return NULL;
}

/* One line of the list: "path|path*: flag flag". */
static struct err *put_line(char *line, struct counts *n, struct strbuf *absent, struct strbuf *out)
{
    AUTO_STRV struct strv paths = STRV_INIT, flags = STRV_INIT;
    char *colon = strchr(line, ':');
    const char *why = NULL;
    assert_non_null(colon);
    *colon = '\0';
    bool group = colon > line && colon[-1] == '*';
    if (group)
        colon[-1] = '\0';
    TRY(strv_split(line, '|', &paths));
    if (colon[1] == ' ')
        TRY(strv_split(colon + 2, ' ', &flags));
    line[strcspn(line, "|")] = '\0'; /* its first name */
    if (*line && is_absent(line, &why)) {
        n->verbs += !group;
        n->flags += (unsigned)flags.count;
        n->flags_never += why ? (unsigned)flags.count : 0;
        return strbuf_printf(absent, "| `%s` | %s |\n", line,
                             why ? why : "not yet: `" CLI_PROGRAM "` says \"" YET "\"");
    }
    n->verbs += *line && !group;
    n->verbs_done += *line && !group;
    return group && *line ? NULL : put_verbs(&paths, &flags, n, out);
}

static const char heading[] =
    "# Commands and flags\n\n"
    "Every command and flag of Podman 5 and what became of it here: done, not applicable (and why), or not yet (with "
    "what\n"
    "using it says). This page is written by `test-cli-commands` from the tables of verbs and flags (cli/verbs.c and "
    "the\n"
    "tables that it names) and from Podman's list in tests/unit/cli/podman5.txt; a test compares them. What differs "
    "in\n"
    "what is done is in COMPATIBILITY.md, options of containers.conf are in CONTAINERS_CONF.md.\n\n";

static struct err *page(struct strbuf *ret)
{
    AUTO_STRBUF struct strbuf absent = STRBUF_INIT, out = STRBUF_INIT;
    struct counts n = {0};
    static char line[16384];
    FILE *f = fopen(list_path, "re");
    struct err *e = NULL;
    assert_non_null(f);
    while (!e && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#')
            e = put_line(line, &n, &absent, &out);
    }
    assert_int_equal(fclose(f), 0);
    TRY(e);
    TRY(strbuf_printf(
        ret,
        "%s%u of %u commands are there. Of %u flags %u are done, %u not applicable.\n\n## Commands that are "
        "not there\n\nWith all of their flags.\n\n| command | here |\n| --- | --- |\n%s\n## Commands that "
        "are there\n",
        heading, n.verbs_done, n.verbs, n.flags, n.flags_done, n.flags_never, strbuf_str(&absent)));
    return strbuf_puts(ret, strbuf_str(&out));
}

/* At the first difference, with the line. */
static void the_page_says_so(void **state)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    static char line[16384];
    size_t at = 0;
    (void)state;
    expect_success(page(&out));
    FILE *f = fopen(page_path, "re");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); at += strlen(line))
        if (strncmp(out.data + at, line, strlen(line)) != 0)
            fail_msg("docs/COMMANDS.md has: %s", line);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(at, out.len);
}

static void no_flag_is_unknown(void **state)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    (void)state;
    expect_success(page(&out));
    const char *found = strstr(out.data, ": unknown flag");
    if (found)
        fail_msg("an unknown flag: %.*s", 60, found - 30);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    list_path = argv[1];
    page_path = argv[2];
    if (strcmp(page_path, "--print") == 0) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        return page(&out) || fputs(out.data, stdout) < 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_says_so),
        cmocka_unit_test(no_flag_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
