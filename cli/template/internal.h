/* Shared by the parts of the template engine. */
#pragma once

#include <stdint.h>

#include "cli/template/template.h"

/* --- lexer (lex.c) */
enum token_type {
    TOKEN_EOF,
    TOKEN_TEXT,
    TOKEN_LEFT,
    TOKEN_RIGHT,
    TOKEN_SPACE,
    TOKEN_FIELD,
    TOKEN_VARIABLE,
    TOKEN_IDENT,
    TOKEN_DOT,
    TOKEN_STRING,
    TOKEN_RAW,
    TOKEN_NUMBER,
    TOKEN_CHAR,
    TOKEN_PIPE,
    TOKEN_DECLARE,
    TOKEN_ASSIGN,
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_BAD
};
struct token {
    enum token_type type;
    size_t pos, len;
    unsigned line;
};
struct lexer {
    const char *text;
    size_t len, pos;
    unsigned line;
    unsigned parens;
    bool inside;         /* of an action */
    bool trim_next;      /* the text to come loses its leading space */
    const char *problem; /* behind TOKEN_BAD: what is wrong, "%s" is where */
    char detail[32];
};
void lexer_start(struct lexer *l, const char *text, size_t len);
struct token lexer_next(struct lexer *l);

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
    char *text;        /* TEXT, IDENT, name of a VARIABLE */
    size_t text_len;
    json_t *literal;                 /* LITERAL */
    const struct function *function; /* IDENT */
    struct strv names;               /* FIELD, VARIABLE, CHAIN: members; PIPE: declared variables */
    bool assign;                     /* PIPE: "=", not ":=" */
    struct node **kids; /* LIST: nodes; PIPE: commands; COMMAND: operands; CHAIN: the base; IF …: pipe, list, else */
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
};
/* json_t of a Go literal; ERR_INVALID with Go's reason. */
struct err *literal_number(const char *s, size_t len, json_t **ret) ERR_RESULT;
struct err *literal_string(const char *s, size_t len, json_t **ret) ERR_RESULT;
struct err *literal_char(const char *s, size_t len, json_t **ret) ERR_RESULT;

/* --- values (value.c) */
enum value_kind { VALUE_MISSING, VALUE_JSON, VALUE_ROW, VALUE_ROWS };
struct value {
    enum value_kind kind;
    bool map, list, time; /* hints for the JSON */
    json_t *json;         /* owned */
    const struct template_member *members;
    const char *type;
    const struct template_class *class;
    const void *row;
    const void *const *rows;
    size_t n_rows;
};
void value_done(struct value *v);
#define AUTO_VALUE __attribute__((cleanup(value_done)))
/* A value of `take_json`; NULL is out of memory. */
struct err *value_take(json_t *take_json, struct value *ret) ERR_RESULT;
struct err *value_take_string(struct strbuf *sb, struct value *ret) ERR_RESULT;
struct value value_copy(const struct value *v);
/* Member `key` of `parent` (an object) with its hints. */
struct value value_member(const struct value *parent, const char *key, json_t *member);
/* What a row is as JSON; other values stay as they are. */
struct err *value_solid(struct value *v) ERR_RESULT;
bool value_is_true(const struct value *v);
/* Go's name for its type, for messages. */
const char *value_type(const struct value *v);
/* "string", NULL when it is none. */
const char *value_string(const struct value *v);
/* fmt's %v. */
struct err *value_print(const struct value *v, struct strbuf *out) ERR_RESULT;
/* fmt's Sprint of several: spaces between two that are no strings (`line`: always, and a newline). */
struct err *value_print_all(const struct value *args, size_t n, bool line, struct strbuf *out) ERR_RESULT;
/* encoding/json without HTML escapes; maps sorted. */
struct err *value_json(const struct value *v, struct strbuf *out) ERR_RESULT;
/* Keys of an object, sorted; free the array, not the keys. */
struct err *value_keys(const json_t *object, const char ***ret, size_t *ret_n) ERR_RESULT;
/* Shortest decimal text that reads back as `d`, as Go's %v. */
struct err *value_print_double(double d, struct strbuf *out) ERR_RESULT;

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
