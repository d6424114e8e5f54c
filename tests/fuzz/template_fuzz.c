/* Formats: the input is a template, run over a document and over lazy rows as listings have them. Small data keep every
 * input quick; the step limit ends what nests ranges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/template/template.h"
#include "tests/fuzz/fuzz.h"

static const char document[] = "{\"Id\":\"abc\",\"State\":{\"Status\":\"exited\",\"Running\":false,\"Pid\":7,"
                               "\"StartedAt\":\"2024-05-01T10:00:00Z\","
                               "\"Health\":null},\"Labels\":{\"a\":\"b\",\"\\u00e9\":\"c\"},\"Mounts\":[\"/x\",\"/"
                               "y\"],\"Nothing\":null,\"Size\":1997926,"
                               "\"Ratio\":0.5,\"Empty\":[],\"Text\":\"r\\u00e9sum\\u00e9\"}";

static const struct template_member members[] = {
    {"Labels", TEMPLATE_MAP, NULL},
    {"Mounts", TEMPLATE_LIST, NULL},
    {"StartedAt", TEMPLATE_TIME, NULL},
    {"State", TEMPLATE_STRUCT, "*define.InspectContainerState"},
    {0},
};

static struct err *get_all(const void *row, json_t **ret)
{
    *ret = json_incref((json_t *)(uintptr_t)row);
    return NULL;
}

static struct err *get_id(const void *row, json_t **ret)
{
    *ret = json_incref(json_object_get((const json_t *)row, "Id"));
    return NULL;
}

static struct err *get_labels(const void *row, json_t **ret)
{
    *ret = json_incref(json_object_get((const json_t *)row, "Labels"));
    return NULL;
}

static struct err *call_label(const void *row, const char *name, json_t **ret)
{
    (void)row;
    *ret = json_string_nocheck(name);
    return *ret ? NULL : err_oom();
}

static const struct template_field fields[] = {
    {"Id", NULL, get_id, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Label", NULL, NULL, call_label},
    {0},
};
static const struct template_class class = {.type_name = "row", .fields = fields, .get_all = get_all};

/* An error has a text, whatever it says. */
static void check(struct err *e)
{
    FUZZ_CHECK(!e || err_text(e)[0]);
    err_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *json = NULL;
    AUTO_TEMPLATE struct template *t = NULL;
    check(mem_strndup((const char *)data, size, &text));
    struct err *e = template_parse("fuzz", text, &t);
    if (e) {
        check(e);
        return 0;
    }
    check(json_parse(document, sizeof document - 1, "document", &json));
    const void *const rows[] = {json, json};
    const struct template_data inputs[] = {
        {.json = json, .members = members, .type_name = "document"},
        {.members = members, .rows_class = &class, .rows = rows, .n_rows = 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        AUTO_STRBUF struct strbuf out = {.max = (size_t)1 << 20};
        check(template_execute(t, &inputs[i], &out));
    }
    (void)template_uses(t, "Labels");
    return 0;
}
