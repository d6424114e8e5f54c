/* From tokens to nodes, after Go's text/template/parse: same grammar, same messages. Nodes belong to the template's
 * list of all nodes, so that a parse that fails half-way frees them in one place. */
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "cli/template/internal.h"

struct parser {
    struct template *t;
    struct lexer lexer;
    struct token tokens[4]; /* looked at and put back */
    size_t n_back;
    struct token last;
    struct strv vars; /* in scope, "$" first */
    unsigned depth, range_depth;
};

__attribute__((format(printf, 2, 3), returns_nonnull)) static struct err *fail(const struct parser *p, const char *fmt,
                                                                               ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (e)
        return e;
    return ERR_NEW(ERR_INVALID, "template: %s:%u: %s", p->t->name, p->last.line, strbuf_str(&text));
}

/* --- tokens */

static struct token next(struct parser *p)
{
    if (p->n_back)
        p->last = p->tokens[--p->n_back];
    else
        p->last = lexer_next(&p->lexer);
    return p->last;
}

static void back(struct parser *p, struct token t)
{
    p->tokens[p->n_back++] = t;
}

static struct token next_solid(struct parser *p)
{
    struct token t = next(p);
    while (t.type == TOKEN_SPACE)
        t = next(p);
    return t;
}

static struct token peek_solid(struct parser *p)
{
    struct token t = next_solid(p);
    back(p, t);
    return t;
}

static bool is_word(const struct parser *p, struct token t, const char *word)
{
    return t.type == TOKEN_IDENT && strlen(word) == t.len && memcmp(p->t->text + t.pos, word, t.len) == 0;
}

