/* Running a parsed template, after Go's text/template/exec.go: "." and variables, lazily made rows, and errors that
 * name the place: `template: ps:1:13: executing "ps" at <.Foo>: can't evaluate field Foo in type X`. */
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "cli/template/internal.h"

#define VARIABLES_MAX 1000

struct variable {
    const char *name; /* borrowed from the node */
    struct value value;
};
enum jump { JUMP_NONE, JUMP_BREAK, JUMP_CONTINUE };
struct run {
    const struct template *t;
    const char *name; /* of the template that is at work: t's, or one that it defines */
    unsigned calls;   /* of templates within templates */
    struct strbuf *out;
    struct variable *vars;
    size_t n_vars, cap_vars;
    size_t steps;
    enum jump jump;
};

static struct err *evaluate_pipe(struct run *r, const struct value *dot, const struct node *pipe, struct value *ret);
static struct err *walk(struct run *r, const struct value *dot, const struct node *n);

/* Column of a position: bytes since the line began. */
static size_t column(const struct template *t, size_t pos)
{
    size_t start = pos;
    while (start > 0 && t->text[start - 1] != '\n')
        start--;
    return pos - start;
}

__attribute__((format(printf, 3, 4))) static struct err *fail(const struct run *r, const struct node *n,
                                                              const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (e)
        return e;
    return ERR_NEW(ERR_INVALID, "template: %s:%u:%zu: executing \"%s\" at <%.*s>: %s", r->t->name, n->line,
                   column(r->t, n->pos), r->name, (int)(n->end - n->start), r->t->text + n->start, strbuf_str(&text));
}

/* Give an error of a function or a row its place. */
static struct err *placed(const struct run *r, const struct node *n, const char *function, struct err *take_e)
{
    if (!take_e || err_kind(take_e) == ERR_NO_MEMORY)
        return take_e;
    struct err *e =
        function ? fail(r, n, "error calling %s: %s", function, err_text(take_e)) : fail(r, n, "%s", err_text(take_e));
    err_free(take_e);
    return e;
}

/* --- variables */

static struct err *push_variable(struct run *r, const char *name, const struct value *v)
{
    TRY(mem_grow(&r->vars, r->n_vars, &r->cap_vars, sizeof *r->vars, VARIABLES_MAX));
    r->vars[r->n_vars++] = (struct variable){.name = name, .value = value_copy(v)};
    return NULL;
}

static void pop_variables(struct run *r, size_t mark)
{
    while (r->n_vars > mark)
        value_done(&r->vars[--r->n_vars].value);
}

static struct variable *find_variable(struct run *r, const char *name)
{
    for (size_t i = r->n_vars; i > 0; i--)
        if (strcmp(r->vars[i - 1].name, name) == 0)
            return &r->vars[i - 1];
    return NULL;
}

static struct err *set_variable(struct run *r, const struct node *pipe, size_t index, const struct value *v)
{
    const char *name = pipe->names.items[index];
    struct variable *var = pipe->assign ? find_variable(r, name) : NULL;
    if (!var)
        return push_variable(r, name, v);
    value_done(&var->value);
    var->value = value_copy(v);
    return NULL;
}

/* --- fields */

static struct err *row_field(struct run *r, const struct node *n, const struct value *v, const char *name,
                             const struct value *arg, struct value *ret)
{
    for (const struct template_field *f = v->class->fields; f->name; f++) {
        if (strcmp(f->name, name) != 0)
            continue;
        json_t *json = NULL;
        if (arg && f->call && value_string(arg))
            TRY(placed(r, n, NULL, f->call(v->row, value_string(arg), &json)));
        else if (arg || !f->get)
            return fail(r, n, "wrong number of args for %s: want %d got %d", name, f->get ? 0 : 1, arg ? 1 : 0);
        else
            TRY(placed(r, n, NULL, f->get(v->row, &json)));
        const struct value parent = {.members = v->members};
        TRY(value_take(json, ret));
        const struct value hinted = value_member(&parent, name, json);
        value_done(ret);
        *ret = hinted;
        return NULL;
    }
    return fail(r, n, "can't evaluate field %s in type %s", name, v->class->type_name);
}

