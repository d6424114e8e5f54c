/* What events_read() decides without looking anywhere: filters, and lines that monitors wrote. */
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/container/events.h"

static bool is_type(const struct event *event, const char *type)
{
    return strcmp(event->type, type) == 0;
}

/* By name, or the beginning of the id. */
static bool names(const struct event *event, const char *type, const char *value)
{
    return is_type(event, type) &&
           (strcmp(event->name, value) == 0 || (*value && strncmp(event->id, value, strlen(value)) == 0));
}

static bool match_container(const struct event *event, const char *value)
{
    return names(event, "container", value);
}

/* Events of images, and (as Docker has it) of containers made from one. */
static bool match_image(const struct event *event, const char *value)
{
    return names(event, "image", value) || (is_type(event, "container") && strcmp(event->image, value) == 0);
}

static bool match_volume(const struct event *event, const char *value)
{
    return names(event, "volume", value);
}

static bool match_network(const struct event *event, const char *value)
{
    return names(event, "network", value);
}

static bool match_pod(const struct event *event, const char *value)
{
    return names(event, "pod", value);
}

/* "die" is Docker's word. */
static bool match_event(const struct event *event, const char *value)
{
    return strcmp(event->status, strcmp(value, "die") == 0 ? "died" : value) == 0;
}

static bool match_type(const struct event *event, const char *value)
{
    return is_type(event, value);
}

static bool match_label(const struct event *event, const char *value)
{
    char key[256];
    const char *eq = strchr(value, '=');
    size_t len = eq ? (size_t)(eq - value) : strlen(value);
    if (len >= sizeof(key))
        return false;
    (void)snprintf(key, sizeof(key), "%.*s", (int)len, value);
    const char *found = json_string_value(json_object_get(event->labels, key));
    return found && (!eq || strcmp(found, eq + 1) == 0);
}

static const struct {
    const char *key;
    bool (*match)(const struct event *event, const char *value);
} kinds[] = {
    {"container", match_container}, {"event", match_event}, {"image", match_image}, {"label", match_label},
    {"network", match_network},     {"pod", match_pod},     {"type", match_type},   {"volume", match_volume},
};

/* Index of a filter's key, -1: there is no such filter. */
static int kind_of(const char *filter)
{
    size_t len = strcspn(filter, "=");
    for (size_t i = 0; filter[len] && i < ARRAY_LEN(kinds); i++)
        if (strlen(kinds[i].key) == len && strncmp(kinds[i].key, filter, len) == 0)
            return (int)i;
    return -1;
}

struct err *events_check_filters(const struct strv *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        if (kind_of(filters->items[i]) < 0)
            return ERR_NEW(ERR_INVALID, "%.*s is an invalid filter", (int)strcspn(filters->items[i], "="),
                           filters->items[i]);
    return NULL;
}

bool events_match(const struct strv *filters, const struct event *event)
{
    enum { UNUSED, MISSED, HIT } seen[ARRAY_LEN(kinds)] = {UNUSED};
    for (size_t i = 0; i < filters->count; i++) {
        int kind = kind_of(filters->items[i]);
        if (kind < 0 || seen[kind] == HIT)
            continue;
        bool hit = kinds[kind].match(event, strchr(filters->items[i], '=') + 1);
        seen[kind] = hit ? HIT : MISSED;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (seen[i] == MISSED)
            return false;
    return true;
}

/* --- reports */

static bool is_word(const char *s)
{
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static bool take_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    struct err *e = number_parse_i64(text, min, max, ret);
    bool ok = !e;
    err_drop(e);
    return ok;
}

static bool take_word(char *to, size_t cap, const char *word)
{
    if (!is_word(word) || strlen(word) >= cap)
        return false;
    (void)snprintf(to, cap, "%s", word);
    return true;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of a text; none of them is NUL. */
static bool take_hex(char *to, size_t cap, const char *hex)
{
    size_t len = strlen(hex) / 2;
    if (strlen(hex) % 2 || len >= cap)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        to[i] = (char)(high << 4 | low);
    }
    to[len] = '\0';
    return true;
}

bool events_parse_report(const char *line, size_t len, struct event_report *ret)
{
    char text[REPORT_LINE_MAX];
    struct event_report r = {0};
    char *save = NULL;
    int64_t code = 0, streak = 0;
    if (len >= sizeof(text) || memchr(line, '\0', len))
        return false;
    memcpy(text, line, len);
    text[len] = '\0';
    const char *when = strtok_r(text, " ", &save), *id = strtok_r(NULL, " ", &save);
    const char *action = strtok_r(NULL, " ", &save);
    if (!when || !id || !action || !take_number(when, 1, INT64_MAX, &r.at_nsec) || strlen(id) != 64 ||
        !ident_is_prefix(id) || !take_word(r.action, sizeof(r.action), action))
        return false;
    (void)snprintf(r.id, sizeof(r.id), "%s", id);
    for (const char *word; (word = strtok_r(NULL, " ", &save));) {
        if (strncmp(word, "exit=", 5) == 0 && take_number(word + 5, 0, 255, &code))
            r.has_exit = true;
        else if (strncmp(word, "streak=", 7) == 0 && take_number(word + 7, 0, INT32_MAX, &streak))
            r.has_streak = true;
        else if (strncmp(word, "log=", 4) == 0 && take_hex(r.log, sizeof(r.log), word + 4))
            continue;
        else if (strncmp(word, "health=", 7) != 0 || !take_word(r.health, sizeof(r.health), word + 7))
            return false;
    }
    r.exit_code = (int)code;
    r.failing_streak = (int)streak;
    *ret = r;
    return true;
}
