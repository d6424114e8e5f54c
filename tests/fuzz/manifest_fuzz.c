/* Documents of images: manifest, index, config, the manifest.json of an archive, artifacts, lists of others. The first
 * byte says which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/listdoc.h"
#include "engine/image/manifest.h"
#include "tests/fuzz/fuzz.h"

static void parse_manifest(const char *text, size_t len)
{
    AUTO_MANIFEST struct manifest m = {0};
    struct err *e = manifest_parse(text, len, NULL, &m);
    if (e) {
        FUZZ_CHECK(err_text(e)[0] != '\0');
        err_free(e);
        return;
    }
    for (size_t i = 0; i < m.count; i++)
        FUZZ_CHECK(m.entries[i].digest && m.entries[i].size_bytes <= MANIFEST_BLOB_MAX_BYTES);
}

static void parse_config(const char *text, size_t len)
{
    struct manifest_config c = {0};
    struct err *e = manifest_config_parse(text, len, &c);
    if (!e)
        manifest_config_done(&c);
    err_drop(e);
}

static void parse_archive(const char *text, size_t len)
{
    struct manifest_archive a = {0};
    struct err *e = manifest_archive_parse(text, len, &a);
    if (!e)
        manifest_archive_done(&a);
    err_drop(e);
}

static void parse_artifact(const char *text, size_t len)
{
    AUTO_MANIFEST struct manifest m = {0};
    struct err *e = manifest_parse_artifact(text, len, &m);
    FUZZ_CHECK(e || m.config.digest);
    err_drop(e);
}

/* A list that came in goes out again in both forms, and is a list. */
static void import_list(const char *text, size_t len)
{
    AUTO_JSON json_t *doc = NULL;
    struct err *e = listdoc_import(text, len, NULL, "docker://x/y", &doc);
    for (int docker = 0; docker < 2 && !e; docker++) {
        AUTO_MANIFEST struct manifest m = {0};
        char *built = NULL;
        e = listdoc_build(doc, docker, &built);
        FUZZ_CHECK(!e);
        e = manifest_parse(built, strlen(built), NULL, &m);
        FUZZ_CHECK(!e && m.kind == MANIFEST_INDEX);
        free(built);
    }
    err_drop(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1u << 20)
        return 0;
    const char *text = (const char *)data + 1;
    switch (data[0]) {
    case 'c':
        parse_config(text, size - 1);
        break;
    case 'r':
        parse_artifact(text, size - 1);
        break;
    case 'l':
        import_list(text, size - 1);
        break;
    case 'a':
        parse_archive(text, size - 1);
        break;
    default:
        parse_manifest(text, size - 1);
        break;
    }
    return 0;
}
