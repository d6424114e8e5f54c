#include "engine/container/cdi.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/container/oci.h"

#define LIST_MAX 4096

/* --- names: SPEC.md, "kind" and "name" */

static bool is_word(const char *text, size_t len, const char *more)
{
    if (!len || !isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && (!text[i] || !strchr(more, text[i])))
            return false;
    return true;
}

/* "vendor.com/class" */
static bool is_kind(const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    if (!slash || !isalpha((unsigned char)text[0]))
        return false;
    size_t vendor = (size_t)(slash - text);
    return is_word(text, vendor, "_-.") && isalpha((unsigned char)slash[1]) &&
           is_word(slash + 1, len - vendor - 1, "_-");
}

static bool is_device(const char *text)
{
    return is_word(text, strlen(text), "_-.:");
}

bool cdi_is_name(const char *text)
{
    const char *eq = strchr(text, '=');
    return eq && is_kind(text, (size_t)(eq - text)) && is_device(eq + 1);
}

/* --- the form of a document */

static struct err *wrong(const char *file, const char *what)
{
    return ERR_NEW(ERR_INVALID, "CDI specification %s: %s", file, what);
}

static bool is_number(const json_t *value)
{
    int64_t n;
    if (!value || json_is_null(value) || json_is_integer(value))
        return true;
    if (!json_is_string(value))
        return false;
    struct err *e = number_parse_i64(json_string_value(value), INT64_MIN, INT64_MAX, &n);
    bool ok = !e;
    err_drop(e);
    return ok;
}

static bool is_text(const json_t *value)
{
    return !value || json_is_null(value) || json_is_string(value);
}

static bool is_texts(const json_t *value)
{
    if (!value || json_is_null(value))
        return true;
    if (!json_is_array(value) || json_array_size(value) > LIST_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

static bool is_path(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && text[0] == '/';
}

static struct err *check_node(const json_t *node, const char *file)
{
    static const char *const numbers[] = {"major", "minor", "fileMode", "uid", "gid"};
    const json_t *host = json_object_get(node, "hostPath");
    if (!is_path(json_object_get(node, "path")) || (host && !is_path(host)))
        return wrong(file, "a device node without an absolute path");
    if (!is_text(json_object_get(node, "permissions")) || !is_text(json_object_get(node, "type")))
        return wrong(file, "a device node's type and permissions are texts");
    const char *permissions = json_string_value(json_object_get(node, "permissions"));
    const char *type = json_string_value(json_object_get(node, "type"));
    if (permissions && strspn(permissions, "rwm") != strlen(permissions))
        return wrong(file, "permissions of a device node other than r, w and m");
    if (type && *type && strcmp(type, "b") != 0 && strcmp(type, "c") != 0 && strcmp(type, "u") != 0 &&
        strcmp(type, "p") != 0)
        return wrong(file, "a device node's type is none of b, c, u and p");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!is_number(json_object_get(node, numbers[i])))
            return wrong(file, "a device node's numbers are none");
    return NULL;
}

static struct err *check_mount(const json_t *mount, const char *file)
{
    if (!is_path(json_object_get(mount, "hostPath")) || !is_path(json_object_get(mount, "containerPath")))
        return wrong(file, "a mount without absolute paths");
    if (!is_texts(json_object_get(mount, "options")) || !is_text(json_object_get(mount, "type")))
        return wrong(file, "a mount's options are a list of texts");
    return NULL;
}

static struct err *check_hook(const json_t *hook, const char *file)
{
    const char *name = json_string_value(json_object_get(hook, "hookName"));
    if (!name || !oci_is_hook_stage(name))
        return wrong(file, "a hook without a hookName that runtimes know");
    if (!is_path(json_object_get(hook, "path")))
        return wrong(file, "a hook without an absolute path");
    if (!is_texts(json_object_get(hook, "args")) || !is_texts(json_object_get(hook, "env")))
        return wrong(file, "a hook's args and env are lists of texts");
    return is_number(json_object_get(hook, "timeout")) ? NULL : wrong(file, "a hook's timeout is no number");
}

/* Each member of the list `key` is an object that `check` lets pass. */
static struct err *check_list(const json_t *edits, const char *key, const char *file,
                              struct err *(*check)(const json_t *, const char *))
{
    const json_t *list = json_object_get(edits, key);
    if (!list || json_is_null(list))
        return NULL;
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
        return wrong(file, "a part of containerEdits that should be a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_object(json_array_get(list, i)))
            return wrong(file, "a part of containerEdits that should be an object");
        TRY(check(json_array_get(list, i), file));
    }
    return NULL;
}

static struct err *check_variables(const json_t *env, const char *file)
{
    if (!is_texts(env))
        return wrong(file, "env is a list of texts");
    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *text = json_string_value(json_array_get(env, i)), *eq = strchr(text, '=');
        if (!eq || eq == text)
            return wrong(file, "a variable that is not NAME=VALUE");
    }
    return NULL;
}

