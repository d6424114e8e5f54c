/* Short random names: 50 bits as ten base32 letters. */
#pragma once

#include "base/err.h"

#define STORE_NAME_LEN 10
struct store_name {
    char s[STORE_NAME_LEN + 1];
};
struct err *store_name_random(struct store_name *ret) ERR_RESULT;
