/* Go's text/template, the subset that --format needs: fields, pipelines, variables, if/else, with, range, break,
 * continue, define, block, template, comments, trim markers, and the functions of Go and Podman (json, join, upper,
 * table padding …).
 *
 * Pure: no I/O. The text is hostile (it may come over the API), so everything has a limit: text, nodes, nesting, steps,
 * output. Values are JSON. Where Go tells structs from maps by type, JSON does not: an object is printed and looked up
 * as a struct ("can't evaluate field X") unless a hint names its member as a map ("<no value>"). Rows of a listing are
 * lazy: only the fields that the template asks for are made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#define TEMPLATE_TEXT_MAX ((size_t)64 << 10)
#define TEMPLATE_NODES_MAX 20000
#define TEMPLATE_DEPTH_MAX 100
#define TEMPLATE_STEPS_MAX 20000000
#define TEMPLATE_OUTPUT_MAX ((size_t)256 << 20)

struct template;

/* A member of a row. `get` makes its value. */
struct template_field {
    const char *name;
    const char *heading; /* NULL: from the name, "RunningFor" is RUNNING FOR */
    struct err *(*get)(const void *row, json_t **ret);
    /* For methods: called instead of get when there is an argument, {{.Label "x"}}. */
    struct err *(*call)(const void *row, const char *arg, json_t **ret);
};
struct template_class {
    const char *type_name;                                 /* in messages: "containers.psReporter" */
    const struct template_field *fields;                   /* an entry without a name ends them */
    struct err *(*get_all)(const void *row, json_t **ret); /* {{.}} and {{json .}}, or NULL */
};

/* What JSON alone doesn't tell about members of this name, wherever they are. */
enum template_hint {
    TEMPLATE_STRUCT,
    TEMPLATE_MAP,
    TEMPLATE_LIST,
    TEMPLATE_TIME,
    /* No more than what is there when JSON has left it out (`json`). */
    TEMPLATE_TEXT,
    TEMPLATE_NUMBER,
    TEMPLATE_FALSE
};
struct template_member {
    const char *name; /* NULL ends the table */
    enum template_hint hint;
    const char *type; /* of a struct, in messages; or NULL */
    const char
        *json;      /* its key, where JSON calls it otherwise ({{.ID}} of "id"); missing there, it is Go's zero value */
    const char *of; /* with `json`: only of structs of this type; NULL: of any */
};

/* What "." is: one JSON value, or rows of a class. */
struct template_data {
    const json_t *json;                    /* borrowed */
    const struct template_member *members; /* or NULL */
    const char *type_name;                 /* of an object at the top; NULL: interface {} */
    bool map;                              /* `json` is a list of maps, not of structs */
    const struct template_class *rows_class;
    const void *const *rows;
    size_t n_rows;
};

/* ERR_INVALID with Go's text: "template: ps:1: unexpected EOF". `name` and `text` are copied. */
struct err *template_parse(const char *name, const char *text, struct template **ret) ERR_RESULT;
void template_free(struct template *t);
void template_freep(struct template **t);
#define AUTO_TEMPLATE __attribute__((cleanup(template_freep)))
/* Appends to `out`; on an error what was made before it stays there, as in Go. */
struct err *template_execute(const struct template *t, const struct template_data *data, struct strbuf *out) ERR_RESULT;
/* Is a field of this name used anywhere? ("Size" costs something.) */
bool template_uses(const struct template *t, const char *field);
