/* Hooks of the stage "precreate": programs that read the OCI configuration and write another one in its place
 * (oci-hooks(5), of containers/common: no stage of the OCI's own).
 *
 * They run one after the other, in the session's namespaces and with the user's rights, before the runtime sees
 * anything; the environment is their own alone. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/container/start.h"

#define HOOK_TIMEOUT_MSEC 30000
#define HOOK_TIMEOUT_MAX_SEC 86400

/* Its program, its arguments (the first is argv[0]) and its environment. */
static struct err *read_hook(const json_t *hook, struct strv *argv, struct strv *env, int *ret_msec)
{
    const char *path = json_string_value(json_object_get(hook, "path"));
    int64_t seconds = 0;
    TRY(json_get_strv(hook, "args", "hook", argv));
    TRY(json_get_strv(hook, "env", "hook", env));
    TRY(json_get_int(hook, "timeout", "hook", &seconds));
    *ret_msec = seconds > 0 && seconds <= HOOK_TIMEOUT_MAX_SEC ? (int)seconds * 1000 : HOOK_TIMEOUT_MSEC;
    return argv->count ? NULL : strv_add(argv, path);
}

static struct err *run_hook(const json_t *hook, const char *text, char **ret)
{
    AUTO_STRV struct strv argv = STRV_INIT, env = STRV_INIT;
    AUTO_FD int in = -1, out = -1;
    AUTO_PROC struct proc child = PROC_INIT;
    int timeout_msec, status;
    TRY(read_hook(hook, &argv, &env, &timeout_msec));
    TRY(fd_memory("config.json", text, strlen(text), &in));
    TRY(fd_memory("hook's config.json", "", 0, &out));
    const struct proc_fd fds[] = {{.from = in, .to = STDIN_FILENO}, {.from = out, .to = STDOUT_FILENO}};
    const struct proc_opts opts = {
        .path = json_string_value(json_object_get(hook, "path")),
        .argv = argv.items,
        .envp = env.items,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .default_signals = true,
        .parent_death_signal = SIGKILL,
    };
    TRY(proc_spawn(&opts, &child));
    TRY(proc_wait_timeout(&child, timeout_msec, &status));
    if (status != 0)
        return ERR_NEW(ERR_INVALID, "exit status %d", proc_exit_code(status));
    if (lseek(out, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "read its answer");
    return fd_read_all(out, JSON_MAX_BYTES, ret, NULL);
}

/* Something that cannot be a configuration is not handed to the runtime, whose words would be about itself. */
static struct err *check(const char *text)
{
    AUTO_JSON json_t *document = NULL;
    TRY(json_parse(text, strlen(text), "its answer", &document));
    return json_is_object(json_object_get(document, "process"))
               ? NULL
               : ERR_NEW(ERR_INVALID, "its answer is no OCI configuration");
}

struct err *start_run_precreate(struct start *s)
{
    json_t *hook;
    size_t i;
    json_array_foreach (s->precreate, i, hook) {
        AUTO_FREE char *text = NULL;
        const char *path = json_string_value(json_object_get(hook, "path"));
        TRY_WRAP(run_hook(hook, s->config_json, &text), "executing precreate hook \"%s\"", path);
        TRY_WRAP(check(text), "executing precreate hook \"%s\"", path);
        mem_freep(&s->config_json);
        s->config_json = TAKE_PTR(text);
    }
    return NULL;
}