/* Of a field that JSON calls otherwise, or leaves out when it is empty; NULL: there is no such field. */
static const struct template_member *find_member(const struct value *v, const char *name)
{
    for (const struct template_member *m = v->members; m && m->name; m++)
        if (m->json && strcmp(m->name, name) == 0 && (!m->of || (v->type && strcmp(m->of, v->type) == 0)))
            return m;
    return NULL;
}

static struct err *zero_value(const struct value *v, const struct template_member *m, struct value *ret)
{
    if (m->hint == TEMPLATE_TEXT)
        return value_take(json_string(""), ret);
    if (m->hint == TEMPLATE_NUMBER)
        return value_take(json_integer(0), ret);
    *ret = value_member(v, m->name, m->hint == TEMPLATE_FALSE ? json_false() : json_null());
    return NULL;
}

/* `take_v`.name; `arg` for methods. */
static struct err *field(struct run *r, const struct node *n, const struct value *v, const char *name,
                         const struct value *arg, struct value *ret)
{
    if (v->kind == VALUE_ROW)
        return row_field(r, n, v, name, arg, ret);
    if (v->kind == VALUE_ROWS)
        return fail(r, n, "can't evaluate field %s in type []%s", name, v->class->type_name);
    if (arg && v->map && value_string(arg)) { /* the row of headings: {{.Label "x"}} is headed x */
        *ret = value_copy(arg);
        return NULL;
    }
    if (arg)
        return fail(r, n, "%s has arguments but cannot be invoked as function", name);
    if (v->kind == VALUE_MISSING || (v->kind == VALUE_JSON && json_is_null(v->json))) {
        if (v->map) {
            *ret = (struct value){.kind = VALUE_MISSING};
            return NULL;
        }
        return fail(r, n, "nil pointer evaluating %s.%s", v->type ? v->type : "interface {}", name);
    }
    if (v->kind != VALUE_JSON || !json_is_object(v->json))
        return fail(r, n, "can't evaluate field %s in type %s", name, value_type(v));
    json_t *member = json_object_get(v->json, name);
    if (!member && !v->map) {
        const struct template_member *m = find_member(v, name);
        if (!m)
            return fail(r, n, "can't evaluate field %s in type %s", name, value_type(v));
        member = json_object_get(v->json, m->json);
        if (!member)
            return zero_value(v, m, ret);
    }
    if (member)
        *ret = value_member(v, name, member);
    else
        *ret = (struct value){.kind = VALUE_MISSING};
    return NULL;
}

/* Follow `names` from `base`; the argument goes to the last. */
static struct err *follow(struct run *r, const struct node *n, const struct value *base, const struct strv *names,
                          const struct value *arg, struct value *ret)
{
    AUTO_VALUE struct value v = value_copy(base);
    for (size_t i = 0; i < names->count; i++) {
        struct value member;
        TRY(field(r, n, &v, names->items[i], i + 1 == names->count ? arg : NULL, &member));
        value_done(&v);
        v = member;
    }
    *ret = v;
    v = (struct value){0};
    return NULL;
}

/* --- expressions */

static struct err *evaluate_chain(struct run *r, const struct value *dot, const struct node *n, const struct value *arg,
                                  struct value *ret)
{
    AUTO_VALUE struct value base = {0};
    switch ((int)n->type) {
    case NODE_FIELD:
        base = value_copy(dot);
        break;
    case NODE_VARIABLE:
        base = value_copy(&find_variable(r, n->text)->value); /* the parser knows that it is in scope */
        break;
    default:
        TRY(evaluate_pipe(r, dot, n->kids[0], &base));
        break;
    }
    return follow(r, n, &base, &n->names, arg, ret);
}

static struct err *call_function(struct run *r, const struct value *dot, const struct node *command,
                                 const struct value *final, struct value *ret);

