/* What a template computes with: JSON and hints about it, rows that are looked into only when asked, or nothing. */
#pragma once

#include "base/json.h"
#include "base/strbuf.h"
#include "cli/template/template.h"

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
