/* Completion walks the words as the parser does, but forgives everything: a half-typed line is wrong by nature. */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/verbs.h"
#include "engine/container/container.h"
#include "engine/container/pod_row.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/storage/storage.h"
#include "engine/volume/volume.h"

/* --- place */

static const struct cli_flag *find_flag(const struct complete_place *p, const char *name, size_t len, char letter)
{
    const struct cli_flag *tables[] = {p->verb ? p->verb->flags : NULL, p->verb ? p->verb->more_flags : NULL,
                                       cli_global_flags};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        const struct cli_flag *f = name ? cli_flag_find(tables[i], name, len) : cli_flag_find_letter(tables[i], letter);
        if (f)
            return f;
    }
    return NULL;
}

static bool is_global(const struct cli_flag *flag)
{
    for (const struct cli_flag *f = cli_global_flags; f->name; f++)
        if (f == flag)
            return true;
    return false;
}

/* --root and its kin decide where containers and images are looked for. */
static void apply_global(struct cli *c, const struct cli_flag *f, const char *value)
{
    if (f && is_global(f))
        err_drop(cli_flag_apply(f, &c->globals, value));
}

static void pass_flag(struct cli *c, struct complete_place *p, const char *word)
{
    const char *equals = strchr(word, '=');
    if (word[1] == '-') {
        size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        const struct cli_flag *f = find_flag(p, word + 2, len, 0);
        if (f && equals)
            apply_global(c, f, equals + 1);
        else if (f && !cli_flag_is_bool(f))
            p->flag = f;
        return;
    }
    for (const char *s = word + 1; *s; s++) {
        const struct cli_flag *f = find_flag(p, NULL, 0, *s);
        if (f && !cli_flag_is_bool(f)) {
            if (!s[1])
                p->flag = f;
            return;
        }
    }
}

static void pass_word(struct complete_place *p, const char *word)
{
    if (!p->group) {
        p->n_args++;
        p->ended |= p->verb->traits & CLI_ARGS_LAST;
        return;
    }
    char path[sizeof p->path];
    int len = snprintf(path, sizeof path, "%s%s%s", p->path, *p->path ? " " : "", word);
    const struct cli_verb *v = len > 0 && (size_t)len < sizeof path ? cli_verb_find(path, (size_t)len, NULL) : NULL;
    if (!v) {
        p->unknown = true;
        return;
    }
    memcpy(p->path, path, sizeof path);
    p->verb = v;
    p->group = v->traits & CLI_GROUP;
}

void complete_place(struct cli *c, char *const *words, size_t n, struct complete_place *ret)
{
    *ret = (struct complete_place){.group = true};
    for (size_t i = 0; i < n && !ret->unknown; i++) {
        const char *word = words[i];
        if (ret->flag) {
            apply_global(c, ret->flag, word);
            ret->flag = NULL;
        } else if (ret->ended || word[0] != '-' || !word[1]) {
            pass_word(ret, word);
        } else if (strcmp(word, "--") == 0) {
            ret->ended = true;
        } else {
            pass_flag(c, ret, word);
        }
    }
}

/* --- candidates */

struct completion {
    struct cli *c;
    const char *word;   /* what the candidates start with */
    const char *before; /* put in front of each: "--flag=" */
    size_t before_len;
    struct strbuf *out;
};

static struct err *add(const struct completion *k, const char *candidate, const char *description)
{
    if (strncmp(candidate, k->word, strlen(k->word)) != 0)
        return NULL;
    TRY(strbuf_printf(k->out, "%.*s%s", (int)k->before_len, k->before, candidate));
    if (description && *description)
        TRY(strbuf_printf(k->out, "\t%.*s", (int)strcspn(description, "\n"), description));
    return strbuf_putc(k->out, '\n');
}

/* Short ids, for who has begun one. */
static struct err *add_id(const struct completion *k, const char *id, const char *description)
{
    char text[13];
    (void)snprintf(text, sizeof text, "%.12s", id);
    return strlen(k->word) >= 2 ? add(k, text, description) : NULL;
}