static bool is_keyword(const struct parser *p, struct token t)
{
    static const char *const words[] = {"block", "break", "continue", "define",   "else",
                                        "end",   "if",    "range",    "template", "with"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (is_word(p, t, words[i]))
            return true;
    return false;
}

/* "unexpected X in CONTEXT", with Go's ways to show a token. */
static struct err *unexpected(const struct parser *p, struct token t, const char *context)
{
    const char *text = p->t->text + t.pos;
    if (t.type == TOKEN_BAD) {
        AUTO_STRBUF struct strbuf why = STRBUF_INIT;
        for (const char *s = p->lexer.problem; *s; s++) {
            if (s[0] == '%' && s[1] == 's') {
                TRY(strbuf_puts(&why, p->lexer.detail));
                s++;
            } else {
                TRY(strbuf_putc(&why, *s));
            }
        }
        return fail(p, "%s", strbuf_str(&why));
    }
    if (t.type == TOKEN_EOF)
        return fail(p, "unexpected EOF");
    if (is_keyword(p, t))
        return fail(p, "unexpected <%.*s> in %s", (int)t.len, text, context);
    AUTO_STRBUF struct strbuf quoted = STRBUF_INIT;
    TRY(strbuf_put_json(&quoted, text, t.len > 10 ? 10 : t.len));
    return fail(p, "unexpected %s%s in %s", strbuf_str(&quoted), t.len > 10 ? "..." : "", context);
}

/* --- nodes */

static struct err *node_new(struct parser *p, enum node_type type, struct token t, struct node **ret)
{
    if (++p->t->n_nodes > TEMPLATE_NODES_MAX)
        return fail(p, "template is too large");
    struct node *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_oom();
    n->type = type;
    n->line = t.line;
    n->pos = n->start = t.pos;
    n->end = t.pos + t.len;
    n->next = p->t->all;
    p->t->all = n;
    *ret = n;
    return NULL;
}

static struct err *add_kid(struct node *n, struct node *kid)
{
    TRY(mem_grow(&n->kids, n->n_kids, &n->cap_kids, sizeof *n->kids, TEMPLATE_NODES_MAX));
    n->kids[n->n_kids++] = kid;
    if (kid && kid->end > n->end)
        n->end = kid->end;
    return NULL;
}

static struct err *add_name(struct node *n, const char *text, size_t len)
{
    char *copy;
    TRY(mem_strndup(text, len, &copy));
    return strv_take(&n->names, copy);
}

static struct err *parse_pipeline(struct parser *p, const char *context, enum token_type end, struct node **ret);
static struct err *parse_list(struct parser *p, struct node **ret_list, struct token *ret_end);

/* --- operands */

static struct err *parse_literal(struct parser *p, struct token t, struct node **ret)
{
    const char *s = p->t->text + t.pos;
    struct err *e;
    TRY(node_new(p, NODE_LITERAL, t, ret));
    if (t.type == TOKEN_NUMBER)
        e = literal_number(s, t.len, &(*ret)->literal);
    else if (t.type == TOKEN_CHAR)
        e = literal_char(s, t.len, &(*ret)->literal);
    else if (t.type == TOKEN_RAW)
        e = ((*ret)->literal = json_stringn_nocheck(s + 1, t.len - 2)) ? NULL : err_oom();
    else
        e = literal_string(s, t.len, &(*ret)->literal);
    if (!e)
        return NULL;
    struct err *placed = fail(p, "%s", err_text(e));
    err_free(e);
    return placed;
}

static struct err *parse_word(struct parser *p, struct token t, struct node **ret)
{
    const char *s = p->t->text + t.pos;
    if (is_word(p, t, "true") || is_word(p, t, "false")) {
        TRY(node_new(p, NODE_LITERAL, t, ret));
        (*ret)->literal = json_boolean(*s == 't');
        return NULL;
    }
    if (is_word(p, t, "nil"))
        return node_new(p, NODE_NIL, t, ret);
    const struct function *f = function_find(s, t.len);
    if (!f)
        return fail(p, "function \"%.*s\" not defined", (int)t.len, s);
    TRY(node_new(p, NODE_IDENT, t, ret));
    (*ret)->function = f;
    return mem_strndup(s, t.len, &(*ret)->text);
}

static struct err *parse_variable(struct parser *p, struct token t, struct node **ret)
{
    TRY(node_new(p, NODE_VARIABLE, t, ret));
    TRY(mem_strndup(p->t->text + t.pos, t.len, &(*ret)->text));
    if (!strv_contains(&p->vars, (*ret)->text))
        return fail(p, "undefined variable \"%s\"", (*ret)->text);
    return NULL;
}

/* A term without the fields behind it; *ret is NULL when the token starts none (it is put back). */
static struct err *parse_term(struct parser *p, struct node **ret)
{
    struct token t = next_solid(p);
    *ret = NULL;
    switch ((int)t.type) {
    case TOKEN_IDENT:
        if (is_keyword(p, t))
            break;
        return parse_word(p, t, ret);
    case TOKEN_DOT:
        return node_new(p, NODE_DOT, t, ret);
    case TOKEN_FIELD:
        TRY(node_new(p, NODE_FIELD, t, ret));
        return add_name(*ret, p->t->text + t.pos + 1, t.len - 1);
    case TOKEN_VARIABLE:
        return parse_variable(p, t, ret);
    case TOKEN_NUMBER:
    case TOKEN_CHAR:
    case TOKEN_STRING:
    case TOKEN_RAW:
        return parse_literal(p, t, ret);
    case TOKEN_OPEN:
        if (++p->depth > TEMPLATE_DEPTH_MAX)
            return fail(p, "max expression depth exceeded");
        TRY(parse_pipeline(p, "parenthesized pipeline", TOKEN_CLOSE, ret));
        p->depth--;
        (*ret)->start = t.pos;
        (*ret)->end = p->last.pos + p->last.len;
        return NULL;
    default:
        break;
    }
    back(p, t);
    return NULL;
}

/* A term and the fields right behind it. */
static struct err *parse_operand(struct parser *p, struct node **ret)
{
    TRY(parse_term(p, ret));
    if (!*ret)
        return NULL;
    struct token t = next(p);
    if (t.type != TOKEN_FIELD) {
        back(p, t);
        return NULL;
    }
    struct node *base = *ret;
    if (base->type == NODE_LITERAL || base->type == NODE_NIL || base->type == NODE_DOT) {
        AUTO_FREE char *text = NULL;
        TRY(mem_strndup(p->t->text + base->start, base->end - base->start, &text));
        return fail(p, "unexpected . after term \"%s\"", text);
    }
    if (base->type != NODE_FIELD && base->type != NODE_VARIABLE) {
        TRY(node_new(p, NODE_CHAIN, t, ret));
        (*ret)->start = base->start;
        TRY(add_kid(*ret, base));
    }
    (*ret)->pos = t.pos; /* Go points at the first field that was chained */
    for (; t.type == TOKEN_FIELD; t = next(p)) {
        TRY(add_name(*ret, p->t->text + t.pos + 1, t.len - 1));
        (*ret)->end = t.pos + t.len;
    }
    back(p, t);
    return NULL;
}

/* --- pipelines */

static struct err *parse_command(struct parser *p, struct node **ret)
{
    TRY(node_new(p, NODE_COMMAND, peek_solid(p), ret));
    (*ret)->end = (*ret)->start;
    for (;;) {
        struct node *operand;
        TRY(parse_operand(p, &operand));
        if (operand)
            TRY(add_kid(*ret, operand));
        struct token t = next(p);
        if (t.type == TOKEN_SPACE && operand)
            continue;
        if (t.type == TOKEN_SPACE)
            t = next_solid(p);
        if (t.type == TOKEN_RIGHT || t.type == TOKEN_CLOSE || t.type == TOKEN_PIPE)
            back(p, t);
        else
            return unexpected(p, t, "operand");
        break;
    }
    return (*ret)->n_kids ? NULL : fail(p, "empty command");
}

/* "$x :=", "$x =", and in range "$i, $e :=". The tokens are put back when it is none of them. */
static struct err *parse_declaration(struct parser *p, struct node *pipe, const char *context)
{
    for (size_t i = 0; i < 2; i++) {
        struct token v = next_solid(p);
        if (v.type != TOKEN_VARIABLE) {
            back(p, v);
            return i ? unexpected(p, v, "range") : NULL;
        }
        struct token after = next(p);
        struct token sign = after.type == TOKEN_SPACE ? next_solid(p) : after;
        bool declares = sign.type == TOKEN_DECLARE || sign.type == TOKEN_ASSIGN;
        bool comma = sign.type == TOKEN_COMMA && strcmp(context, "range") == 0 && i == 0;
        if (!declares && !comma) {
            back(p, sign);
            if (after.type == TOKEN_SPACE)
                back(p, after);
            back(p, v);
            return i ? fail(p, "range can only initialize variables") : NULL;
        }
        TRY(add_name(pipe, p->t->text + v.pos, v.len));
        pipe->assign = sign.type == TOKEN_ASSIGN;
        if (pipe->assign && !strv_contains(&p->vars, pipe->names.items[i]))
            return fail(p, "undefined variable \"%s\"", pipe->names.items[i]);
        if (declares)
            break;
    }
    for (size_t i = 0; i < pipe->names.count && !pipe->assign; i++)
        TRY(strv_add(&p->vars, pipe->names.items[i]));
    return NULL;
}

static struct err *check_pipeline(const struct parser *p, const struct node *pipe, const char *context)
{
    if (!pipe->n_kids)
        return fail(p, "missing value for %s", context);
    for (size_t i = 1; i < pipe->n_kids; i++) {
        enum node_type type = pipe->kids[i]->kids[0]->type;
        if (type == NODE_LITERAL || type == NODE_DOT || type == NODE_NIL)
            return fail(p, "non executable command in pipeline stage %zu", i + 1);
    }
    return NULL;
}

static struct err *parse_pipeline(struct parser *p, const char *context, enum token_type end, struct node **ret)
{
    struct node *pipe = NULL;
    TRY(node_new(p, NODE_PIPE, peek_solid(p), &pipe));
    pipe->end = pipe->start;
    TRY(parse_declaration(p, pipe, context));
    for (;;) {
        struct token t = next_solid(p);
        if (t.type == TOKEN_PIPE && pipe->n_kids)
            t = next_solid(p);
        if (t.type == end) { /* Go lets "{{.ID | }}" pass */
            TRY(check_pipeline(p, pipe, context));
            *ret = pipe;
            return NULL;
        }
        bool starts = (t.type == TOKEN_IDENT && !is_keyword(p, t)) || t.type == TOKEN_DOT || t.type == TOKEN_FIELD ||
                      t.type == TOKEN_VARIABLE || t.type == TOKEN_NUMBER || t.type == TOKEN_CHAR ||
                      t.type == TOKEN_STRING || t.type == TOKEN_RAW || t.type == TOKEN_OPEN;
        if (!starts)
            return unexpected(p, t, context);
        back(p, t);
        struct node *command = NULL;
        TRY(parse_command(p, &command));
        TRY(add_kid(pipe, command));
    }
}

/* --- actions */

static struct err *parse_control(struct parser *p, struct token word, enum node_type type, const char *context,
                                 struct node **ret)
{
    struct node *n = NULL, *kid = NULL;
    size_t n_vars = p->vars.count;
    if (++p->depth > TEMPLATE_DEPTH_MAX)
        return fail(p, "max nesting depth exceeded");
    TRY(node_new(p, type, word, &n));
    TRY(parse_pipeline(p, context, TOKEN_RIGHT, &kid));
    TRY(add_kid(n, kid));
    p->range_depth += type == NODE_RANGE;
    struct token end;
    TRY(parse_list(p, &kid, &end));
    p->range_depth -= type == NODE_RANGE;
    TRY(add_kid(n, kid));
    if (is_word(p, end, "else")) {
        struct token t = peek_solid(p);
        if (type == NODE_IF && is_word(p, t, "if")) {
            struct node *list = NULL;
            t = next_solid(p);
            TRY(node_new(p, NODE_LIST, t, &list));
            TRY(parse_control(p, t, NODE_IF, "if", &kid)); /* takes the {{end}} of both */
            TRY(add_kid(list, kid));
            TRY(add_kid(n, list));
        } else {
            t = next_solid(p);
            if (t.type != TOKEN_RIGHT)
                return unexpected(p, t, "else");
            TRY(parse_list(p, &kid, &end));
            TRY(add_kid(n, kid));
            if (!is_word(p, end, "end"))
                return fail(p, "expected end; found {{else}}");
        }
    }
    while (p->vars.count > n_vars)
        strv_remove(&p->vars, p->vars.count - 1);
    p->depth--;
    *ret = n;
    return NULL;
}

static struct err *parse_jump(struct parser *p, struct token word, enum node_type type, struct node **ret)
{
    const char *name = type == NODE_BREAK ? "break" : "continue";
    if (!p->range_depth)
        return fail(p, "{{%s}} outside {{range}}", name);
    struct token t = next_solid(p);
    if (t.type != TOKEN_RIGHT)
        return unexpected(p, t, type == NODE_BREAK ? "{{break}}" : "{{continue}}");
    return node_new(p, type, word, ret);
}

/* --- named templates */

/* The name, a literal of its own: *ret_n is a node of `type` that has it. */
static struct err *parse_name(struct parser *p, struct token word, enum node_type type, const char *context,
                              struct node **ret_n)
{
    AUTO_JSON json_t *name = NULL;
    struct token t = next_solid(p);
    if (t.type != TOKEN_STRING && t.type != TOKEN_RAW)
        return unexpected(p, t, context);
    TRY_WRAP(literal_string(p->t->text + t.pos, t.len, &name), "template: %s:%u", p->t->name, p->last.line);
    TRY(node_new(p, type, word, ret_n));
    (*ret_n)->pos = t.pos;
    return mem_strdup(json_string_value(name), &(*ret_n)->text);
}

/* What is behind the name of {{template}} and {{block}}: nothing, or what "." is in there. */
static struct err *parse_dot(struct parser *p, struct node *call, const char *context)
{
    struct node *pipe = NULL;
    struct token t = next_solid(p);
    if (t.type == TOKEN_RIGHT)
        return NULL;
    back(p, t);
    TRY(parse_pipeline(p, context, TOKEN_RIGHT, &pipe));
    return add_kid(call, pipe);
}

static struct err *parse_call(struct parser *p, struct token word, const char *context, struct node **ret)
{
    TRY(parse_name(p, word, NODE_TEMPLATE, context, ret));
    TRY(parse_dot(p, *ret, context));
    while (strncmp(p->t->text + (*ret)->start, "{{", 2) != 0) /* messages show the whole action */
        (*ret)->start--;
    (*ret)->end = p->last.pos + p->last.len;
    return NULL;
}

/* One that is empty makes room for another, as in Go. */
static struct err *add_definition(struct parser *p, struct node *definition)
{
    struct template *t = p->t;
    for (size_t i = 0; i < t->n_definitions; i++) {
        if (strcmp(t->definitions[i]->text, definition->text) != 0)
            continue;
        if (node_is_blank(definition->kids[0]))
            return NULL;
        if (!node_is_blank(t->definitions[i]->kids[0]))
            return fail(p, "multiple definition of template \"%s\"", definition->text);
        t->definitions[i] = definition;
        return NULL;
    }
    TRY(mem_grow(&t->definitions, t->n_definitions, &t->cap_definitions, sizeof(struct node *), TEMPLATE_NODES_MAX));
    t->definitions[t->n_definitions++] = definition;
    return NULL;
}

/* Up to its {{end}}; of variables it sees "$" alone. */
static struct err *parse_body(struct parser *p, struct node *definition)
{
    struct node *list = NULL;
    struct token end;
    struct strv outer = p->vars;
    unsigned range_depth = p->range_depth;
    p->vars = (struct strv)STRV_INIT;
    p->range_depth = 0;
    struct err *e = ++p->depth > TEMPLATE_DEPTH_MAX ? fail(p, "max nesting depth exceeded") : strv_add(&p->vars, "$");
    if (!e)
        e = parse_list(p, &list, &end);
    strv_done(&p->vars);
    p->vars = outer;
    p->range_depth = range_depth;
    p->depth--;
    TRY(e);
    if (!is_word(p, end, "end"))
        return fail(p, "unexpected {{else}} in define clause");
    TRY(add_kid(definition, list));
    return add_definition(p, definition);
}

/* Behind "{{", at the top alone. */
static struct err *parse_definition(struct parser *p)
{
    struct node *definition = NULL;
    TRY(parse_name(p, next_solid(p), NODE_DEFINE, "define clause", &definition));
    struct token t = next_solid(p);
    if (t.type != TOKEN_RIGHT)
        return unexpected(p, t, "define clause");
    return parse_body(p, definition);
}

/* {{block "x" .}}…{{end}} defines x where it is called. */
static struct err *parse_block(struct parser *p, struct token word, struct node **ret)
{
    struct node *definition = NULL;
    TRY(parse_call(p, word, "block clause", ret));
    TRY(node_new(p, NODE_DEFINE, word, &definition));
    TRY(mem_strdup((*ret)->text, &definition->text));
    return parse_body(p, definition);
}

/* Behind "{{". *ret is NULL for {{else}} and {{end}}, whose word goes to *ret_end. */
static struct err *parse_action(struct parser *p, struct node **ret, struct token *ret_end)
{
    struct token t = next_solid(p);
    *ret = NULL;
    if (is_word(p, t, "if"))
        return parse_control(p, t, NODE_IF, "if", ret);
    if (is_word(p, t, "range"))
        return parse_control(p, t, NODE_RANGE, "range", ret);
    if (is_word(p, t, "with"))
        return parse_control(p, t, NODE_WITH, "with", ret);
    if (is_word(p, t, "break"))
        return parse_jump(p, t, NODE_BREAK, ret);
    if (is_word(p, t, "continue"))
        return parse_jump(p, t, NODE_CONTINUE, ret);
    if (is_word(p, t, "end") || is_word(p, t, "else")) {
        *ret_end = t;
        if (is_word(p, t, "else"))
            return NULL;
        struct token right = next_solid(p);
        return right.type == TOKEN_RIGHT ? NULL : unexpected(p, right, "end");
    }
    if (is_word(p, t, "template"))
        return parse_call(p, t, "template clause", ret);
    if (is_word(p, t, "block"))
        return parse_block(p, t, ret);
    back(p, t);
    struct node *pipe = NULL;
    TRY(node_new(p, NODE_ACTION, t, ret));
    TRY(parse_pipeline(p, "command", TOKEN_RIGHT, &pipe));
    return add_kid(*ret, pipe);
}

/* Up to {{else}} or {{end}} (then *ret_end is that word), or at the top level to the end (ret_end NULL). */
static struct err *parse_list(struct parser *p, struct node **ret_list, struct token *ret_end)
{
    TRY(node_new(p, NODE_LIST, p->last, ret_list));
    for (;;) {
        struct token t = next(p);
        struct node *n = NULL;
        if (t.type == TOKEN_EOF && !ret_end)
            return NULL;
        if (t.type == TOKEN_TEXT) {
            TRY(node_new(p, NODE_TEXT, t, &n));
            TRY(mem_strndup(p->t->text + t.pos, t.len, &n->text));
            n->text_len = t.len;
        } else if (t.type == TOKEN_LEFT && !ret_end && is_word(p, peek_solid(p), "define")) {
            TRY(parse_definition(p));
            continue;
        } else if (t.type == TOKEN_LEFT) {
            struct token end = {.type = TOKEN_EOF};
            TRY(parse_action(p, &n, &end));
            if (!n && !ret_end)
                return fail(p, "unexpected {{%.*s}}", (int)end.len, p->t->text + end.pos);
            if (!n) {
                *ret_end = end;
                return NULL;
            }
        } else {
            return unexpected(p, t, "input");
        }
        TRY(add_kid(*ret_list, n));
    }
}

/* --- the template */

static void parser_done(struct parser *p)
{
    strv_done(&p->vars);
}

struct err *template_parse(const char *name, const char *text, struct template **ret)
{
    AUTO_TEMPLATE struct template *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_oom();
    TRY(mem_strdup(name, &t->name));
    t->len = strlen(text);
    if (t->len > TEMPLATE_TEXT_MAX)
        return ERR_NEW(ERR_INVALID, "template: %s: longer than %zu bytes", name, TEMPLATE_TEXT_MAX);
    TRY(mem_strdup(text, &t->text));
    __attribute__((cleanup(parser_done))) struct parser p = {.t = t, .last = {.line = 1}};
    TRY(strv_add(&p.vars, "$"));
    lexer_start(&p.lexer, t->text, t->len);
    TRY(parse_list(&p, &t->root, NULL));
    *ret = TAKE_PTR(t);
    return NULL;
}
