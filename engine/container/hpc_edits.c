#include "engine/container/hpc_edits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/container/start.h"
#include "engine/engine.h"

#define HOOK_TIMEOUT_MAX_SEC 3600
#define HOOK_TIMEOUT_SEC 30

/* What starts of containers compute, of a container that is none. */
struct hpc_edits {
    struct container c;
    struct start s;
};

static bool is_run(const char *stage)
{
    return strcmp(stage, "prestart") == 0 || strcmp(stage, "createRuntime") == 0 ||
           strcmp(stage, "createContainer") == 0;
}

/* A node that is found where the host has it needs nothing: /dev is the host's. */
static bool is_there(const struct oci_mount *m)
{
    return strcmp(m->source, m->target) == 0 && path_is_below(m->target, "/dev");
}

static struct err *check(const struct start *s)
{
    const char *stage;
    json_t *value;
    for (size_t i = 0; i < s->n_mounts; i++)
        if (strcmp(s->mounts[i].type, "bind") != 0)
            return ERR_NEW(ERR_UNSUPPORTED, "--hpc mounts directories and files of the host (%s is a %s)",
                           s->mounts[i].target, s->mounts[i].type);
    json_object_foreach (s->hooks, stage, value)
        if (!is_run(stage))
            return ERR_NEW(ERR_UNSUPPORTED, "--hpc runs no hooks of the stage %s: the command is a process of the job",
                           stage);
    return NULL;
}

struct err *hpc_edits_new(struct engine *e, const struct container_spec *spec, const struct image_config *config,
                          struct hpc_edits **ret)
{
    struct hpc_edits *x = mem_zalloc(sizeof(*x));
    if (!x)
        return err_oom();
    x->c.spec = *spec;
    x->s = (struct start){.e = e, .c = &x->c, .root_fd = -1, .private_fd = -1, .config = *config};
    struct err *err = start_settle_cdi(&x->s);
    if (!err)
        err = start_settle_hooks(&x->s);
    if (!err)
        err = check(&x->s);
    if (err) {
        hpc_edits_free(x);
        return err;
    }
    *ret = x;
    return NULL;
}

void hpc_edits_free(struct hpc_edits *x)
{
    if (!x)
        return;
    x->s.config = (struct image_config){0}; /* borrowed */
    start_done(&x->s);
    mem_freep(&x);
}

const struct strv *hpc_edits_env(const struct hpc_edits *x)
{
    return &x->s.facts.device_env;
}

struct err *hpc_edits_describe(const struct hpc_edits *x, struct strbuf *out)
{
    for (size_t i = 0; i < x->s.n_mounts; i++) {
        const struct oci_mount *m = &x->s.mounts[i];
        TRY(strbuf_printf(out, "%s\n%s\n%d\n", m->source, m->target, strv_contains(&m->options, "ro")));
    }
    return strbuf_puts(out, x->s.facts.hooks_json ? x->s.facts.hooks_json : "");
}

struct err *hpc_edits_mount(const struct hpc_edits *x, int root, hpc_show_fn show)
{
    for (size_t i = 0; i < x->s.n_mounts; i++) {
        const struct oci_mount *m = &x->s.mounts[i];
        if (!is_there(m))
            TRY(show(root, m->source, m->target, strv_contains(&m->options, "ro")));
    }
    return NULL;
}

/* --- hooks: config.md of the runtime specification, "POSIX-platform Hooks" */

/* What hooks look for in a bundle: where the root is. */
static struct err *write_bundle(const char *place, const char *root)
{
    AUTO_JSON json_t *doc = json_object();
    AUTO_FREE char *text = NULL;
    AUTO_FD int dir = -1;
    json_t *member;
    TRY(json_put_str(doc, "ociVersion", "1.0.2"));
    TRY(json_put_obj(doc, "root", &member));
    TRY(json_put_str(member, "path", root));
    TRY(json_text(doc, &text));
    TRY(file_open_dir(AT_FDCWD, place, &dir));
    return file_write_atomic(dir, "config.json", text, strlen(text), 0600, FILE_NOSYNC);
}

/* A file with the container's state, at its beginning. */
static struct err *open_state(const char *place, int *ret)
{
    AUTO_JSON json_t *doc = json_object();
    AUTO_FREE char *text = NULL;
    AUTO_FD int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "make a file for the state");
    TRY(json_put_str(doc, "ociVersion", "1.0.2"));
    TRY(json_put_str(doc, "id", path_last(place)));
    TRY(json_put_str(doc, "status", "creating"));
    TRY(json_put_int(doc, "pid", getpid()));
    TRY(json_put_str(doc, "bundle", place));
    TRY(json_text(doc, &text));
    TRY(fd_write_all(fd, text, strlen(text)));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "write the state");
    *ret = TAKE_FD(fd);
    return NULL;
}

static struct err *run_hook(const json_t *hook, const char *place)
{
    AUTO_STRV struct strv argv = STRV_INIT, env = STRV_INIT;
    AUTO_PROC struct proc child = PROC_INIT;
    AUTO_FD int state = -1;
    const char *path = json_string_value(json_object_get(hook, "path"));
    int64_t seconds = HOOK_TIMEOUT_SEC;
    int status = 0;
    TRY(json_get_strv(hook, "args", "hook", &argv));
    TRY(json_get_strv(hook, "env", "hook", &env));
    TRY(json_get_int(hook, "timeout", "hook", &seconds));
    if (!argv.count)
        TRY(strv_add(&argv, path));
    if (seconds < 1 || seconds > HOOK_TIMEOUT_MAX_SEC)
        seconds = HOOK_TIMEOUT_MAX_SEC;
    TRY(open_state(place, &state));
    char *const none[] = {NULL};
    const struct proc_fd fds[] = {{.from = state, .to = STDIN_FILENO}};
    const struct proc_opts opts = {.path = path,
                                   .argv = argv.items,
                                   .envp = env.count ? env.items : none,
                                   .fds = fds,
                                   .n_fds = ARRAY_LEN(fds),
                                   .cwd = place,
                                   .parent_death_signal = SIGKILL,
                                   .default_signals = true};
    TRY_WRAP(proc_spawn(&opts, &child), "hook %s", path);
    TRY_WRAP(proc_wait_timeout(&child, (int)seconds * 1000, &status), "hook %s", path);
    int code = proc_exit_code(status);
    return code ? ERR_NEW(ERR_STATE, "hook %s: exit code %d", path, code) : NULL;
}

struct err *hpc_edits_run_hooks(const struct hpc_edits *x, const char *place, const char *root)
{
    static const char *const stages[] = {"prestart", "createRuntime", "createContainer"};
    if (!x->s.hooks)
        return NULL;
    TRY(write_bundle(place, root));
    for (size_t k = 0; k < ARRAY_LEN(stages); k++) {
        const json_t *hooks = json_object_get(x->s.hooks, stages[k]);
        for (size_t i = 0; i < json_array_size(hooks); i++)
            TRY(run_hook(json_array_get(hooks, i), place));
    }
    return NULL;
}
