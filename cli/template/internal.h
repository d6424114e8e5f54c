/* Shared by the parts of the template engine: syntax trees and the table of functions. */
#pragma once

#include <stdint.h>

#include "cli/template/lex.h"
#include "cli/template/template.h"
#include "cli/template/value.h"

/* --- nodes (parse.c) */
enum node_type {
    NODE_LIST,
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_RANGE,
    NODE_WITH,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_TEMPLATE,
    NODE_DEFINE,
    NODE_PIPE,
    NODE_COMMAND,
    NODE_DOT,
    NODE_NIL,
    NODE_LITERAL,
    NODE_FIELD,
    NODE_VARIABLE,
    NODE_IDENT,
    NODE_CHAIN
};
struct function;
struct node {
    enum node_type type;
    unsigned line;
    size_t pos;        /* where errors point to */
    size_t start, end; /* in the source */
    char *text;        /* TEXT, IDENT, name of a VARIABLE, a TEMPLATE, a DEFINE */
    size_t text_len;
    json_t *literal;                 /* LITERAL */
    const struct function *function; /* IDENT */
    struct strv names;               /* FIELD, VARIABLE, CHAIN: members; PIPE: declared variables */
    bool assign;                     /* PIPE: "=", not ":=" */
    struct node **kids; /* LIST: nodes; PIPE: commands; COMMAND: operands; CHAIN: the base; IF …: pipe, list, else;
                           TEMPLATE: a pipe or nothing; DEFINE: list */
    size_t n_kids, cap_kids;
    struct node *next; /* all nodes of a template, for freeing */
};
struct template
{
    char *name, *text;
    size_t len;
    struct node *root;
    struct node *all;
    size_t n_nodes;
    struct node **definitions; /* DEFINEs, by name */
    size_t n_definitions, cap_definitions;
};
/* A list with nothing in it but white space. */
bool node_is_blank(const struct node *list);
/* NULL: there is none. */
const struct node *template_definition(const struct template *t, const char *name);
/* json_t of a Go literal; ERR_INVALID with Go's reason. */
struct err *literal_number(const char *s, size_t len, json_t **ret) ERR_RESULT;
struct err *literal_string(const char *s, size_t len, json_t **ret) ERR_RESULT;
struct err *literal_char(const char *s, size_t len, json_t **ret) ERR_RESULT;

/* --- functions (functions.c, compare.c, format.c) */
typedef struct err *(*function_fn)(struct value *args, size_t n, struct value *ret);
struct function {
    const char *name;
    int min, max;   /* arguments; max -1: any number */
    function_fn fn; /* NULL: "and", "or", which evaluate as far as needed */
};
const struct function *function_find(const char *name, size_t len);
struct err *fn_eq(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_ne(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_lt(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_le(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_gt(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_ge(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_printf(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_html(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_js(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_urlquery(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_upper(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_lower(struct value *args, size_t n, struct value *ret) ERR_RESULT;
struct err *fn_title(struct value *args, size_t n, struct value *ret) ERR_RESULT;
