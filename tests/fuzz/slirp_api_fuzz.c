/* A request of the API socket; and, as lines, a command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "slirp/api_request.h"
#include "slirp/options.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 32

static void fuzz_options(char *text)
{
    char *argv[WORDS_MAX + 1] = {text}, *save = NULL;
    struct options o;
    int argc = 1;
    for (char *w = strtok_r(text, "\n", &save); w && argc < WORDS_MAX; w = strtok_r(NULL, "\n", &save))
        argv[argc++] = w;
    struct err *e = options_parse(argc, argv, &o);
    if (!e && !o.help && !o.version) {
        struct err *bad = slirp_config_check(&o.config);
        FUZZ_CHECK(!bad);
    }
    err_drop(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_request r;
    AUTO_FREE char *copy = NULL, *answer = NULL;
    struct err *e = mem_strndup((const char *)data, size, &copy);
    FUZZ_CHECK(!e);
    e = api_request_parse((const char *)data, size, &r);
    if (!e && r.verb == API_ADD) {
        FUZZ_CHECK(r.port.host.in.sin_port && r.port.guest.in.sin_port);
        e = api_answer_list(&r.port, 1, &answer);
        FUZZ_CHECK(!e && answer);
    }
    err_drop(e);
    fuzz_options(copy);
    return 0;
}
