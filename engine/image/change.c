#include "engine/image/change.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* A JSON list of strings, or NULL when it isn't one. */
static struct err *parse_list(const char *text, json_t **ret)
{
    *ret = NULL;
    if (text[0] != '[')
        return NULL;
    json_t *list = NULL;
    struct err *e = json_parse(text, strlen(text), "list", &list);
    if (e && err_kind(e) == ERR_NO_MEMORY)
        return e;
    err_drop(e);
    bool good = json_is_array(list);
    for (size_t i = 0; i < json_array_size(list) && good; i++)
        good = json_is_string(json_array_get(list, i));
    if (good)
        *ret = list;
    else
        json_unrefp(&list);
    return NULL;
}

/* Split into words as Containerfiles do: quotes group, a backslash takes the next character. ERR_INVALID at an open
 * quote. */
static struct err *split_words(const char *text, struct strv *ret)
{
    AUTO_STRBUF struct strbuf word = STRBUF_INIT;
    bool in_word = false;
    char quote = 0;
    for (const char *p = text; *p; p++) {
        if (quote ? *p == quote : (*p == '"' || *p == '\'')) {
            quote = quote ? 0 : *p;
            in_word = true;
        } else if (*p == '\\' && p[1] && quote != '\'') {
            TRY(strbuf_putc(&word, *++p));
            in_word = true;
        } else if (!quote && isspace((unsigned char)*p)) {
            if (in_word)
                TRY(strv_add(ret, strbuf_str(&word)));
            strbuf_truncate(&word, 0);
            in_word = false;
        } else {
            TRY(strbuf_putc(&word, *p));
            in_word = true;
        }
    }
    if (quote)
        return ERR_NEW(ERR_INVALID, "a quote is not closed: %.100s", text);
    return in_word ? strv_add(ret, strbuf_str(&word)) : NULL;
}

/* "KEY=VALUE ..." or, as of old, "KEY VALUE with spaces". */
static struct err *parse_pairs(const char *text, struct strv *ret)
{
    AUTO_STRV struct strv words = STRV_INIT;
    TRY(split_words(text, &words));
    bool pairs = words.count > 0;
    for (size_t i = 0; i < words.count && pairs; i++)
        pairs = strchr(words.items[i], '=') && words.items[i][0] != '=';
    if (pairs)
        return strv_add_all(ret, words.items);
    size_t key = strcspn(text, " \t=");
    if (key == 0 || !text[key])
        return ERR_NEW(ERR_INVALID, "'%.100s' has not the form KEY=VALUE", text);
    const char *value = text + key + 1;
    return strv_addf(ret, "%.*s=%s", (int)key, text, value + strspn(value, " \t"));
}

static struct err *set_command(json_t *settings, const char *key, const char *text)
{
    json_t *list;
    TRY(parse_list(text, &list));
    if (list)
        return json_put(settings, key, list);
    TRY(json_put_arr(settings, key, &list));
    TRY(json_push_str(list, "/bin/sh"));
    TRY(json_push_str(list, "-c"));
    return json_push_str(list, text);
}

static struct err *set_text(json_t *settings, const char *key, const char *text)
{
    return json_put_str(settings, key, text);
}

static struct err *set_workdir(json_t *settings, const char *key, const char *text)
{
    const char *old = NULL;
    AUTO_FREE char *joined = NULL, *clean = NULL;
    TRY(json_get_str(settings, key, "config", &old));
    if (text[0] == '/')
        TRY(mem_strdup(text, &joined));
    else
        TRY(path_join(&joined, old && old[0] ? old : "/", text));
    TRY(path_clean(joined, &clean));
    return json_put_str(settings, key, clean);
}

static struct err *add_env(json_t *settings, const char *key, const char *text)
{
    AUTO_STRV struct strv env = STRV_INIT, pairs = STRV_INIT;
    TRY(parse_pairs(text, &pairs));
    TRY(json_get_strv(settings, key, "config", &env));
    for (size_t i = 0; i < pairs.count; i++)
        TRY(strv_env_set(&env, pairs.items[i]));
    return json_put_strv(settings, key, &env);
}

/* The object member `key`, made when missing. */
static struct err *get_set(json_t *settings, const char *key, json_t **ret)
{
    *ret = NULL;
    TRY(json_get_obj(settings, key, "config", ret));
    return *ret ? NULL : json_put_obj(settings, key, ret);
}

