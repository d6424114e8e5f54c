/* registries.conf, version 2, inside the folder. See containers-registries.conf(5). */
#pragma once

#include "base/json.h"
#include "engine/registry/registry.h"

enum short_name_mode { SHORT_NAME_ENFORCING, SHORT_NAME_PERMISSIVE, SHORT_NAME_DISABLED };
struct registry_conf {
    json_t *registries;  /* array of [[registry]] tables, checked; later ones with the same prefix replaced earlier */
    json_t *aliases;     /* object */
    json_t *alias_files; /* object: which file an alias came from */
    struct strv helpers; /* credential-helpers; none: files only */
    struct strv search;  /* unqualified-search-registries */
    enum short_name_mode mode;
    char *files; /* for messages: where the list of search registries came from, or would have */
    bool any;    /* a file was there */
};
/* The entry for "domain/path", or NULL: the longest prefix wins. *ret_len: how much of the name the prefix covers. */
const json_t *conf_entry(const struct registry_conf *c, const char *name, size_t *ret_len);
/* alias.c: short-name-aliases.conf, what the user chose when asked. Missing is fine. */
struct err *alias_load(struct registry_conf *c) ERR_RESULT;
