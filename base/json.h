/* JSON through jansson, with limits and errors that name the place. `what` in each call names the document
 * ("manifest", "config"), for messages. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

#define JSON_MAX_BYTES ((size_t)16 << 20)
#define JSON_MAX_DEPTH 512

void json_unrefp(json_t **j);
#define AUTO_JSON __attribute__((cleanup(json_unrefp)))

/* Parse an object or array; duplicate keys, NUL bytes in strings, trailing bytes and what is beyond the limits are
 * refused (ERR_INVALID). */
struct err *json_parse(const char *text, size_t len, const char *what, json_t **ret) ERR_RESULT;
/* As json_parse for a file. */
struct err *json_read(int dirfd, const char *path, const char *what, json_t **ret) ERR_RESULT;
/* Compact text, keys in the order they were added. */
struct err *json_text(const json_t *j, char **ret) ERR_RESULT;
/* Indented by `indent` spaces (Podman: 5 for inspect, 4 elsewhere), never escaping slashes. */
struct err *json_text_indented(const json_t *j, int indent, char **ret) ERR_RESULT;

/* Optional members: absent or null leaves the default; a wrong type is ERR_INVALID naming what and key. Strings are
 * borrowed from `obj`; json_get_strv replaces what *ret held. */
struct err *json_get_str(const json_t *obj, const char *key, const char *what, const char **ret) ERR_RESULT;
struct err *json_get_int(const json_t *obj, const char *key, const char *what, int64_t *ret) ERR_RESULT;
struct err *json_get_bool(const json_t *obj, const char *key, const char *what, bool *ret) ERR_RESULT;
struct err *json_get_strv(const json_t *obj, const char *key, const char *what, struct strv *ret) ERR_RESULT;
/* *ret is borrowed, NULL when absent. */
struct err *json_get_obj(const json_t *obj, const char *key, const char *what, json_t **ret) ERR_RESULT;
struct err *json_get_arr(const json_t *obj, const char *key, const char *what, json_t **ret) ERR_RESULT;

/* Building. `take_value` is consumed in every case; NULL is out of memory. Bytes of a value that are not UTF-8 become
 * U+FFFD, as in Go; a key that is not UTF-8 is ERR_INVALID. */
struct err *json_put(json_t *obj, const char *key, json_t *take_value) ERR_RESULT;
struct err *json_push(json_t *arr, json_t *take_value) ERR_RESULT;
struct err *json_put_str(json_t *obj, const char *key, const char *value) ERR_RESULT; /* NULL value: "" */
struct err *json_put_int(json_t *obj, const char *key, int64_t value) ERR_RESULT;
struct err *json_put_bool(json_t *obj, const char *key, bool value) ERR_RESULT;
struct err *json_put_strv(json_t *obj, const char *key, const struct strv *value) ERR_RESULT;
struct err *json_from_strv(const struct strv *v, json_t **ret) ERR_RESULT;
/* An object of "KEY=VALUE" entries; one without "=" has the value "". */
struct err *json_put_pairs(json_t *obj, const char *key, const struct strv *pairs) ERR_RESULT;
struct err *json_from_pairs(const struct strv *pairs, json_t **ret) ERR_RESULT;
/* The same as text, {"KEY":"VALUE"}, and back again; what is no string there has the value "". */
struct err *json_pairs_text(const struct strv *pairs, char **ret) ERR_RESULT;
struct err *json_pairs_parse(const char *text, const char *what, struct strv *ret) ERR_RESULT;
/* A list of strings as text, and back again: appended, what is no string there as "". */
struct err *json_strv_text(const struct strv *v, char **ret) ERR_RESULT;
struct err *json_strv_parse(const char *text, const char *what, struct strv *ret) ERR_RESULT;
/* A new empty object/array below `obj`, borrowed. */
struct err *json_put_obj(json_t *obj, const char *key, json_t **ret) ERR_RESULT;
struct err *json_put_arr(json_t *obj, const char *key, json_t **ret) ERR_RESULT;
struct err *json_push_str(json_t *arr, const char *value) ERR_RESULT;
struct err *json_push_obj(json_t *arr, json_t **ret) ERR_RESULT;
