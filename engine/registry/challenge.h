/* WWW-Authenticate (RFC 9110, section 11.6.1), as registries send it. Pure computation on hostile text. */
#pragma once

#include "base/err.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };
struct challenge {
    enum challenge_scheme scheme;
    char *realm, *service, *scope, *error; /* or NULL */
};
void challenge_done(struct challenge *c);
#define AUTO_CHALLENGE __attribute__((cleanup(challenge_done)))
/* One header's value; an unknown scheme is CHALLENGE_NONE. ERR_INVALID. */
struct err *challenge_parse(const char *text, struct challenge *ret) ERR_RESULT;
