/* Parsed templates: their life, what they define and what they use. */
#include "cli/template/template.h"

#include <string.h>

#include "base/mem.h"
#include "cli/template/internal.h"

void template_free(struct template *t)
{
    if (!t)
        return;
    for (struct node *n = t->all, *after; n; n = after) {
        after = n->next;
        mem_freep(&n->text);
        json_decref(n->literal);
        strv_done(&n->names);
        mem_freep(&n->kids);
        mem_freep(&n);
    }
    mem_freep(&t->definitions); /* the names are those of nodes */
    mem_freep(&t->name);
    mem_freep(&t->text);
    mem_freep(&t);
}

void template_freep(struct template **t)
{
    template_free(*t);
    *t = NULL;
}

bool node_is_blank(const struct node *list)
{
    for (size_t i = 0; i < list->n_kids; i++)
        if (list->kids[i]->type != NODE_TEXT || strspn(list->kids[i]->text, " \t\r\n") != list->kids[i]->text_len)
            return false;
    return true;
}

const struct node *template_definition(const struct template *t, const char *name)
{
    for (size_t i = 0; i < t->n_definitions; i++)
        if (strcmp(t->definitions[i]->text, name) == 0)
            return t->definitions[i];
    return NULL;
}

bool template_uses(const struct template *t, const char *field)
{
    for (const struct node *n = t->all; n; n = n->next)
        if (n->type == NODE_FIELD || n->type == NODE_VARIABLE || n->type == NODE_CHAIN)
            if (strv_contains(&n->names, field))
                return true;
    return false;
}
