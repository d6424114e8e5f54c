/* Where the data of secrets is. Programs of the user's (gpg, a shell's commands) run as the command does that asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/engine.h"
#include "engine/secret/secret.h"

static const char *option(const struct secret *s, const char *key)
{
    return strv_env_get(&s->options, key);
}

/* --- file */

static struct err *open_directory(struct engine *e, const struct secret *s, int *ret)
{
    AUTO_FREE char *own = NULL;
    const char *path = option(s, "path");
    if (!path)
        TRY(mem_asprintf(&own, "%s/secrets", engine_root(e)));
    TRY(file_mkdirs(path ? path : own, 0700));
    return file_open_dir(AT_FDCWD, path ? path : own, ret);
}

static struct err *file_store(struct engine *e, const struct secret *s, const void *data, size_t len)
{
    AUTO_FD int dir = -1;
    TRY(open_directory(e, s, &dir));
    return file_write_atomic(dir, s->id, data, len, 0600, FILE_SYNC);
}

static struct err *file_load(struct engine *e, const struct secret *s, char **ret, size_t *ret_len)
{
    AUTO_FD int dir = -1;
    TRY(open_directory(e, s, &dir));
    return file_read(dir, s->id, SECRET_BYTES_MAX, ret, ret_len);
}

static struct err *file_delete(struct engine *e, const struct secret *s)
{
    AUTO_FD int dir = -1;
    TRY(open_directory(e, s, &dir));
    return unlinkat(dir, s->id, 0) < 0 && errno != ENOENT ? ERR_SYS(errno, "remove secret %s", s->id) : NULL;
}

/* --- programs */

/* Run a program with `data` as its input; what it prints in *ret, when that is wanted. */
static struct err *run(struct strv *argv, struct strv *env, const void *data, size_t len, char **ret)
{
    AUTO_FREE char *output = NULL;
    AUTO_FD int in = -1;
    TRY(fd_memory("secret", data, len, &in));
    const struct proc_fd fds[] = {{.from = in, .to = STDIN_FILENO}};
    const struct proc_opts opts = {
        .path = argv->items[0],
        .argv = argv->items,
        .envp = env ? env->items : NULL,
        .fds = fds,
        .n_fds = 1,
        .default_signals = true,
    };
    TRY(proc_output(&opts, SECRET_BYTES_MAX, &output));
    if (ret)
        *ret = TAKE_PTR(output);
    return NULL;
}

/* sh -c COMMAND with SECRET_ID in its environment. */
static struct err *run_shell(const struct secret *s, const char *key, const void *data, size_t len, char **ret)
{
    AUTO_STRV struct strv argv = STRV_INIT, env = STRV_INIT;
    const char *command = option(s, key);
    if (!command)
        return ERR_NEW(ERR_INVALID, "shell driver: option %s is missing", key);
    TRY(strv_add(&argv, "/bin/sh"));
    TRY(strv_add(&argv, "-c"));
    TRY(strv_add(&argv, command));
    TRY(strv_add_all(&env, environ));
    AUTO_FREE char *id = NULL;
    TRY(mem_asprintf(&id, "SECRET_ID=%s", s->id));
    TRY(strv_env_set(&env, id));
    return ERR_WRAP(run(&argv, &env, data, len, ret), "secret %s: %s", s->name, key);
}

static struct err *shell_store(struct engine *e, const struct secret *s, const void *data, size_t len)
{
    (void)e;
    return run_shell(s, "store", data, len, NULL);
}

static struct err *shell_load(struct engine *e, const struct secret *s, char **ret, size_t *ret_len)
{
    (void)e;
    TRY(run_shell(s, "lookup", "", 0, ret));
    *ret_len = strlen(*ret);
    return NULL;
}

static struct err *shell_delete(struct engine *e, const struct secret *s)
{
    (void)e;
    return run_shell(s, "delete", "", 0, NULL);
}

/* --- pass: files as pass(1) keeps them, by gpg(1) alone */

static struct err *pass_root(const struct secret *s, char **ret)
{
    const char *root = option(s, "root"), *env = getenv("PASSWORD_STORE_DIR"), *home = getenv("HOME");
    if (root || env)
        return mem_strdup(root ? root : env, ret);
    return home ? mem_asprintf(ret, "%s/.password-store", home) : ERR_NEW(ERR_INVALID, "pass driver: no HOME");
}

static struct err *pass_path(const struct secret *s, char **ret)
{
    AUTO_FREE char *root = NULL;
    TRY(pass_root(s, &root));
    TRY(file_mkdirs(root, 0700));
    return mem_asprintf(ret, "%s/%s.gpg", root, s->id);
}

/* Whom to encrypt to: the option, else what `pass init` wrote down. */
static struct err *pass_key(const struct secret *s, char **ret)
{
    AUTO_FREE char *root = NULL;
    AUTO_FD int dir = -1;
    if (option(s, "key"))
        return mem_strdup(option(s, "key"), ret);
    TRY(pass_root(s, &root));
    TRY(file_open_dir(AT_FDCWD, root, &dir));
    TRY_WRAP(file_read(dir, ".gpg-id", 4096, ret, NULL), "pass driver: no key is given, nor known");
    (*ret)[strcspn(*ret, "\n")] = '\0';
    return NULL;
}

