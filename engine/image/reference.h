/* Image references: "[domain/]path[:tag][@digest]". Pure computation.
 *
 * The grammar is that of the distribution project (https://pkg.go.dev/github.com/distribution/reference); short names
 * are completed as Podman does: "localhost/NAME" for what is named or looked up here, "docker.io/library/NAME" for what
 * Docker means.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

struct reference {
    char *domain; /* "docker.io", "localhost", "[::1]:5000"; NULL in a short name */
    char *path;   /* "library/debian" */
    char *tag;    /* or NULL */
    char *digest; /* "sha256:…", or NULL */
};

void reference_done(struct reference *r);
#define AUTO_REFERENCE __attribute__((cleanup(reference_done)))
/* By the grammar alone; "docker://" in front is taken off. What is wrong is named (ERR_INVALID). 64 hex digits are not
 * a name: they would hide an image id. */
struct err *reference_parse(const char *text, struct reference *ret) ERR_RESULT;
/* The full name that a user's words give a new image: short names are in localhost/, without tag and digest ":latest"
 * is added; "docker.io/debian" is "docker.io/library/debian". */
struct err *reference_normalize(const char *text, char **ret) ERR_RESULT;
/* The same for what gets the name: ERR_INVALID when it has a digest. */
struct err *reference_normalize_new(const char *text, char **ret) ERR_RESULT;
/* The same with what Docker means by short names: they are in docker.io. */
struct err *reference_normalize_docker(const char *text, char **ret) ERR_RESULT;
/* Full names that `text` may mean, best first: as given; of short names localhost/… and docker.io/…. */
struct err *reference_candidates(const char *text, struct strv *ret) ERR_RESULT;
/* "domain/path" of a full name, without tag and digest. */
struct err *reference_repository(const char *full_name, char **ret) ERR_RESULT;
/* Length of the repository part of a full name. */
size_t reference_repository_len(const char *full_name);