static struct err *evaluate_operand(struct run *r, const struct value *dot, const struct node *n, struct value *ret)
{
    switch ((int)n->type) {
    case NODE_DOT:
        *ret = value_copy(dot);
        return NULL;
    case NODE_NIL:
        return value_take(json_null(), ret);
    case NODE_LITERAL:
        return value_take(json_incref(n->literal), ret);
    case NODE_PIPE:
        return evaluate_pipe(r, dot, n, ret);
    case NODE_FIELD:
    case NODE_VARIABLE:
    case NODE_CHAIN:
        return evaluate_chain(r, dot, n, NULL, ret);
    default: {
        struct node *kids[1] = {(struct node *)(uintptr_t)n}; /* a function without arguments */
        const struct node alone = {.type = NODE_COMMAND,
                                   .line = n->line,
                                   .pos = n->pos,
                                   .start = n->start,
                                   .end = n->end,
                                   .kids = kids,
                                   .n_kids = 1};
        return call_function(r, dot, &alone, NULL, ret);
    }
    }
}

#define ARGS_MAX 64
struct arguments {
    struct value items[ARGS_MAX];
    size_t n;
};
static void arguments_done(struct arguments *a)
{
    for (size_t i = 0; i < a->n; i++)
        value_done(&a->items[i]);
}

/* "and" and "or": stop at the first that decides. */
static struct err *call_logic(struct run *r, const struct value *dot, const struct node *command, bool stop_at,
                              const struct value *final, struct value *ret)
{
    for (size_t i = 1; i < command->n_kids; i++) {
        AUTO_VALUE struct value v = {0};
        TRY(evaluate_operand(r, dot, command->kids[i], &v));
        if (value_is_true(&v) == stop_at || (i + 1 == command->n_kids && !final)) {
            *ret = value_copy(&v);
            return NULL;
        }
    }
    *ret = value_copy(final);
    return NULL;
}

static struct err *call_function(struct run *r, const struct value *dot, const struct node *command,
                                 const struct value *final, struct value *ret)
{
    const struct function *f = command->kids[0]->function;
    int n = (int)command->n_kids - 1 + (final ? 1 : 0);
    if (n < f->min || (f->max >= 0 && n > f->max) || n > ARGS_MAX)
        return fail(r, command->kids[0], "wrong number of args for %s: want %s%d got %d", f->name,
                    f->max < 0 ? "at least " : "", f->min, n);
    if (!f->fn)
        return call_logic(r, dot, command, f->name[0] == 'o', final, ret);
    __attribute__((cleanup(arguments_done))) struct arguments args = {.n = 0};
    for (size_t i = 1; i < command->n_kids; i++, args.n++)
        TRY(evaluate_operand(r, dot, command->kids[i], &args.items[args.n]));
    if (final)
        args.items[args.n++] = value_copy(final);
    for (size_t i = 0; i < args.n; i++)
        TRY(placed(r, command, f->name, args.items[i].kind == VALUE_ROWS ? NULL : value_solid(&args.items[i])));
    return placed(r, command, f->name, f->fn(args.items, args.n, ret));
}

/* One stage of a pipeline; `final` is the result of the one before. */
static struct err *evaluate_command(struct run *r, const struct value *dot, const struct node *n,
                                    const struct value *final, struct value *ret)
{
    const struct node *first = n->kids[0];
    if (++r->steps > TEMPLATE_STEPS_MAX)
        return fail(r, n, "too many steps");
    if (first->type == NODE_IDENT)
        return call_function(r, dot, n, final, ret);
    bool chain =
        first->type == NODE_FIELD || first->type == NODE_CHAIN || (first->type == NODE_VARIABLE && first->names.count);
    if (chain && (n->n_kids == 2 || (n->n_kids == 1 && final))) {
        AUTO_VALUE struct value arg = {0};
        if (final)
            arg = value_copy(final);
        else
            TRY(evaluate_operand(r, dot, n->kids[1], &arg));
        return evaluate_chain(r, dot, first, &arg, ret);
    }
    if (n->n_kids > 1 || final)
        return fail(r, first, "can't give argument to non-function %.*s", (int)(first->end - first->start),
                    r->t->text + first->start);
    if (first->type == NODE_NIL)
        return fail(r, first, "nil is not a command");
    return evaluate_operand(r, dot, first, ret);
}

