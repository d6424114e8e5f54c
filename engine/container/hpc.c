#include "engine/container/hpc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/privileges.h"
#include "base/strbuf.h"
#include "engine/container/hpc_edits.h"
#include "engine/container/oci.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/store/digest.h"
#include "engine/store/store.h"
#include "rootless/session.h"

#define HPC_STEPS "steps" /* below the data directory */
#define HPC_NAME_LEN 16   /* of a hash */
#define HPC_CONN_FD 700   /* where the connection to the holder is kept; below the usual limit of 1024 */

/* --- which step */

/* What launchers call a step of a job on a node. */
static struct err *launcher_step(char **ret)
{
    static const char *const pairs[][2] = {
        {"SLURM_JOB_ID", "SLURM_STEP_ID"},
        {"SLURM_JOBID", "SLURM_STEPID"},
        {"PMIX_NAMESPACE", NULL},
        {"FLUX_JOB_ID", NULL},
        {"PBS_JOBID", NULL},
        {"PMI_JOBID", NULL},
        {"LSB_JOBID", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const char *job = getenv(pairs[i][0]), *step = pairs[i][1] ? getenv(pairs[i][1]) : "";
        if (job && *job && step)
            return mem_asprintf(ret, "%s=%s.%s", pairs[i][0], job, step);
    }
    return mem_asprintf(ret, "pid=%d", (int)getpid());
}

static void remove_stale(int steps, const char *name)
{
    AUTO_FD int dir = openat(steps, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_FD int copy = dir < 0 ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    bool used = false;
    if (d)
        copy = -1;
    while (d && (entry = readdir(d))) {
        AUTO_FREE char *lock = NULL;
        AUTO_FD int fd = -1;
        if (entry->d_name[0] == '.')
            continue;
        struct err *e = mem_asprintf(&lock, "%s/lock", entry->d_name);
        if (!e && file_exists(dir, lock))
            e = file_open_locked(dir, lock, true, false, &fd);
        if (!e)
            e = file_remove_tree(dir, entry->d_name);
        used |= e != NULL;
        err_drop(e);
    }
    if (d)
        (void)closedir(d);
    if (!used)
        (void)unlinkat(steps, name, AT_REMOVEDIR);
}

/* A step that is over has a directory whose lock nobody holds. */
static void clean_steps(const char *path, const char *own)
{
    DIR *d = opendir(path);
    const struct dirent *entry;
    while (d && (entry = readdir(d)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0)
            remove_stale(dirfd(d), entry->d_name);
    if (d)
        (void)closedir(d);
}

struct err *hpc_session_dir(const char *root, const char *step, char **ret)
{
    AUTO_FREE char *named = NULL, *data = NULL, *steps = NULL;
    char own[HPC_NAME_LEN + 1];
    if (root)
        TRY(path_absolute(root, &data));
    else
        TRY(session_default_root(&data));
    if (step)
        TRY(mem_asprintf(&named, "step=%s", step));
    else
        TRY(launcher_step(&named));
    struct digest hash = digest_of(named, strlen(named));
    (void)snprintf(own, sizeof(own), "%.*s", HPC_NAME_LEN, digest_hex(hash.s));
    TRY(path_join(&steps, data, HPC_STEPS));
    clean_steps(steps, own);
    return path_join(ret, steps, own);
}

/* --- what the ranks share */

/* Everything that a root depends on. */
static struct err *root_name(const struct hpc_root *r, const struct image *i, char ret[HPC_NAME_LEN + 1])
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_printf(&sb, "%s\n%s\n%s\n%d\n", i->id, r->home ? r->home : "", r->cwd ? r->cwd : "",
                      r->spec->read_only));
    for (size_t k = 0; k < i->layer_dirs.count; k++)
        TRY(strbuf_printf(&sb, "%s\n", i->layer_dirs.items[k]));
    for (size_t k = 0; k < r->spec->n_mounts; k++) {
        const struct mount_spec *m = &r->spec->mounts[k];
        TRY(strbuf_printf(&sb, "%s\n%s\n%d\n", m->source ? m->source : "", m->target, m->read_only));
    }
    TRY(hpc_edits_describe(r->edits, &sb));
    struct digest hash = digest_of(sb.data, sb.len);
    (void)snprintf(ret, HPC_NAME_LEN + 1, "%.*s", HPC_NAME_LEN, digest_hex(hash.s));
    return NULL;
}

/* Private, since a namespace can be kept by a mount only where that spreads to nobody. */
static struct err *make_shared_place(const char *dir)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s", dir);
    if (file_is_mount(AT_FDCWD, dir))
        return NULL;
    if (mount("none", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=16m") < 0 ||
        mount(NULL, dir, NULL, MS_PRIVATE, NULL) < 0)
        return ERR_SYS(errno, "mount a place for the step's namespaces");
    return NULL;
}

static struct err *open_namespace(const char *path, int *ret)
{
    *ret = open(path, O_RDONLY | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
}

struct step {
    int user, mnt;
};

static struct err *make_or_find(struct engine *e, struct hpc_root *r, const struct image *i, struct step *ret)
{
    AUTO_FREE char *dir = NULL, *lock_path = NULL, *user = NULL, *place = NULL, *mnt = NULL;
    AUTO_FD int lock = -1, hold = -1;
    char name[HPC_NAME_LEN + 1];
    TRY(path_join(&dir, engine_run_dir(e), "hpc"));
    TRY(path_join(&lock_path, engine_run_dir(e), "hpc.lock"));
    TRY(path_join(&user, dir, "user"));
    TRY(root_name(r, i, name));
    TRY(path_join(&place, dir, name));
    TRY(path_join(&mnt, place, "mnt"));
    TRY(file_open_locked(AT_FDCWD, lock_path, true, true, &lock));
    TRY(make_shared_place(dir));
    if (!file_is_mount(AT_FDCWD, user))
        TRY(hpc_make_user(e, user));
    if (!file_is_mount(AT_FDCWD, mnt)) {
        TRY(file_remove_tree(AT_FDCWD, place)); /* of one who was killed */
        TRY(file_mkdirs(place, 0700));
        r->place = place;
        TRY(image_layers_ready(e, &i->layer_dirs, &r->layers, &hold));
        TRY(hpc_make_root(e, r));
    }
    TRY(open_namespace(user, &ret->user));
    return open_namespace(mnt, &ret->mnt);
}

/* --- the command */

static struct err *environment_of(const struct container_spec *s, const struct image_config *c,
                                  const struct strv *devices, struct strv *ret)
{
    const struct strv *const layers[] = {&s->env_base, &c->env, devices, &s->env};
    for (size_t i = 0; i < ARRAY_LEN(layers); i++)
        for (size_t k = 0; k < layers[i]->count; k++)
            TRY(strv_env_set(ret, layers[i]->items[k]));
    TRY(strv_env_set(ret, "container=coracle"));
    for (size_t i = 0; i < s->unsetenv.count; i++)
        strv_env_unset(ret, s->unsetenv.items[i]);
    return NULL;
}

/* The connection ends with the process, and no sooner. */
static struct err *keep_connection(const struct session *s)
{
    int fd = fcntl(s->conn_fd, F_DUPFD, HPC_CONN_FD);
    if (fd < 0)
        fd = fcntl(s->conn_fd, F_DUPFD, STDERR_FILENO + 1);
    return fd < 0 ? ERR_SYS(errno, "keep the connection to the session") : NULL;
}

/* From the session to the step's namespaces, as the user, without rights. */
static struct err *become_rank(const struct session *s, const struct step *step)
{
    if (setns(step->mnt, CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "join the step's mount namespace");
    if (setns(step->user, CLONE_NEWUSER) < 0)
        return ERR_SYS(errno, "join the step's user namespace");
    if (setresgid(s->host_gid, s->host_gid, s->host_gid) < 0 || setresuid(s->host_uid, s->host_uid, s->host_uid) < 0)
        return ERR_SYS(errno, "become uid %u", s->host_uid);
    TRY(privileges_drop());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    /* Where Yama lets only parents look into a process: ranks are siblings. */
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    return NULL;
}

static struct err *enter_workdir(const char *wanted, const char *cwd)
{
    if (wanted && chdir(wanted) < 0)
        return ERR_NEW(ERR_CANNOT_EXEC, "workdir \"%s\": %s", wanted, strerror(errno));
    if (!wanted && chdir(cwd) < 0 && chdir("/") < 0)
        return ERR_SYS(errno, "enter /");
    return NULL;
}

static struct err *execute(const struct strv *argv, struct strv *env)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    char **own = environ;
    environ = env->items; /* whose PATH it is looked for in */
    (void)execvpe(argv->items[0], argv->items, env->items);
    int errnum = errno;
    environ = own;
    if (errnum == ENOENT || errnum == ENOTDIR)
        return ERR_NEW(ERR_NO_COMMAND, "executable file `%s` not found in $PATH: No such file or directory",
                       argv->items[0]);
    return ERR_NEW(ERR_CANNOT_EXEC, "exec `%s`: %s", argv->items[0], strerror(errnum));
}

struct rank {
    struct image *image;
    struct image_config config;
    struct hpc_edits *edits;
    struct strv argv, env;
};

static struct err *run(struct engine *e, struct hpc_root *r, const struct container_spec *spec, struct rank *k)
{
    struct step step = {-1, -1};
    TRY(image_ensure(e, spec->image, spec->pull, &(struct image_platform){0}, &k->image));
    TRY(image_read_config(e, k->image, &k->config));
    TRY(oci_command(spec, &k->config, &k->argv));
    TRY(hpc_edits_new(e, spec, &k->config, &k->edits));
    r->edits = k->edits;
    TRY(environment_of(spec, &k->config, hpc_edits_env(k->edits), &k->env));
    TRY(make_or_find(e, r, k->image, &step));
    TRY(keep_connection(engine_session(e)));
    TRY(become_rank(engine_session(e), &step));
    TRY(enter_workdir(spec->workdir, r->cwd));
    return execute(&k->argv, &k->env);
}

struct err *hpc_run(struct engine *e, const struct container_spec *spec)
{
    char cwd[PATH_MAX];
    const char *home = getenv("HOME");
    struct hpc_root r = {.spec = spec, .home = home && *home == '/' ? home : NULL};
    r.cwd = getcwd(cwd, sizeof(cwd)) && *cwd == '/' ? cwd : "/";
    struct rank k = {.image = NULL};
    struct err *err = run(e, &r, spec, &k);
    hpc_edits_free(k.edits);
    image_free(k.image);
    image_config_done(&k.config);
    strv_done(&k.argv);
    strv_done(&k.env);
    strv_done(&r.layers);
    return err;
}
