/* registries.conf, and TOML by way of it: what was understood is then asked for names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/registry/conf.h"
#include "engine/registry/toml.h"
#include "tests/fuzz/fuzz.h"

static void ask(const struct registry_conf *c)
{
    static const char *const names[] = {"docker.io/library/debian", "a.test/b/c", "x.a.test/b", "a.test:5000/b"};
    static const char *const shorts[] = {"debian", "b/c", "a"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t covered = 0;
        const json_t *entry = conf_entry(c, names[i], &covered);
        FUZZ_CHECK(covered <= strlen(names[i]));
        FUZZ_CHECK(!entry || json_is_object(entry));
    }
    for (size_t i = 0; i < ARRAY_LEN(shorts); i++) {
        AUTO_SHORT_NAME struct short_name found = {0};
        struct err *e = registry_conf_short_name(c, shorts[i], false, &found);
        FUZZ_CHECK(e || found.names.count > 0);
        err_drop(e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_REGISTRY_CONF struct registry_conf *c = NULL;
    AUTO_JSON json_t *table = NULL;
    if (size > 1u << 18)
        return 0;
    struct err *e = toml_parse((const char *)data, size, "fuzz.toml", &table);
    bool good = !e;
    FUZZ_CHECK(!e || err_text(e)[0] != '\0');
    FUZZ_CHECK(!good || json_is_object(table));
    err_drop(e);
    e = registry_conf_add(&c, (const char *)data, size, "registries.conf");
    FUZZ_CHECK(e || good);
    if (!e)
        ask(c);
    err_drop(e);
    return 0;
}
