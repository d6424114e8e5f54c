/* ".." is taken back lexically, before any link is looked at: "a/../b" is "b" even where "a" is a link to elsewhere.
 * That is what Podman and Docker do, and what makes a name that leads out a matter of the name alone. What a *link* may
 * do is another question, answered when the name is followed (dirs.h): it cannot lead out, since the tree's root is its
 * "/".
 */
#include "engine/layer/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct name_text name_text(const char *name)
{
    struct name_text t;
    size_t len = strlen(name);
    if (len < sizeof(t.s))
        (void)snprintf(t.s, sizeof(t.s), "%s", len ? name : "/");
    else
        (void)snprintf(t.s, sizeof(t.s), "%.80s… (%zu bytes)", name, len);
    return t;
}

const char *name_last(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

size_t name_parent_len(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

struct name_clean_state {
    char *out;
    size_t len;
    size_t depth;
};

static struct err *name_drop_part(struct name_clean_state *s, const char *name, const char *what)
{
    if (!s->depth)
        return ERR_NEW(ERR_INVALID, "%s \"%s\" leads out of the layer", what, name_text(name).s);
    while (s->len && s->out[s->len - 1] != '/')
        s->len--;
    s->len -= s->len ? 1 : 0;
    s->depth--;
    return NULL;
}

static struct err *name_add_part(struct name_clean_state *s, const char *part, size_t len, const char *name,
                                 const char *what)
{
    if (len > NAME_PART_MAX)
        return ERR_NEW(ERR_INVALID, "%s \"%s\" has a part of %zu bytes", what, name_text(name).s, len);
    if (++s->depth > NAME_DEPTH_MAX)
        return ERR_NEW(ERR_INVALID, "%s \"%s\" is nested deeper than %d", what, name_text(name).s, NAME_DEPTH_MAX);
    if (s->len)
        s->out[s->len++] = '/';
    memcpy(s->out + s->len, part, len);
    s->len += len;
    return NULL;
}

struct err *name_clean(const char *name, const char *what, char *ret)
{
    struct name_clean_state s = {.out = ret};
    if (strlen(name) > NAME_BYTES_MAX)
        return ERR_NEW(ERR_INVALID, "%s \"%s\" is too long", what, name_text(name).s);
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        bool dot = len == 1 && p[0] == '.';
        bool dotdot = len == 2 && p[0] == '.' && p[1] == '.';
        if (dotdot)
            TRY(name_drop_part(&s, name, what));
        else if (len && !dot)
            TRY(name_add_part(&s, p, len, name, what));
        p += len + (p[len] == '/' ? 1 : 0);
    }
    ret[s.len] = '\0';
    return NULL;
}
