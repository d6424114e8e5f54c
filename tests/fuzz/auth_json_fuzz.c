/* auth.json, or docker's config.json: credentials of a repository. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/registry/auth.h"
#include "tests/fuzz/fuzz.h"

/* The text may name credential helpers: none is found. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("PATH", "/nonexistent", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"docker.io/library/debian", "a.test/b/c", "a.test:5000/b"};
    if (size > 1u << 18)
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        AUTO_AUTH struct auth a = {0};
        struct err *e = auth_find_in((const char *)data, size, "auth.json", names[i], &a);
        FUZZ_CHECK(!e || err_text(e)[0] != '\0');
        FUZZ_CHECK(!a.password || a.user);
        err_drop(e);
    }
    return 0;
}
