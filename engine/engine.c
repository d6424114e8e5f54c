/* The engine object: session, store, configuration; see engine.h. */
#include "engine/internal.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "engine/monitor/client.h"
#include "engine/monitor/netplan.h"
#include "engine/network/options.h"
#include "engine/store/store.h"
#include "rootless/session.h"

static struct err *copy_options(struct engine *e, const struct engine_opts *opts)
{
    TRY(mem_strdup(opts->root, &e->opt_root));
    TRY(mem_strdup(opts->runroot, &e->opt_runroot));
    TRY(mem_strdup(opts->runtime, &e->opt_runtime));
    TRY(mem_strdup(opts->storage_driver, &e->opt_driver));
    TRY(mem_strdup(opts->cgroup_manager, &e->opt_cgroup_manager));
    TRY(strv_copy(&opts->runtime_flags, &e->runtime_flags));
    TRY(strv_copy(&opts->hooks_dirs, &e->hooks_dirs));
    TRY(strv_copy(&opts->cdi_dirs, &e->cdi_dirs));
    TRY(strv_copy(&opts->storage_opts, &e->storage_opts));
    e->opts = (struct engine_opts){
        .root = e->opt_root,
        .runroot = e->opt_runroot,
        .runtime = e->opt_runtime,
        .storage_driver = e->opt_driver,
        .storage_opts = e->storage_opts,
        .cgroup_manager = e->opt_cgroup_manager,
        .runtime_flags = e->runtime_flags,
        .hooks_dirs = e->hooks_dirs,
        .cdi_dirs = e->cdi_dirs,
        .no_health_events = opts->no_health_events,
        .device_names = opts->device_names,
        .parallel_copies = opts->parallel_copies,
        .only_existing = opts->only_existing,
        .progress = opts->progress,
        .choose = opts->choose,
        .bars = opts->bars,
        .registry = opts->registry,
        .progress_arg = opts->progress_arg,
    };
    return NULL;
}

struct err *engine_cgroup(struct engine *e, const struct cgroup_facts **ret)
{
    if (!e->has_cgroup)
        TRY(cgroup_probe(e->session->host_uid, &e->cgroup));
    e->has_cgroup = true;
    *ret = &e->cgroup;
    return NULL;
}

struct err *engine_cgroup_manager(struct engine *e, bool disabled, const char **ret)
{
    const struct cgroup_facts *cgroup = NULL;
    *ret = e->opts.cgroup_manager ? e->opts.cgroup_manager : disabled ? "disabled" : NULL;
    if (*ret)
        return NULL;
    TRY(engine_cgroup(e, &cgroup));
    *ret = cgroup->manager;
    return NULL;
}

struct err *engine_will_start(struct engine *e, const struct engine_start *what)
{
    const char *runtime = NULL, *manager = NULL;
    if (e->spare || e->id_taken)
        return NULL;
    struct err *err = engine_runtime(e, &runtime);
    if (err && err_kind(err) == ERR_NOT_FOUND) { /* told when it is needed: the container may name another one */
        err_drop(err);
        return NULL;
    }
    TRY(err);
    TRY(engine_cgroup_manager(e, what->cgroups_disabled, &manager));
    TRY(ident_random(&e->next_id));
    const struct monitor_plan early = {
        .id = e->next_id.s,
        .run_dir = e->session->run_dir,
        .runtime = e->runtime,
        .runtime_flags = e->runtime_flags,
        .cgroup_manager = (char *)(uintptr_t)manager,
        .cgroup_parent = (char *)(uintptr_t)what->cgroup_parent,
        .tty = what->tty,
        .interactive = what->interactive,
    };
    AUTO_NETWORK_OPTIONS struct network_options options = {0};
    struct monitor_network network;
    if (what->network)
        TRY(network_options_parse(NULL, NULL, NULL, NULL, &options));
    network = (struct monitor_network){.config = options.config};
    return monitor_spare(e->session->lock_fd, &early, what->network ? &network : NULL, &e->spare);
}

