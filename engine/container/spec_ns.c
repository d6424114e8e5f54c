/* --pid, --ipc, --uts, --network, --cgroupns, --userns. */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/container/spec_internal.h"

enum which { W_PID = 1, W_IPC = 2, W_UTS = 4, W_NETWORK = 8, W_CGROUP = 16, W_USER = 32, W_ALL = 63 };

/* Words, and prefixes that end in a colon. */
static const struct ns_word {
    const char *text;
    enum ns_mode mode;
    unsigned which;
} words[] = {
    {"", NS_DEFAULT, W_ALL},
    {"host", NS_HOST, W_ALL},
    {"private", NS_PRIVATE, W_ALL},
    {"none", NS_NONE, W_IPC | W_NETWORK},
    {"shareable", NS_SHAREABLE, W_IPC},
    {"keep-id", NS_KEEP_ID, W_USER},
    {"nomap", NS_NOMAP, W_USER},
    {"pod", NS_POD, W_ALL},
    {"auto", NS_AUTO, W_USER},
    {"container:", NS_CONTAINER, W_ALL},
    {"ns:", NS_PATH, W_ALL},
    {"keep-id:", NS_KEEP_ID, W_USER},
    {"auto:", NS_AUTO, W_USER},
};

/* The member of the spec, and its bit for the table of words. */
static struct ns_spec *find_space(struct container_spec *s, const char *name, enum which *ret_which)
{
    const struct {
        const char *name;
        enum which which;
        struct ns_spec *ns;
    } spaces[] = {
        {"pid", W_PID, &s->pid},
        {"ipc", W_IPC, &s->ipc},
        {"uts", W_UTS, &s->uts},
        {"network", W_NETWORK, &s->network},
        {"cgroupns", W_CGROUP, &s->cgroupns},
        {"userns", W_USER, &s->userns},
    };
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        if (strcmp(spaces[i].name, name) == 0) {
            *ret_which = spaces[i].which;
            return spaces[i].ns;
        }
    }
    return NULL;
}

/* "uid=1000,gid=1000" of keep-id, "size=…,uidmapping=…,gidmapping=…" of auto. */
static struct err *check_user_options(enum ns_mode mode, const char *text)
{
    static const char *const known[] = {"uid", "gid", "size", "uidmapping", "gidmapping"};
    size_t first = mode == NS_KEEP_ID ? 0 : 2, end = mode == NS_KEEP_ID ? 2 : ARRAY_LEN(known);
    AUTO_STRV struct strv options = STRV_INIT;
    TRY(strv_split(text, ',', &options));
    for (size_t i = 0; i < options.count; i++) {
        char *eq = strchr(options.items[i], '=');
        if (!eq)
            return ERR_NEW(ERR_INVALID, "invalid option specified: \"%s\"", options.items[i]);
        *eq = '\0';
        size_t k = first;
        while (k < end && strcmp(known[k], options.items[i]) != 0)
            k++;
        if (k == end)
            return ERR_NEW(ERR_INVALID, "unknown option specified: \"%s\"", options.items[i]);
        uint64_t number = 0;
        if (k <= 2)
            TRY_WRAP(number_parse_u64(eq + 1, UINT32_MAX - 1, &number), "%s", options.items[i]);
    }
    return NULL;
}

/* *ret_rest is what stands behind the colon of a prefix, else NULL. */
static const struct ns_word *find_word(const char *value, enum which which, const char **ret_rest)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct ns_word *w = &words[i];
        size_t len = strlen(w->text);
        bool prefix = len && w->text[len - 1] == ':';
        if ((w->which & which) && (prefix ? strncmp(value, w->text, len) == 0 : strcmp(value, w->text) == 0)) {
            *ret_rest = prefix ? value + len : NULL;
            return w;
        }
    }
    return NULL;
}

/* The last value counts; the empty one means the default again. */
struct err *spec_set_ns(struct container_spec *s, const char *which, const char *value)
{
    enum which w = W_PID;
    struct ns_spec *ns = find_space(s, which, &w);
    if (!ns)
        return ERR_NEW(ERR_INTERNAL, "no namespace is called %s", which);
    const char *rest = NULL;
    const struct ns_word *word = find_word(value, w, &rest);
    if (!word) {
        if (w != W_NETWORK)
            return ERR_NEW(ERR_INVALID, "unrecognized namespace mode %s passed", value);
        ns->mode = NS_PRIVATE;
        return mem_replace(&ns->arg, value);
    }
    if (rest && rest[0] == '\0' && (word->mode == NS_CONTAINER || word->mode == NS_PATH))
        return ERR_NEW(ERR_INVALID, "invalid config provided: namespace mode %s requires a value",
                       word->mode == NS_PATH ? "path" : "container");
    if (rest && (word->mode == NS_KEEP_ID || word->mode == NS_AUTO))
        TRY(check_user_options(word->mode, rest));
    ns->mode = word->mode;
    return mem_replace(&ns->arg, rest);
}
