/* Platforms: matching what is wanted with what there is. */
#pragma once

#include "engine/image/image.h"

#define AUTO_PLATFORM __attribute__((cleanup(image_platform_done)))
/* Fill in what is not said from this machine; NULL: this machine. os and arch are set afterwards. */
struct err *platform_resolve(const struct image_platform *wanted, struct image_platform *ret) ERR_RESULT;
/* 0: does not fit; the higher the better. `wanted` is resolved. */
int platform_match(const struct image_platform *wanted, const char *os, const char *arch, const char *variant);
/* The entry of an index that fits best, or ERR_NOT_FOUND with what there is. `wanted` is resolved. */
struct manifest_descriptor;
struct err *platform_choose(const struct image_platform *wanted, const struct manifest_descriptor *const *entries,
                            size_t count, const struct manifest_descriptor **ret) ERR_RESULT;
struct platform_text {
    char s[128];
};
/* "linux/arm64/v8" */
struct platform_text platform_text(const char *os, const char *arch, const char *variant);