const char *engine_take_id(struct engine *e)
{
    bool free = e->spare && !e->id_taken;
    e->id_taken = true;
    return free ? e->next_id.s : NULL;
}

struct monitor *engine_take_spare(struct engine *e, const char *id)
{
    return strcmp(id, e->next_id.s) == 0 ? TAKE_PTR(e->spare) : NULL;
}

static struct err *engine_set_up(struct engine *e, const struct engine_opts *opts)
{
    TRY(copy_options(e, opts));
    const struct session_opts so = {
        .root = opts->root,
        .runroot = opts->runroot,
        .only_existing = opts->only_existing,
    };
    TRY(session_enter(&so, &e->session));
    if (e->session->notice)
        TRY(engine_notice(e, "%s", e->session->notice));
    if (opts->will_start) /* before the store is opened: the two take about as long */
        TRY(engine_will_start(e, opts->will_start));
    TRY(store_open(e->session->root, &e->store));
    int keeper = store_log_keeper(e->store);
    if (keeper >= 0 && e->session->keeps)
        err_drop(session_keep(e->session->conn_fd, keeper)); /* or the next command is a little slower */
    return NULL;
}

struct err *engine_open(const struct engine_opts *opts, struct engine **ret)
{
    struct engine *e = mem_zalloc(sizeof(*e));
    if (!e)
        return err_oom();
    struct err *err = engine_set_up(e, opts);
    if (err) {
        engine_close(e);
        return err;
    }
    *ret = e;
    return NULL;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    monitor_free(e->spare);
    cgroup_facts_done(&e->cgroup);
    store_close(e->store);
    session_free(e->session);
    strv_done(&e->runtime_flags);
    strv_done(&e->hooks_dirs);
    strv_done(&e->cdi_dirs);
    strv_done(&e->storage_opts);
    storage_options_done(&e->storage);
    mem_freep(&e->storage_wanted);
    mem_freep(&e->storage_file);
    strv_done(&e->notices);
    mem_freep(&e->opt_root);
    mem_freep(&e->opt_runroot);
    mem_freep(&e->opt_runtime);
    mem_freep(&e->opt_driver);
    mem_freep(&e->opt_cgroup_manager);
    mem_freep(&e->runtime);
    mem_freep(&e);
}

struct session *engine_session(const struct engine *e)
{
    return e->session;
}

struct store *engine_store(const struct engine *e)
{
    return e->store;
}

const char *engine_root(const struct engine *e)
{
    return e->session->root;
}

const char *engine_run_dir(const struct engine *e)
{
    return e->session->run_dir;
}

const struct engine_opts *engine_options(const struct engine *e)
{
    return &e->opts;
}

struct err *engine_runtime(struct engine *e, const char **ret_path)
{
    static const char *const defaults[] = {"crun", "runc"};
    if (!e->runtime && e->opts.runtime)
        TRY_WRAP(proc_find(e->opts.runtime, &e->runtime), "OCI runtime %s", e->opts.runtime);
    for (size_t i = 0; !e->runtime && i < ARRAY_LEN(defaults); i++) {
        struct err *err = proc_find(defaults[i], &e->runtime);
        if (err && err_kind(err) != ERR_NOT_FOUND)
            return err;
        err_drop(err);
    }
    if (!e->runtime)
        return ERR_NEW(ERR_NOT_FOUND, "no OCI runtime found: looked for crun and runc in $PATH; install one of them "
                                      "or name one with --runtime");
    *ret_path = e->runtime;
    return NULL;
}

const char *engine_runtime_name(struct engine *e)
{
    const char *path = NULL;
    err_drop(engine_runtime(e, &path));
    return path ? path_last(path) : "";
}

struct err *engine_notice(struct engine *e, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *err = strbuf_vprintf(&sb, fmt, ap);
    va_end(ap);
    TRY(err);
    return strv_contains(&e->notices, strbuf_str(&sb)) ? NULL : strv_add(&e->notices, strbuf_str(&sb));
}

const struct strv *engine_notices(const struct engine *e)
{
    return &e->notices;
}
