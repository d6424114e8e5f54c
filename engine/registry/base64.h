/* Base64 (RFC 4648, section 4) of credentials. Pure computation. */
#pragma once

#include <stddef.h>

#include "base/err.h"

struct err *base64_encode(const char *data, size_t len, char **ret) ERR_RESULT;
/* Padding may be missing. ERR_INVALID; bytes that contain NUL are refused. */
struct err *base64_decode(const char *text, char **ret) ERR_RESULT;
/* The same for any bytes; *ret has a NUL behind its *ret_len bytes. */
struct err *base64_decode_bytes(const char *text, char **ret, size_t *ret_len) ERR_RESULT;