static struct err *evaluate_pipe(struct run *r, const struct value *dot, const struct node *pipe, struct value *ret)
{
    AUTO_VALUE struct value v = {0};
    for (size_t i = 0; i < pipe->n_kids; i++) {
        struct value result = {0};
        TRY(evaluate_command(r, dot, pipe->kids[i], i ? &v : NULL, &result));
        value_done(&v);
        v = result;
    }
    if (pipe->names.count == 1)
        TRY(set_variable(r, pipe, 0, &v));
    *ret = v;
    v = (struct value){0};
    return NULL;
}

/* --- actions */

static struct err *walk_if(struct run *r, const struct value *dot, const struct node *n)
{
    AUTO_VALUE struct value v = {0};
    size_t mark = r->n_vars;
    TRY(evaluate_pipe(r, dot, n->kids[0], &v));
    struct err *e = NULL;
    if (value_is_true(&v))
        e = walk(r, n->type == NODE_WITH ? &v : dot, n->kids[1]);
    else if (n->n_kids > 2)
        e = walk(r, dot, n->kids[2]);
    pop_variables(r, mark);
    return e;
}

/* One round of a range. `key` is made from the index, or borrowed text. */
static struct err *walk_round(struct run *r, const struct node *n, size_t index, const char *key,
                              const struct value *item)
{
    const struct node *pipe = n->kids[0];
    size_t mark = r->n_vars;
    AUTO_VALUE struct value k = {0};
    if (pipe->names.count == 2) {
        TRY(value_take(key ? json_string(key) : json_integer((json_int_t)index), &k));
        TRY(set_variable(r, pipe, 0, &k));
    }
    if (pipe->names.count)
        TRY(set_variable(r, pipe, pipe->names.count - 1, item));
    TRY(walk(r, item, n->kids[1]));
    pop_variables(r, mark);
    if (r->jump == JUMP_CONTINUE)
        r->jump = JUMP_NONE;
    return ++r->steps > TEMPLATE_STEPS_MAX ? fail(r, n, "too many steps") : NULL;
}

static struct err *walk_object(struct run *r, const struct node *n, const struct value *v)
{
    AUTO_FREE const char **keys = NULL;
    size_t count;
    TRY(value_keys(v->json, &keys, &count));
    for (size_t i = 0; i < count && r->jump != JUMP_BREAK; i++) {
        AUTO_VALUE struct value item = value_member(v, keys[i], json_object_get(v->json, keys[i]));
        TRY(walk_round(r, n, i, keys[i], &item));
    }
    return NULL;
}

static struct err *walk_items(struct run *r, const struct node *n, const struct value *v)
{
    if (v->kind == VALUE_JSON && json_is_object(v->json))
        return walk_object(r, n, v);
    size_t count = v->kind == VALUE_ROWS ? v->n_rows : json_array_size(v->json);
    for (size_t i = 0; i < count && r->jump != JUMP_BREAK; i++) {
        struct value item = {.members = v->members}; /* borrowed */
        if (v->kind == VALUE_ROWS) {
            item.kind = VALUE_ROW;
            item.class = v->class;
            item.row = v->rows[i];
        } else {
            item.kind = VALUE_JSON;
            item.json = json_array_get(v->json, i);
            item.type = v->type;
            item.map = v->map;
        }
        TRY(walk_round(r, n, i, NULL, &item));
    }
    return NULL;
}

