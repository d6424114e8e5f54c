/* What a fuzz target gives to libFuzzer, or to replay_main.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Must not depend on earlier inputs. A finding is an abort, a sanitizer's report, or a hang. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Optional; once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* An expectation of a target. */
#define FUZZ_CHECK(cond)                                                                   \
    do {                                                                                   \
        if (!(cond)) {                                                                     \
            (void)fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)
