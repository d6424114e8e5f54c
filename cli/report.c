/* Listings. The headings of a table are not written by hand: the template runs once over a row whose members are their
 * own headings, so "table {{.ID}}\t{{upper .Names}}" has a heading for whatever it prints. Then the rows follow, and
 * tabs become columns. */
#include "cli/report.h"

#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/tabwriter.h"

#define SHORT_ID 12 /* characters */

struct err *report_string(json_t **ret, const char *s)
{
    *ret = json_string_nocheck(s ? s : "");
    return *ret ? NULL : err_oom();
}

struct err *report_integer(json_t **ret, int64_t i)
{
    *ret = json_integer(i);
    return *ret ? NULL : err_oom();
}

struct err *report_boolean(json_t **ret, bool b)
{
    *ret = json_boolean(b); /* a constant */
    return NULL;
}

struct err *report_ago(json_t **ret, int64_t age_nsec)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_asprintf(&text, "%s ago", timefmt_human_duration(age_nsec).s));
    return report_string(ret, text);
}

struct err *report_id(json_t **ret, const char *id, bool no_trunc)
{
    size_t len = id ? strlen(id) : 0;
    *ret = json_stringn_nocheck(id ? id : "", no_trunc || len < SHORT_ID ? len : SHORT_ID);
    return *ret ? NULL : err_oom();
}

bool report_is_json(const char *format)
{
    if (!format)
        return false;
    /* ^\s*(json|{{\s*json\s*(\.)?\s*}})\s*$ */
    static const char blank[] = " \t\n\r\f\v";
    const char *s = format + strspn(format, blank);
    bool braces = strncmp(s, "{{", 2) == 0;
    if (braces)
        s += 2 + strspn(s + 2, blank);
    if (strncmp(s, "json", 4) != 0)
        return false;
    s += 4;
    if (braces) {
        s += strspn(s, blank);
        s += *s == '.';
        s += strspn(s, blank);
        if (strncmp(s, "}}", 2) != 0)
            return false;
        s += 2;
    }
    return s[strspn(s, blank)] == '\0';
}

/* The default listing is one as well. */
static bool is_table(const char *format)
{
    return !format || strncmp(format, "table ", 6) == 0;
}

/* Does the format hold its own {{range .}}? */
static bool has_range(const char *format)
{
    for (const char *s = format; (s = strstr(s, "{{")); s += 2) {
        const char *w = s + 2 + (s[2] == '-');
        w += strspn(w, " \t\n");
        if (strncmp(w, "range", 5) == 0) {
            w += 5 + strspn(w + 5, " \t\n");
            if (*w == '.' && (w[1] == '}' || w[1] == ' ' || w[1] == '-'))
                return true;
        }
    }
    return false;
}

struct err *report_normalize(const char *format, bool rows, char **ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    bool table = format && strncmp(format, "table ", 6) == 0;
    bool range = rows && (table || !has_range(format));
    if (range)
        TRY(strbuf_puts(&out, "{{range .}}"));
    for (const char *s = table ? format + 6 : format; *s; s++) {
        if (*s == '\\' && (s[1] == 't' || s[1] == 'n')) {
            s++;
            TRY(strbuf_putc(&out, *s == 't' ? '\t' : '\n'));
        } else {
            TRY(strbuf_putc(&out, table && *s == ' ' ? '\t' : *s));
        }
    }
    if (!out.len || out.data[out.len - 1] != '\n')
        TRY(strbuf_putc(&out, '\n'));
    if (range)
        TRY(strbuf_puts(&out, "{{end -}}"));
    return strbuf_take(&out, ret);
}

/* "ExitedAt" is EXITED AT, "CIDFile" CIDFILE: a blank where a capital follows a small letter. */
struct err *report_heading(const char *field, struct strbuf *out)
{
    for (const char *s = field; *s; s++) {
        bool upper = *s >= 'A' && *s <= 'Z';
        bool after_lower = s > field && s[-1] >= 'a' && s[-1] <= 'z';
        if (upper && after_lower)
            TRY(strbuf_putc(out, ' '));
        TRY(strbuf_putc(out, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s));
    }
    return NULL;
}

