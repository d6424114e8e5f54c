/* Listings: from rows and a --format to text, as Podman's report package does it.
 *
 * A format is "json" (or {{json .}}), "table …" (columns with headings), any other template (one line per row), or
 * the verb's own table. */
#pragma once

#include "cli/cli.h"
#include "cli/template/template.h"

struct report {
    const char *name; /* of the verb, in messages: "ps" */
    const struct template_class *class;
    const struct template_member *members;
    const char *table; /* default: "{{.ID}}\t{{.Image}}" */
    bool no_heading;
};

/* A text member of a row; NULL is "". */
struct err *report_string(json_t **ret, const char *s) ERR_RESULT;
struct err *report_integer(json_t **ret, int64_t i) ERR_RESULT;
struct err *report_boolean(json_t **ret, bool b) ERR_RESULT;
/* "2 hours ago" */
struct err *report_ago(json_t **ret, int64_t age_nsec) ERR_RESULT;
/* An id, of which twelve characters are shown unless --no-trunc was given; NULL is "". */
struct err *report_id(json_t **ret, const char *id, bool no_trunc) ERR_RESULT;

/* An object of these fields, each of which has a `get`: get_all of classes whose JSON has the names of their fields. */
struct err *report_all(const struct template_field *fields, const void *row, json_t **ret) ERR_RESULT;

/* "json", "{{json .}}" and the like. NULL is none. */
bool report_is_json(const char *format);
/* Parse `format`, or the default table when it is NULL. */
struct err *report_parse(const struct report *r, const char *format, struct template **ret) ERR_RESULT;
/* Print rows through what report_parse gave. */
struct err *report_print(struct cli *c, const struct report *r, const char *format, const struct template *t,
                         const void *const *rows, size_t n) ERR_RESULT;
/* Both. */
struct err *report_rows(struct cli *c, const struct report *r, const char *format, const void *const *rows,
                        size_t n) ERR_RESULT;
/* Rows as a list of what the class's get_all makes of them, for such a format; `indent` as for report_json(). */
struct err *report_list(struct cli *c, const struct template_class *class, const void *const *rows, size_t n,
                        int indent) ERR_RESULT;
/* One JSON value as text: with so many blanks for each level, or on one line (0). */
struct err *report_json(struct cli *c, const json_t *value, int indent) ERR_RESULT;
/* A list of JSON objects through `format`, one line each. */
struct err *report_objects(struct cli *c, const char *name, const char *format, const json_t *list,
                           const struct template_member *members) ERR_RESULT;
/* One JSON object through `format`. */
struct err *report_object(struct cli *c, const char *name, const char *format, const json_t *object,
                          const struct template_member *members, const char *type_name) ERR_RESULT;
/* "{{range .}}…{{end -}}" around a user's format, with \t and \n replaced; "table " turns blanks into tabs. */
struct err *report_normalize(const char *format, bool rows, char **ret) ERR_RESULT;
/* RUNNING FOR from RunningFor. */
struct err *report_heading(const char *field, struct strbuf *out) ERR_RESULT;
