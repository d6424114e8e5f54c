/* Subordinate ids: which ranges of uids and gids a user may map (subuid(5), subgid(5)).
 *
 * subid_text.c parses, without I/O. subid.c asks libsubid, which knows files and NSS; libsubid drags in a dozen
 * libraries, so it is loaded by one short-lived mode of coracle-session (--print-ranges) and by nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct subid_span {
    uint32_t start;
    uint32_t count;
};
/* In the order in which the source lists them, which is the order they get mapped in. */
struct subid_set {
    struct subid_span *spans; /* owned */
    size_t count;
};
#define SUBID_SPANS_MAX 4096

void subid_set_done(struct subid_set *s);
#define AUTO_SUBID __attribute__((cleanup(subid_set_done)))
/* Spans that are empty or go beyond the last id (4294967294) are ERR_INVALID. */
struct err *subid_set_add(struct subid_set *s, uint64_t start, uint64_t count) ERR_RESULT;
bool subid_set_meets(const struct subid_set *s, uint32_t start, uint32_t count);

/* The lines "owner:start:count" of /etc/subuid that belong to `name` (NULL: unknown) or `uid`; with `everyone` all
 * lines. Comments and malformed lines are skipped, as shadow does. */
struct subid_owner {
    const char *name;
    uid_t uid;
    bool everyone;
};
struct err *subid_parse_file(const char *text, const struct subid_owner *owner, struct subid_set *ret) ERR_RESULT;

struct subid_ranges {
    struct subid_set uids, gids;
    char source[16]; /* "libsubid" or "files" */
};
void subid_ranges_done(struct subid_ranges *r);
#define AUTO_SUBID_RANGES __attribute__((cleanup(subid_ranges_done)))
/* What --print-ranges prints and its callers parse: "source WORD", "uid START COUNT", "gid START COUNT", "end". */
struct err *subid_ranges_text(const struct subid_ranges *r, char **ret) ERR_RESULT;
struct err *subid_ranges_parse(const char *text, struct subid_ranges *ret) ERR_RESULT;
/* Straight from /etc/subuid and /etc/subgid; a missing file is an empty one. */
struct err *subid_read_files(const struct subid_owner *owner, struct subid_ranges *ret) ERR_RESULT;

/* subid.c, in coracle-session alone: through libsubid (files or NSS), else from the files. May wait for NSS. */
struct err *subid_lookup(const struct subid_owner *owner, struct subid_ranges *ret) ERR_RESULT;