static struct err *add_containers(const struct completion *k, bool running)
{
    const struct container_list_opts opts = {.all = !running};
    struct container **list;
    size_t count;
    TRY(container_list(k->c->engine, &opts, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++) {
        e = add(k, list[i]->name, list[i]->image_name);
        if (!e)
            e = add_id(k, list[i]->id, list[i]->name);
    }
    container_list_free(list, count);
    return e;
}

/* Whole names, and the short ones that docker.io and localhost allow. */
static struct err *add_image_name(const struct completion *k, const char *name)
{
    static const char *const prefixes[] = {"docker.io/library/", "docker.io/", "localhost/"};
    TRY(add(k, name, NULL));
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return add(k, name + strlen(prefixes[i]), NULL);
    return NULL;
}

static struct err *add_images(const struct completion *k)
{
    struct image **list;
    size_t count;
    TRY(image_list(k->c->engine, &(const struct image_list_opts){.all = true}, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++) {
        for (size_t n = 0; n < list[i]->names.count && !e; n++)
            e = add_image_name(k, list[i]->names.items[n]);
        if (!e)
            e = add_id(k, list[i]->id, NULL);
    }
    image_list_free(list, count);
    return e;
}

static struct err *add_volumes(const struct completion *k)
{
    struct volume **list;
    size_t count;
    TRY(volume_list(k->c->engine, &(const struct strv)STRV_INIT, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = add(k, list[i]->name, NULL);
    volume_list_free(list, count);
    return e;
}

static struct err *add_networks(const struct completion *k)
{
    struct network **list;
    size_t count;
    TRY(network_list(k->c->engine, &(const struct strv)STRV_INIT, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = add(k, list[i]->name, NULL);
    network_list_free(list, count);
    return e;
}

static struct err *add_pods(const struct completion *k)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(pod_row_ids(k->c->engine, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        AUTO_POD_ROW struct pod_row p = {0};
        TRY(pod_row_find(k->c->engine, ids.items[i], &p));
        TRY(add(k, p.name, NULL));
        TRY(add_id(k, p.id, p.name));
    }
    return NULL;
}

/* What is in the store; a host without a session has nothing to offer, which is no error here. */
static struct err *add_objects(const struct completion *k, enum cli_complete what)
{
    struct engine *e;
    k->c->only_existing = true;
    struct err *err = cli_engine(k->c, &e);
    if (!err && (what == CLI_COMPLETE_CONTAINER || what == CLI_COMPLETE_RUNNING || what == CLI_COMPLETE_OBJECT))
        err = add_containers(k, what == CLI_COMPLETE_RUNNING);
    if (!err && (what == CLI_COMPLETE_IMAGE || what == CLI_COMPLETE_OBJECT))
        err = add_images(k);
    if (!err && (what == CLI_COMPLETE_VOLUME || what == CLI_COMPLETE_OBJECT))
        err = add_volumes(k);
    if (!err && (what == CLI_COMPLETE_NETWORK || what == CLI_COMPLETE_NETWORK_NAME))
        err = add_networks(k);
    if (!err && what == CLI_COMPLETE_POD)
        err = add_pods(k);
    err_drop(err);
    return NULL;
}

static struct err *add_verb(const struct cli_verb *v, const char *path, void *arg)
{
    const struct completion *k = arg;
    const char *space = strrchr(path, ' ');
    return v->traits & CLI_HIDDEN ? NULL : add(k, space ? space + 1 : path, v->summary);
}

static struct err *add_words(const struct completion *k, const char *const *words)
{
    for (; *words; words++)
        TRY(add(k, *words, NULL));
    return NULL;
}

static struct err *add_kind(const struct completion *k, enum cli_complete what)
{
    static const char *const networks[] = {"none", "host", "private", "slirp4netns", "container:", "ns:", NULL};
    switch (what) {
    case CLI_COMPLETE_NONE:
        return NULL;
    case CLI_COMPLETE_FILE:
        return strbuf_puts(k->out, ":file\n");
    case CLI_COMPLETE_DIR:
        return strbuf_puts(k->out, ":dir\n");
    case CLI_COMPLETE_VERB: {
        struct completion copy = *k;
        return cli_verb_each_below("", add_verb, &copy);
    }
    case CLI_COMPLETE_NETWORK:
        TRY(add_words(k, networks));
        return add_objects(k, what);
    case CLI_COMPLETE_DRIVER:
        return add_words(k, storage_drivers());
    case CLI_COMPLETE_VOLUME:
        TRY(add_objects(k, what));
        return strchr(k->word, '/') ? strbuf_puts(k->out, ":file\n") : NULL;
    case CLI_COMPLETE_CONTAINER:
    case CLI_COMPLETE_RUNNING:
    case CLI_COMPLETE_IMAGE:
    case CLI_COMPLETE_OBJECT:
    case CLI_COMPLETE_NETWORK_NAME:
    case CLI_COMPLETE_NETWORK_THEN_CONTAINER:
    case CLI_COMPLETE_POD:
        break;
    }
    return add_objects(k, what);
}

static struct err *add_value(const struct completion *k, const struct cli_flag *f)
{
    if (!f->choices)
        return add_kind(k, f->complete);
    AUTO_STRV struct strv choices = STRV_INIT;
    TRY(strv_split(f->choices, '|', &choices));
    for (size_t i = 0; i < choices.count; i++)
        TRY(add(k, choices.items[i], NULL));
    return NULL;
}

static struct err *add_flags(const struct completion *k, const struct cli_flag *table)
{
    for (const struct cli_flag *f = table; f && f->name; f++) {
        char name[64];
        if (f->hidden || f->missing)
            continue;
        (void)snprintf(name, sizeof name, "--%s", f->name);
        TRY(add(k, name, f->help));
    }
    return NULL;
}

struct err *complete_word(struct cli *c, const struct complete_place *place, const char *word, struct strbuf *out)
{
    struct completion k = {.c = c, .word = word, .before = "", .out = out};
    if (place->unknown)
        return NULL;
    if (place->flag)
        return add_value(&k, place->flag);
    const char *equals = strncmp(word, "--", 2) == 0 && !place->ended ? strchr(word, '=') : NULL;
    if (equals) {
        const struct cli_flag *f = find_flag(place, word + 2, (size_t)(equals - word - 2), 0);
        k.before = word;
        k.before_len = (size_t)(equals + 1 - word);
        k.word = equals + 1;
        return f ? add_value(&k, f) : NULL;
    }
    if (*word == '-' && !place->ended) {
        TRY(add_flags(&k, place->verb ? place->verb->flags : NULL));
        TRY(add_flags(&k, place->verb ? place->verb->more_flags : NULL));
        if (!place->verb || place->group)
            TRY(add_flags(&k, cli_global_flags));
        return add(&k, "--help", "Help for this command");
    }
    if (place->group)
        return cli_verb_each_below(place->path, add_verb, &k);
    if (place->verb->complete_args && place->n_args >= (size_t)place->verb->complete_args)
        return NULL;
    enum cli_complete what = place->verb->complete;
    if (what == CLI_COMPLETE_NETWORK_THEN_CONTAINER)
        what = place->n_args ? CLI_COMPLETE_CONTAINER : CLI_COMPLETE_NETWORK_NAME;
    return add_kind(&k, what);
}
