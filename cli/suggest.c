/* Optimal string alignment: Levenshtein's distance with swaps of neighbours, in three rows of bytes. */
#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"

#define NAME_MAX_LEN 63
/* cobra's SuggestionsMinimumDistance */
#define VERB_DISTANCE 2

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

size_t suggest_distance(const char *a, const char *b, size_t max)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return max + 1;
    uint8_t rows[3][NAME_MAX_LEN + 1]; /* the current row and the two above it */
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= la; i++) {
        uint8_t *row = rows[i % 3];
        const uint8_t *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = min3(above[j] + 1u, row[j - 1] + 1u, above[j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1u < best)
                best = above2[j - 2] + 1u;
            row[j] = (uint8_t)best;
        }
    }
    size_t distance = rows[la % 3][lb];
    return distance > max ? max + 1 : distance;
}

const struct cli_flag *suggest_flag(const struct cli_flag *const *tables, size_t n_tables, const char *name)
{
    /* A third of the letters may be wrong; one in short names. */
    size_t len = strlen(name), limit = len < 6 ? 1 : len / 3;
    const struct cli_flag *best = NULL, *prefix = NULL;
    size_t best_distance = limit + 1, n_prefix = 0;
    for (size_t t = 0; t < n_tables; t++) {
        for (const struct cli_flag *f = tables[t]; f && f->name; f++) {
            if (f->hidden || f->missing)
                continue;
            size_t d = suggest_distance(name, f->name, limit);
            if (d < best_distance) {
                best_distance = d;
                best = f;
            }
            if (len >= 3 && strncmp(f->name, name, len) == 0) {
                prefix = f;
                n_prefix++;
            }
        }
    }
    if (!best && n_prefix == 1)
        return prefix;
    return best;
}

struct near_verbs {
    const char *word;
    size_t group_len; /* with its space */
    struct strbuf *out;
};

/* As cobra does: near in spelling, or what the word begins. */
static struct err *add_near_verb(const struct cli_verb *v, const char *path, void *arg)
{
    struct near_verbs *near = arg;
    const char *name = path + near->group_len;
    if (v->traits & CLI_HIDDEN)
        return NULL;
    if (suggest_distance(near->word, name, VERB_DISTANCE) > VERB_DISTANCE &&
        strncmp(name, near->word, strlen(near->word)) != 0)
        return NULL;
    return strbuf_printf(near->out, "\t%s\n", name);
}

struct err *suggest_verbs(const char *group, const char *word, struct strbuf *out)
{
    struct near_verbs near = {.word = word, .group_len = *group ? strlen(group) + 1 : 0, .out = out};
    return cli_verb_each_below(group, add_near_verb, &near);
}
