/* Random identifiers. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define IDENT_LEN 64
struct ident {
    char s[IDENT_LEN + 1]; /* lower-case hex */
};
/* 256 random bits from getrandom(2). */
struct err *ident_random(struct ident *ret) ERR_RESULT;
/* True for 1 to 64 lower-case hex digits. */
bool ident_is_prefix(const char *s);
/* Names of containers, pods, volumes: [a-zA-Z0-9][a-zA-Z0-9_.-]*. */
bool ident_is_name(const char *s);
