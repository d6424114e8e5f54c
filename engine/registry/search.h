/* Search: Docker's version 1 search where a registry has it, else its catalog. Runs coracle-registry; needs no session.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/registry/registry.h"

struct search_result {
    char *index, *name; /* registry; "registry/path" */
    char *description, *tag;
    int64_t stars;
    bool official, automated;
};
struct search_results {
    struct search_result *items;
    size_t count, cap;
};
void search_results_done(struct search_results *r);
#define AUTO_SEARCH_RESULTS __attribute__((cleanup(search_results_done)))

struct search_opts {
    const struct registry_opts *registry;
    uint64_t limit; /* per registry; 0: 25 */
    bool list_tags;
    bool no_trunc;           /* descriptions are cut after 44 bytes otherwise */
    int official, automated; /* filters: -1: any, 0, 1 */
    int64_t stars;           /* at least */
};
/* `term`: "registry/…", or what to look for in all registries of short names. Registries that fail are left out, as
 * long as another one has something. */
struct err *registry_search(const struct registry_conf *c, const char *term, const struct search_opts *opts,
                            struct search_results *ret) ERR_RESULT;
/* The answer of the version 1 search, for `registry`. */
struct err *search_parse(const char *text, size_t len, const char *registry, const struct search_opts *opts,
                         struct search_results *ret) ERR_RESULT;