static struct err *check_groups(const json_t *groups, const char *file)
{
    if (!groups || json_is_null(groups))
        return NULL;
    if (!json_is_array(groups) || json_array_size(groups) > LIST_MAX)
        return wrong(file, "additionalGids is a list of numbers");
    for (size_t i = 0; i < json_array_size(groups); i++)
        if (!is_number(json_array_get(groups, i)) || json_is_null(json_array_get(groups, i)))
            return wrong(file, "additionalGids is a list of numbers");
    return NULL;
}

static struct err *check_edits(const json_t *edits, const char *file)
{
    if (!edits || json_is_null(edits))
        return NULL;
    if (!json_is_object(edits))
        return wrong(file, "containerEdits is no object");
    TRY(check_variables(json_object_get(edits, "env"), file));
    TRY(check_groups(json_object_get(edits, "additionalGids"), file));
    TRY(check_list(edits, "deviceNodes", file, check_node));
    TRY(check_list(edits, "mounts", file, check_mount));
    return check_list(edits, "hooks", file, check_hook);
}

static struct err *check_device(const json_t *device, const char *file)
{
    const char *name = json_string_value(json_object_get(device, "name"));
    if (!name || !is_device(name))
        return wrong(file, "a device without a name that can be one");
    return check_edits(json_object_get(device, "containerEdits"), file);
}

/* Versions up to ours differ in what may be there, not in what it means. */
static struct err *check_version(const json_t *doc, const char *file)
{
    static const char *const known[] = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                        "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
    const char *version = json_string_value(json_object_get(doc, "cdiVersion"));
    for (size_t i = 0; i < ARRAY_LEN(known) && version; i++)
        if (strcmp(known[i], *version == 'v' ? version + 1 : version) == 0)
            return NULL;
    return wrong(file, "a cdiVersion that is not known here");
}

struct err *cdi_check(const json_t *doc, const char *file)
{
    if (!json_is_object(doc))
        return wrong(file, "no object");
    const char *kind = json_string_value(json_object_get(doc, "kind"));
    const json_t *devices = json_object_get(doc, "devices");
    TRY(check_version(doc, file));
    if (!kind || !is_kind(kind, strlen(kind)))
        return wrong(file, "kind is not VENDOR/CLASS");
    if (!json_array_size(devices))
        return wrong(file, "no devices");
    TRY(check_list(doc, "devices", file, check_device));
    for (size_t i = 0; i < json_array_size(devices); i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(json_string_value(json_object_get(json_array_get(devices, i), "name")),
                       json_string_value(json_object_get(json_array_get(devices, k), "name"))) == 0)
                return wrong(file, "two devices of one name");
    return check_edits(json_object_get(doc, "containerEdits"), file);
}

bool cdi_find(const json_t *doc, const char *name, const json_t **ret_common, const json_t **ret_edits)
{
    const char *kind = json_string_value(json_object_get(doc, "kind")), *eq = strchr(name, '=');
    const json_t *devices = json_object_get(doc, "devices");
    if (!kind || !eq || strlen(kind) != (size_t)(eq - name) || strncmp(kind, name, strlen(kind)) != 0)
        return false;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *d = json_array_get(devices, i);
        if (strcmp(json_string_value(json_object_get(d, "name")), eq + 1) != 0)
            continue;
        *ret_common = json_object_get(doc, "containerEdits");
        *ret_edits = json_object_get(d, "containerEdits");
        return true;
    }
    return false;
}

int64_t cdi_number(const json_t *obj, const char *key, int64_t def)
{
    const json_t *value = key ? json_object_get(obj, key) : obj;
    int64_t n = def;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_string(value))
        err_drop(number_parse_i64(json_string_value(value), INT64_MIN, INT64_MAX, &n));
    return n;
}
