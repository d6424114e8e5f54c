/* Subordinate id ranges as text: the files of shadow, and our own lines between processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "userns/subid.h"

/* A site with 100,000 users has some 3 MB. */
#define SUBID_FILE_MAX ((size_t)32 << 20)

void subid_set_done(struct subid_set *s)
{
    free(s->spans);
    *s = (struct subid_set){0};
}

void subid_ranges_done(struct subid_ranges *r)
{
    subid_set_done(&r->uids);
    subid_set_done(&r->gids);
}

struct err *subid_set_add(struct subid_set *s, uint64_t start, uint64_t count)
{
    if (count == 0 || count > UINT32_MAX || start > UINT32_MAX || start + count > UINT32_MAX)
        return ERR_NEW(ERR_INVALID, "%llu ids from %llu on cannot be", (unsigned long long)count,
                       (unsigned long long)start);
    if (s->count >= SUBID_SPANS_MAX)
        return ERR_NEW(ERR_NO_SPACE, "more than %d ranges of subordinate ids", SUBID_SPANS_MAX);
    struct subid_span *grown = mem_realloc_array(s->spans, s->count + 1, sizeof(*grown));
    if (!grown)
        return err_oom();
    grown[s->count] = (struct subid_span){.start = (uint32_t)start, .count = (uint32_t)count};
    s->spans = grown;
    s->count++;
    return NULL;
}

bool subid_set_meets(const struct subid_set *s, uint32_t start, uint32_t count)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct subid_span *p = &s->spans[i];
        if (start < (uint64_t)p->start + p->count && p->start < (uint64_t)start + count)
            return true;
    }
    return false;
}

static bool subid_owned(const char *word, const struct subid_owner *owner)
{
    uint64_t uid = 0;
    if (owner->everyone || (owner->name && strcmp(word, owner->name) == 0))
        return true;
    struct err *e = number_parse_u64(word, UINT32_MAX, &uid);
    if (e) {
        err_drop(e);
        return false;
    }
    return uid == owner->uid;
}

/* One line of the file, cut into its fields by the caller. */
static struct err *subid_parse_line(const struct strv *fields, const struct subid_owner *owner, struct subid_set *s)
{
    uint64_t start = 0, count = 0;
    if (fields->count != 3 || fields->items[0][0] == '#' || !subid_owned(fields->items[0], owner))
        return NULL;
    struct err *e = number_parse_u64(fields->items[1], UINT32_MAX, &start);
    if (!e)
        e = number_parse_u64(fields->items[2], UINT32_MAX, &count);
    if (!e)
        e = subid_set_add(s, start, count);
    if (e && err_kind(e) == ERR_INVALID) {
        err_drop(e);
        return NULL;
    }
    return e;
}

struct err *subid_parse_file(const char *text, const struct subid_owner *owner, struct subid_set *ret)
{
    AUTO_SUBID struct subid_set s = {0};
    while (*text) {
        AUTO_FREE char *line = NULL;
        AUTO_STRV struct strv fields = STRV_INIT;
        size_t len = strcspn(text, "\n");
        TRY(mem_strndup(text, len, &line));
        TRY(strv_split(line, ':', &fields));
        TRY(subid_parse_line(&fields, owner, &s));
        text += len + (text[len] == '\n');
    }
    *ret = s;
    s = (struct subid_set){0};
    return NULL;
}

static struct err *subid_read_file(const char *path, const struct subid_owner *owner, struct subid_set *ret)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(AT_FDCWD, path, SUBID_FILE_MAX, &text, NULL);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        *ret = (struct subid_set){0};
        return NULL;
    }
    TRY(e);
    return ERR_WRAP(subid_parse_file(text, owner, ret), "read %s", path);
}

struct err *subid_read_files(const struct subid_owner *owner, struct subid_ranges *ret)
{
    AUTO_SUBID_RANGES struct subid_ranges r = {.source = "files"};
    TRY(subid_read_file("/etc/subuid", owner, &r.uids));
    TRY(subid_read_file("/etc/subgid", owner, &r.gids));
    *ret = r;
    r = (struct subid_ranges){0};
    return NULL;
}

static struct err *subid_put_set(struct strbuf *sb, const char *word, const struct subid_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        TRY(strbuf_printf(sb, "%s %u %u\n", word, s->spans[i].start, s->spans[i].count));
    return NULL;
}

struct err *subid_ranges_text(const struct subid_ranges *r, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_printf(&sb, "source %s\n", r->source));
    TRY(subid_put_set(&sb, "uid", &r->uids));
    TRY(subid_put_set(&sb, "gid", &r->gids));
    TRY(strbuf_puts(&sb, "end\n"));
    return strbuf_take(&sb, ret);
}

static struct err *subid_parse_answer_line(const struct strv *words, struct subid_ranges *r)
{
    uint64_t start = 0, count = 0;
    const char *what = words->items[0];
    if (words->count == 2 && strcmp(what, "source") == 0) {
        (void)snprintf(r->source, sizeof(r->source), "%s", words->items[1]);
        return NULL;
    }
    bool is_uid = strcmp(what, "uid") == 0;
    if (words->count != 3 || (!is_uid && strcmp(what, "gid") != 0))
        return ERR_NEW(ERR_CORRUPT, "unexpected answer \"%s\" about subordinate ids", what);
    TRY(number_parse_u64(words->items[1], UINT32_MAX, &start));
    TRY(number_parse_u64(words->items[2], UINT32_MAX, &count));
    return subid_set_add(is_uid ? &r->uids : &r->gids, start, count);
}

struct err *subid_ranges_parse(const char *text, struct subid_ranges *ret)
{
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    AUTO_STRV struct strv lines = STRV_INIT;
    TRY(strv_split(text, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++) {
        AUTO_STRV struct strv words = STRV_INIT;
        if (strcmp(lines.items[i], "end") == 0) {
            *ret = r;
            r = (struct subid_ranges){0};
            return NULL;
        }
        TRY(strv_split(lines.items[i], ' ', &words));
        TRY(subid_parse_answer_line(&words, &r));
    }
    return ERR_NEW(ERR_CORRUPT, "the answer about subordinate ids ends too early");
}
