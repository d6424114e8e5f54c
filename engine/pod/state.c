/* What state a pod is in, and what it may share: computed alone. */
#include <string.h>

#include "base/mem.h"
#include "engine/pod/pod.h"

const char *pod_state_name(enum pod_state st)
{
    static const char *const names[] = {
        [POD_CREATED] = "Created", [POD_RUNNING] = "Running", [POD_DEGRADED] = "Degraded", [POD_PAUSED] = "Paused",
        [POD_EXITED] = "Exited",   [POD_STOPPED] = "Stopped", [POD_ERROR] = "Error",
    };
    return (size_t)st < ARRAY_LEN(names) ? names[st] : "Error";
}

/* Podman's rules (libpod/pod_status.go): one that runs decides, then what all are, then one that has stopped. */
enum pod_state pod_state_of(struct container *const *members, size_t n)
{
    size_t running = 0, paused = 0, exited = 0, created = 0;
    for (size_t i = 0; i < n; i++) {
        enum container_state st = members[i]->state;
        running += st == CT_RUNNING;
        paused += st == CT_PAUSED;
        exited += st == CT_EXITED;
        created += st == CT_CREATED || st == CT_INITIALIZED;
    }
    if (n && running == n)
        return POD_RUNNING;
    if (running)
        return POD_DEGRADED;
    if (n && paused == n)
        return POD_PAUSED;
    if (n && exited == n)
        return POD_EXITED;
    if (exited)
        return POD_STOPPED;
    return created + paused < n ? POD_ERROR : POD_CREATED;
}

/* --- --share */

static const char *const spaces[] = {"cgroup", "ipc", "net", "pid", "uts"};

static bool is_space(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        if (strcmp(spaces[i], word) == 0)
            return true;
    return false;
}

static struct err *apply_word(const char *word, struct strv *all, bool *ret_none)
{
    bool drop = word[0] == '-', more = word[0] == '+';
    const char *name = word + (drop || more);
    if (!*name || strcmp(word, "none") == 0) {
        *ret_none = true;
        return NULL;
    }
    if (!is_space(name))
        return ERR_NEW(ERR_INVALID,
                       "invalid kernel namespace to share: %s. Options are: cgroup, ipc, net, pid, uts or none", word);
    long at = strv_find(all, name);
    if (drop && at >= 0)
        strv_remove(all, (size_t)at);
    return drop || at >= 0 ? NULL : strv_add(all, name);
}

struct err *pod_parse_share(const char *value, char **ret, bool *ret_none)
{
    AUTO_STRV struct strv words = STRV_INIT, all = STRV_INIT;
    bool none = false;
    TRY(strv_split(value, ',', &words));
    if (value[0] == '+' || value[0] == '-')
        TRY(strv_split(POD_SHARE_DEFAULT, ',', &all));
    for (size_t i = 0; i < words.count; i++)
        TRY(apply_word(words.items[i], &all, &none));
    if (none)
        strv_clear(&all);
    *ret_none = all.count == 0;
    return strv_join(&all, ",", ret);
}