static struct err *walk_range(struct run *r, const struct value *dot, const struct node *n)
{
    AUTO_VALUE struct value v = {0};
    struct node pipe = *n->kids[0];
    size_t mark = r->n_vars;
    pipe.names = (struct strv)STRV_INIT; /* the variables are set for each round, not here */
    TRY(evaluate_pipe(r, dot, &pipe, &v));
    bool nothing = v.kind == VALUE_MISSING || (v.kind == VALUE_JSON && json_is_null(v.json));
    bool iterable = v.kind == VALUE_ROWS || (v.kind == VALUE_JSON && (json_is_array(v.json) || json_is_object(v.json)));
    if (!nothing && !iterable) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        TRY(value_print(&v, &text));
        const struct node *last = n->kids[0]->kids[n->kids[0]->n_kids - 1];
        return fail(r, last->kids[0], "range can't iterate over %s", strbuf_str(&text));
    }
    struct err *e = NULL;
    if (value_is_true(&v))
        e = walk_items(r, n, &v);
    else if (n->n_kids > 2)
        e = walk(r, dot, n->kids[2]);
    if (r->jump == JUMP_BREAK)
        r->jump = JUMP_NONE;
    pop_variables(r, mark);
    return e;
}

static struct err *walk_action(struct run *r, const struct value *dot, const struct node *n)
{
    AUTO_VALUE struct value v = {0};
    TRY(evaluate_pipe(r, dot, n->kids[0], &v));
    if (n->kids[0]->names.count)
        return NULL;
    return placed(r, n->kids[0], NULL, value_print(&v, r->out));
}

/* Another template, which sees "." as given and nothing else of this one. */
static struct err *walk_template(struct run *r, const struct value *dot, const struct node *n)
{
    AUTO_VALUE struct value v = {0};
    const struct node *definition = template_definition(r->t, n->text);
    const char *name = r->name;
    size_t mark = r->n_vars;
    if (!definition)
        return fail(r, n, "template \"%s\" not defined", n->text);
    if (r->calls >= TEMPLATE_DEPTH_MAX)
        return fail(r, n, "exceeded maximum template depth (%d)", TEMPLATE_DEPTH_MAX);
    if (n->n_kids)
        TRY(evaluate_pipe(r, dot, n->kids[0], &v));
    pop_variables(r, mark); /* what the pipeline declared */
    r->calls++;
    r->name = definition->text;
    TRY(push_variable(r, "$", &v));
    TRY(walk(r, &v, definition->kids[0]));
    pop_variables(r, mark);
    r->name = name;
    r->calls--;
    return NULL;
}

static struct err *walk(struct run *r, const struct value *dot, const struct node *n)
{
    if (++r->steps > TEMPLATE_STEPS_MAX)
        return fail(r, n, "too many steps");
    switch ((int)n->type) {
    case NODE_LIST:
        for (size_t i = 0; i < n->n_kids && r->jump == JUMP_NONE; i++)
            TRY(walk(r, dot, n->kids[i]));
        return NULL;
    case NODE_TEXT:
        return strbuf_add(r->out, n->text, n->text_len);
    case NODE_ACTION:
        return walk_action(r, dot, n);
    case NODE_IF:
    case NODE_WITH:
        return walk_if(r, dot, n);
    case NODE_RANGE:
        return walk_range(r, dot, n);
    case NODE_TEMPLATE:
        return walk_template(r, dot, n);
    default:
        r->jump = n->type == NODE_BREAK ? JUMP_BREAK : JUMP_CONTINUE;
        return NULL;
    }
}

static void run_done(struct run *r)
{
    pop_variables(r, 0);
    mem_freep(&r->vars);
}

struct err *template_execute(const struct template *t, const struct template_data *data, struct strbuf *out)
{
    /* borrowed: never freed through `dot` */
    struct value dot = {.kind = VALUE_JSON, .members = data->members, .type = data->type_name, .map = data->map};
    if (data->rows_class) {
        dot.kind = VALUE_ROWS;
        dot.class = data->rows_class;
        dot.rows = data->rows;
        dot.n_rows = data->n_rows;
    } else {
        dot.json = (json_t *)(uintptr_t)data->json;
    }
    __attribute__((cleanup(run_done))) struct run r = {.t = t, .name = t->name, .out = out};
    if (!out->max || out->max > TEMPLATE_OUTPUT_MAX)
        out->max = TEMPLATE_OUTPUT_MAX;
    TRY(push_variable(&r, "$", &dot));
    return walk(&r, &dot, t->root);
}
