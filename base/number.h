/* Strict parsing of numbers, sizes and durations: the whole string or an error (ERR_INVALID). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Decimal digits only: no sign, no spaces. */
struct err *number_parse_u64(const char *s, uint64_t max, uint64_t *ret) ERR_RESULT;
struct err *number_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret) ERR_RESULT;
/* File modes: "755", "0755". */
struct err *number_parse_octal(const char *s, uint32_t max, uint32_t *ret) ERR_RESULT;
/* "1", "-1.5", "2e3"; no hex, "inf" or "nan". */
struct err *number_parse_double(const char *s, double *ret) ERR_RESULT;
/* Docker's RAM sizes: "512", "64m", "1.5g", "2GiB"; powers of 1024. Bytes. */
struct err *number_parse_bytes(const char *s, uint64_t *ret) ERR_RESULT;
/* Go durations "1h2m3.5s", "300ms", or bare seconds when `bare_seconds`. Nanoseconds. */
struct err *number_parse_duration(const char *s, bool bare_seconds, int64_t *ret_nsec) ERR_RESULT;

struct number_text {
    char s[48];
};
/* "7.84 MB", "1.2 kB", "12 B": decimal units, as Podman's images prints. */
struct number_text number_human_bytes(uint64_t bytes);
/* The same without the blank, as ps --size and stats print sizes: "7.84MB". */
struct number_text number_packed_bytes(uint64_t bytes);
/* Go's Duration.String(): "1m30s", "1.5s", "0s". */
struct number_text number_duration(int64_t nsec);