struct err *report_parse(const struct report *r, const char *format, struct template **ret)
{
    AUTO_FREE char *text = NULL;
    if (format) {
        TRY(report_normalize(format, true, &text));
        return template_parse(r->name, text, ret);
    }
    AUTO_STRBUF struct strbuf table = STRBUF_INIT;
    TRY(strbuf_printf(&table, "{{range .}}%s\n{{end -}}", r->table));
    return template_parse(r->name, strbuf_str(&table), ret);
}

/* The headings go through the same template, as one row that is a map from field to heading. */
static struct err *print_headings(const struct report *r, const struct template *t, struct strbuf *out)
{
    AUTO_JSON json_t *list = json_array();
    json_t *row;
    TRY(json_push_obj(list, &row));
    for (const struct template_field *f = r->class->fields; f->name; f++) {
        if (f->heading) {
            TRY(json_put_str(row, f->name, f->heading));
            continue;
        }
        AUTO_STRBUF struct strbuf heading = STRBUF_INIT;
        TRY(report_heading(f->name, &heading));
        TRY(json_put_str(row, f->name, strbuf_str(&heading)));
    }
    const struct template_data data = {.json = list, .map = true};
    return template_execute(t, &data, out);
}

struct err *report_print(struct cli *c, const struct report *r, const char *format, const struct template *t,
                         const void *const *rows, size_t n)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const struct template_data data = {.members = r->members, .rows_class = r->class, .rows = rows, .n_rows = n};
    bool table = is_table(format);
    if (table && !r->no_heading)
        TRY(print_headings(r, t, &text));
    struct err *e = template_execute(t, &data, &text);
    struct err *printed = table ? tabwriter_format(strbuf_str(&text), text.len, TABWRITER_LISTING, &c->out)
                                : strbuf_add(&c->out, strbuf_str(&text), text.len);
    if (!e)
        return printed;
    err_drop(printed);
    return e;
}

struct err *report_rows(struct cli *c, const struct report *r, const char *format, const void *const *rows, size_t n)
{
    AUTO_TEMPLATE struct template *t = NULL;
    TRY(report_parse(r, format, &t));
    return report_print(c, r, format, t, rows, n);
}

struct err *report_json(struct cli *c, const json_t *value, int indent)
{
    AUTO_FREE char *text = NULL;
    TRY(indent ? json_text_indented(value, indent, &text) : json_text(value, &text));
    TRY(strbuf_puts(&c->out, text));
    return strbuf_putc(&c->out, '\n');
}

struct err *report_all(const struct template_field *fields, const void *row, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    for (const struct template_field *f = fields; f->name; f++) {
        json_t *value;
        TRY(f->get(row, &value));
        TRY(json_put(o, f->name, value));
    }
    *ret = json_incref(o);
    return NULL;
}

struct err *report_list(struct cli *c, const struct template_class *class, const void *const *rows, size_t n,
                        int indent)
{
    AUTO_JSON json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *object;
        TRY(class->get_all(rows[i], &object));
        TRY(json_push(list, object));
    }
    return report_json(c, list, indent);
}

/* Documents (inspect, info, version): no headings, but "table" still makes columns. */
static struct err *print_data(struct cli *c, const char *name, const char *format, bool rows,
                              const struct template_data *data)
{
    AUTO_FREE char *text = NULL;
    AUTO_TEMPLATE struct template *t = NULL;
    TRY(report_normalize(format, rows, &text));
    TRY(template_parse(name, text, &t));
    if (!is_table(format))
        return template_execute(t, data, &c->out);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    TRY(template_execute(t, data, &out));
    return tabwriter_format(strbuf_str(&out), out.len, TABWRITER_LISTING, &c->out);
}

struct err *report_objects(struct cli *c, const char *name, const char *format, const json_t *list,
                           const struct template_member *members)
{
    const struct template_data data = {.json = list, .members = members};
    return print_data(c, name, format, true, &data);
}

struct err *report_object(struct cli *c, const char *name, const char *format, const json_t *object,
                          const struct template_member *members, const char *type_name)
{
    const struct template_data data = {.json = object, .members = members, .type_name = type_name};
    return print_data(c, name, format, false, &data);
}
