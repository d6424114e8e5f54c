/* Reading the table of verbs. A verb's names are kept as one text, "ps|container list,ls", because most code wants to
 * see them as it finds them; looking one up compares some hundred short strings, about ten microseconds. */
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

void cli_verb_names_start(struct cli_verb_names *it, const struct cli_verb *v)
{
    *it = (struct cli_verb_names){.next = v->paths, .group = v->paths};
}

/* Start of the last word of the place that begins at `place`: what comes before is the group. */
static size_t group_length(const char *place)
{
    size_t len = 0;
    for (size_t i = 0; place[i] && place[i] != '|' && place[i] != ','; i++)
        if (place[i] == ' ')
            len = i + 1;
    return len;
}

bool cli_verb_names_next(struct cli_verb_names *it)
{
    if (!it->next)
        return false;
    const char *start = it->next;
    it->alias = start > it->group && start[-1] == ',';
    if (!it->alias) {
        it->group = start;
        it->group_len = group_length(start);
    }
    size_t len = strcspn(start, "|,");
    if (it->alias)
        (void)snprintf(it->path, sizeof it->path, "%.*s%.*s", (int)it->group_len, it->group, (int)len, start);
    else
        (void)snprintf(it->path, sizeof it->path, "%.*s", (int)len, start);
    it->next = start[len] ? start + len + 1 : NULL;
    return true;
}

const struct cli_verb *cli_verb_find(const char *path, size_t len, bool *ret_alias)
{
    for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
        struct cli_verb_names it;
        for (cli_verb_names_start(&it, *v); cli_verb_names_next(&it);) {
            if (strncmp(it.path, path, len) == 0 && it.path[len] == '\0') {
                if (ret_alias)
                    *ret_alias = it.alias;
                return *v;
            }
        }
    }
    return NULL;
}

struct err *cli_verb_each_below(const char *group,
                                struct err *(*fn)(const struct cli_verb *v, const char *path, void *arg), void *arg)
{
    size_t len = strlen(group);
    for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
        struct cli_verb_names it;
        for (cli_verb_names_start(&it, *v); cli_verb_names_next(&it);) {
            size_t before = len ? len + 1 : 0;
            bool below =
                strncmp(it.path, group, len) == 0 && (!len || it.path[len] == ' ') && !strchr(it.path + before, ' ');
            if (below && !it.alias)
                TRY(fn(*v, it.path, arg));
        }
    }
    return NULL;
}