static struct err *add_label(json_t *settings, const char *key, const char *text)
{
    AUTO_STRV struct strv pairs = STRV_INIT;
    json_t *labels;
    TRY(parse_pairs(text, &pairs));
    TRY(get_set(settings, key, &labels));
    for (size_t i = 0; i < pairs.count; i++) {
        char *eq = strchr(pairs.items[i], '=');
        *eq = '\0';
        TRY(json_put_str(labels, pairs.items[i], eq + 1));
    }
    return NULL;
}

/* "80", "80/udp", "80-90/tcp": ranges stay ranges, as Podman writes them. */
static struct err *add_port(json_t *settings, const char *key, const char *word)
{
    const char *slash = strchr(word, '/');
    AUTO_FREE char *numbers = NULL, *name = NULL;
    AUTO_STRV struct strv ends = STRV_INIT;
    json_t *set;
    TRY(mem_strndup(word, slash ? (size_t)(slash - word) : strlen(word), &numbers));
    TRY(strv_split(numbers, '-', &ends));
    uint64_t first = 0, last = 0;
    bool good = ends.count <= 2 &&
                (!slash || strcmp(slash, "/tcp") == 0 || strcmp(slash, "/udp") == 0 || strcmp(slash, "/sctp") == 0);
    if (good) {
        AUTO_ERR struct err *e = number_parse_u64(ends.items[0], 65535, &first);
        if (!e)
            e = number_parse_u64(ends.items[ends.count - 1], 65535, &last);
        good = !e && first > 0 && last >= first;
    }
    if (!good)
        return ERR_NEW(ERR_INVALID, "'%.50s' is no port: it has the form PORT[-PORT][/tcp|udp|sctp]", word);
    TRY(mem_asprintf(&name, "%s%s", numbers, slash ? slash : "/tcp"));
    TRY(get_set(settings, key, &set));
    return json_put(set, name, json_object());
}

static struct err *add_ports(json_t *settings, const char *key, const char *text)
{
    AUTO_STRV struct strv words = STRV_INIT;
    TRY(split_words(text, &words));
    for (size_t i = 0; i < words.count; i++)
        TRY(add_port(settings, key, words.items[i]));
    return NULL;
}

static struct err *add_volumes(json_t *settings, const char *key, const char *text)
{
    AUTO_JSON json_t *list = NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    json_t *set;
    TRY(parse_list(text, &list));
    TRY(get_set(settings, key, &set));
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(strv_add(&words, json_string_value(json_array_get(list, i))));
    if (!list)
        TRY(split_words(text, &words));
    for (size_t i = 0; i < words.count; i++)
        TRY(json_put(set, words.items[i], json_object()));
    return NULL;
}

static struct err *add_onbuild(json_t *settings, const char *key, const char *text)
{
    AUTO_STRV struct strv steps = STRV_INIT;
    if (strncasecmp(text, "ONBUILD", 7) == 0 || strncasecmp(text, "FROM", 4) == 0)
        return ERR_NEW(ERR_INVALID, "ONBUILD cannot hold '%.50s'", text);
    TRY(json_get_strv(settings, key, "config", &steps));
    TRY(strv_add(&steps, text));
    return json_put_strv(settings, key, &steps);
}

static const struct {
    const char *name, *key;
    struct err *(*apply)(json_t *settings, const char *key, const char *text);
} instructions[] = {
    {"CMD", "Cmd", set_command},
    {"ENTRYPOINT", "Entrypoint", set_command},
    {"ENV", "Env", add_env},
    {"EXPOSE", "ExposedPorts", add_ports},
    {"LABEL", "Labels", add_label},
    {"ONBUILD", "OnBuild", add_onbuild},
    {"STOPSIGNAL", "StopSignal", set_text},
    {"USER", "User", set_text},
    {"VOLUME", "Volumes", add_volumes},
    {"WORKDIR", "WorkingDir", set_workdir},
};

struct err *change_apply(json_t *settings, const char *instruction)
{
    const char *start = instruction + strspn(instruction, " \t");
    size_t len = strcspn(start, " \t=");
    const char *text = start + len + (start[len] ? 1 : 0);
    text += strspn(text, " \t");
    for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
        if (strlen(instructions[i].name) != len || strncasecmp(instructions[i].name, start, len) != 0)
            continue;
        if (!text[0])
            return ERR_NEW(ERR_INVALID, "change '%.100s': it says nothing", instruction);
        return ERR_WRAP(instructions[i].apply(settings, instructions[i].key, text), "change '%.100s'", instruction);
    }
    return ERR_NEW(ERR_INVALID, "invalid change \"%.100s\" - invalid instruction %.*s", instruction,
                   (int)(len < 100 ? len : 100), start);
}