static struct err *gpg_argv(const struct secret *s, struct strv *ret)
{
    TRY(strv_add(ret, "gpg"));
    TRY(strv_add(ret, "--batch"));
    if (option(s, "gpghomedir"))
        TRY(strv_addf(ret, "--homedir=%s", option(s, "gpghomedir")));
    return NULL;
}

static struct err *pass_store(struct engine *e, const struct secret *s, const void *data, size_t len)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    AUTO_FREE char *path = NULL, *key = NULL;
    (void)e;
    TRY(pass_path(s, &path));
    TRY(pass_key(s, &key));
    TRY(gpg_argv(s, &argv));
    TRY(strv_add(&argv, "--yes"));
    TRY(strv_add(&argv, "--trust-model=always"));
    TRY(strv_addf(&argv, "--recipient=%s", key));
    TRY(strv_addf(&argv, "--output=%s", path));
    TRY(strv_add(&argv, "--encrypt"));
    return ERR_WRAP(run(&argv, NULL, data, len, NULL), "secret %s", s->name);
}

static struct err *pass_load(struct engine *e, const struct secret *s, char **ret, size_t *ret_len)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    AUTO_FREE char *path = NULL;
    (void)e;
    TRY(pass_path(s, &path));
    TRY(gpg_argv(s, &argv));
    TRY(strv_add(&argv, "--quiet"));
    TRY(strv_add(&argv, "--decrypt"));
    TRY(strv_add(&argv, path));
    TRY_WRAP(run(&argv, NULL, "", 0, ret), "secret %s", s->name);
    *ret_len = strlen(*ret);
    return NULL;
}

static struct err *pass_delete(struct engine *e, const struct secret *s)
{
    AUTO_FREE char *path = NULL;
    (void)e;
    TRY(pass_path(s, &path));
    return unlink(path) < 0 && errno != ENOENT ? ERR_SYS(errno, "remove %s", path) : NULL;
}

static const struct driver {
    const char *name;
    const char *needs[5], *knows[5]; /* options */
    struct err *(*store)(struct engine *e, const struct secret *s, const void *data, size_t len);
    struct err *(*load)(struct engine *e, const struct secret *s, char **ret, size_t *ret_len);
    struct err *(*delete)(struct engine *e, const struct secret *s);
} drivers[] = {
    {"file", {NULL}, {"path", NULL}, file_store, file_load, file_delete},
    {"pass", {NULL}, {"root", "key", "gpghomedir", NULL}, pass_store, pass_load, pass_delete},
    {"shell", {"list", "lookup", "store", "delete", NULL}, {NULL}, shell_store, shell_load, shell_delete},
};

static const struct driver *find_driver(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    return NULL;
}

static bool is_known(const struct driver *d, const char *pair)
{
    size_t len = strcspn(pair, "=");
    for (size_t i = 0; d->knows[i]; i++)
        if (strlen(d->knows[i]) == len && strncmp(d->knows[i], pair, len) == 0)
            return true;
    for (size_t i = 0; d->needs[i]; i++)
        if (strlen(d->needs[i]) == len && strncmp(d->needs[i], pair, len) == 0)
            return true;
    return false;
}

struct err *secret_driver_check(const char *driver, const struct strv *options)
{
    const struct driver *d = find_driver(driver);
    if (!d)
        return ERR_NEW(ERR_INVALID, "%s: invalid driver", driver);
    for (size_t i = 0; i < options->count; i++)
        if (!is_known(d, options->items[i]))
            return ERR_NEW(ERR_INVALID, "%s driver: unknown option %s", driver, options->items[i]);
    for (size_t i = 0; d->needs[i]; i++)
        if (!strv_env_get(options, d->needs[i]))
            return ERR_NEW(ERR_INVALID, "%s driver: missing option %s", driver, d->needs[i]);
    return NULL;
}

static struct err *driver_of(const struct secret *s, const struct driver **ret)
{
    *ret = find_driver(s->driver);
    return *ret ? NULL : ERR_NEW(ERR_CORRUPT, "secret %s: %s: invalid driver", s->name, s->driver);
}

struct err *secret_driver_store(struct engine *e, const struct secret *s, const void *data, size_t len)
{
    const struct driver *d;
    TRY(driver_of(s, &d));
    return d->store(e, s, data, len);
}

struct err *secret_driver_load(struct engine *e, const struct secret *s, char **ret, size_t *ret_len)
{
    const struct driver *d;
    TRY(driver_of(s, &d));
    return d->load(e, s, ret, ret_len);
}

struct err *secret_driver_delete(struct engine *e, const struct secret *s)
{
    const struct driver *d;
    TRY(driver_of(s, &d));
    return d->delete (e, s);
}
