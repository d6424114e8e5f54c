#include "engine/trust/yaml_json.h"

#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "base/mem.h"

struct reader {
    yaml_parser_t parser;
    const char *file;
    size_t nodes;
};

static void event_done(yaml_event_t *e)
{
    yaml_event_delete(e);
}
#define AUTO_EVENT __attribute__((cleanup(event_done)))

static struct err *at(const struct reader *r, const yaml_mark_t *mark, const char *why)
{
    return ERR_NEW(ERR_INVALID, "%s:%zu: %s", r->file, mark->line + 1, why);
}

static struct err *next(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return NULL;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return err_oom();
    return at(r, &r->parser.problem_mark, r->parser.problem ? r->parser.problem : "this is not YAML");
}

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static struct err *scalar(const struct reader *r, const yaml_event_t *e, json_t **ret)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    static const char *const nothing[] = {"", "~", "null"};
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    if (e->data.scalar.anchor || e->data.scalar.tag)
        return at(r, &e->start_mark, "anchors and tags are not supported");
    if (strlen(text) != len)
        return at(r, &e->start_mark, "a NUL byte");
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && is_one_of(text, yes, ARRAY_LEN(yes)))
        *ret = json_true();
    else if (plain && is_one_of(text, no, ARRAY_LEN(no)))
        *ret = json_false();
    else if (plain && is_one_of(text, nothing, ARRAY_LEN(nothing)))
        *ret = json_null();
    else
        *ret = json_stringn(text, len);
    return *ret ? NULL : at(r, &e->start_mark, "text that is not UTF-8");
}

static struct err *node(struct reader *r, const yaml_event_t *e, int depth, json_t **ret);

static struct err *sequence(struct reader *r, int depth, json_t *list)
{
    for (;;) {
        AUTO_EVENT yaml_event_t e = {0};
        json_t *value = NULL;
        TRY(next(r, &e));
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return NULL;
        TRY(node(r, &e, depth, &value));
        TRY(json_push(list, value));
    }
}

static struct err *mapping(struct reader *r, int depth, json_t *obj)
{
    for (;;) {
        AUTO_EVENT yaml_event_t key = {0}, e = {0};
        json_t *value = NULL;
        TRY(next(r, &key));
        if (key.type == YAML_MAPPING_END_EVENT)
            return NULL;
        if (key.type != YAML_SCALAR_EVENT || key.data.scalar.anchor || key.data.scalar.tag)
            return at(r, &key.start_mark, "a key that is not a plain text");
        const char *name = (const char *)key.data.scalar.value;
        if (strlen(name) != key.data.scalar.length)
            return at(r, &key.start_mark, "a NUL byte");
        if (strcmp(name, "<<") == 0)
            return at(r, &key.start_mark, "merge keys are not supported");
        if (json_object_get(obj, name))
            return ERR_NEW(ERR_INVALID, "%s:%zu: the key \"%.200s\" is there twice", r->file, key.start_mark.line + 1,
                           name);
        TRY(next(r, &e));
        TRY(node(r, &e, depth, &value));
        TRY_WRAP(json_put(obj, name, value), "%s:%zu", r->file, key.start_mark.line + 1);
    }
}

static struct err *collection(struct reader *r, const yaml_event_t *e, int depth, json_t **ret)
{
    bool is_map = e->type == YAML_MAPPING_START_EVENT;
    const void *anchor = is_map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const void *tag = is_map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    if (anchor || tag)
        return at(r, &e->start_mark, "anchors and tags are not supported");
    if (depth >= YAML_MAX_DEPTH)
        return at(r, &e->start_mark, "nested too deep");
    AUTO_JSON json_t *made = is_map ? json_object() : json_array();
    if (!made)
        return err_oom();
    TRY(is_map ? mapping(r, depth + 1, made) : sequence(r, depth + 1, made));
    *ret = TAKE_PTR(made);
    return NULL;
}

static struct err *node(struct reader *r, const yaml_event_t *e, int depth, json_t **ret)
{
    if (++r->nodes > YAML_MAX_NODES)
        return at(r, &e->start_mark, "too many values");
    if (e->type == YAML_SCALAR_EVENT)
        return scalar(r, e, ret);
    if (e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT)
        return collection(r, e, depth, ret);
    return at(r, &e->start_mark, "aliases are not supported");
}

/* Stream start, one document, stream end. */
static struct err *stream(struct reader *r, json_t **ret)
{
    AUTO_JSON json_t *document = NULL;
    for (;;) {
        AUTO_EVENT yaml_event_t e = {0};
        TRY(next(r, &e));
        if (e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_END_EVENT)
            continue;
        if (e.type == YAML_STREAM_END_EVENT)
            break;
        if (e.type == YAML_DOCUMENT_START_EVENT) {
            if (document)
                return at(r, &e.start_mark, "several documents in one file");
            continue;
        }
        TRY(node(r, &e, 0, &document));
    }
    *ret = document ? TAKE_PTR(document) : json_null();
    return NULL;
}

struct err *yaml_json_parse(const char *text, size_t len, const char *file, json_t **ret)
{
    struct reader r = {.file = file};
    if (!yaml_parser_initialize(&r.parser))
        return err_oom();
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    struct err *e = stream(&r, ret);
    yaml_parser_delete(&r.parser);
    return e;
}
