/* What the files of `secret` share. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;
struct secret;

/* Podman's object of a secret, a new reference. */
struct err *secret_object(struct engine *e, const struct secret *s, json_t **ret) ERR_RESULT;
/* Names of all. */
struct err *secret_names(struct engine *e, struct strv *ret) ERR_RESULT;
