/* container checkpoint and restore: what they are asked is checked, and what this host lacks for them is named: CRIU,
 * its consent to the kernel and to a user namespace, a runtime that knows it. Neither is built beyond that. */
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "cli/select.h"
#include "cli/verbs.h"

#define OUTPUT_MAX ((size_t)64 << 10)

struct checkpoint_opts {
    bool all, latest, file_locks, ignore_rootfs, ignore_volumes, keep, print_stats, tcp_established;
    /* checkpoint */
    bool leave_running, pre_checkpoint, with_previous;
    const char *compress, *create_image, *export;
    /* restore */
    bool ignore_static_ip, ignore_static_mac;
    const char *import, *import_previous, *name, *pod;
    struct strv publish;
};
#define O(field) offsetof(struct checkpoint_opts, field)
#define KEEP_FLAG                                                                               \
    {                                                                                           \
        "keep", 'k', CLI_BOOL, .offset = O(keep), .help = "Keep all temporary checkpoint files" \
    }

static const struct cli_flag checkpoint_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Checkpoint all running containers"},
    {"compress", 'c', CLI_STRING, .offset = O(compress), .def = "zstd",
     .help = "Select compression algorithm (gzip, none, zstd) for checkpoint archive."},
    {"create-image", 0, CLI_STRING, .offset = O(create_image), .help = "Create checkpoint image with specified name"},
    {"export", 'e', CLI_STRING, CLI_COMPLETE_FILE, .offset = O(export),
     .help = "Export the checkpoint image to a tar.gz"},
    {"file-locks", 0, CLI_BOOL, .offset = O(file_locks), .help = "Checkpoint a container with file locks"},
    {"ignore-rootfs", 0, CLI_BOOL, .offset = O(ignore_rootfs),
     .help = "Do not include root file-system changes when exporting"},
    {"ignore-volumes", 0, CLI_BOOL, .offset = O(ignore_volumes),
     .help = "Do not export volumes associated with container"},
    KEEP_FLAG,
    CLI_LATEST_FLAG(O(latest), "container"),
    {"leave-running", 'R', CLI_BOOL, .offset = O(leave_running),
     .help = "Leave the container running after writing checkpoint to disk"},
    {"pre-checkpoint", 'P', CLI_BOOL, .offset = O(pre_checkpoint),
     .help = "Dump container's memory information only, leave the container running"},
    {"print-stats", 0, CLI_BOOL, .offset = O(print_stats), .help = "Display checkpoint statistics"},
    {"tcp-established", 0, CLI_BOOL, .offset = O(tcp_established),
     .help = "Checkpoint a container with established TCP connections"},
    {"with-previous", 0, CLI_BOOL, .offset = O(with_previous),
     .help = "Checkpoint container with pre-checkpoint images"},
    {0},
};

static const struct cli_flag restore_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Restore all checkpointed containers"},
    {"file-locks", 0, CLI_BOOL, .offset = O(file_locks), .help = "Restore a container with file locks"},
    {"ignore-rootfs", 0, CLI_BOOL, .offset = O(ignore_rootfs),
     .help = "Do not apply root file-system changes when importing from exported checkpoint"},
    {"ignore-static-ip", 0, CLI_BOOL, .offset = O(ignore_static_ip), .help = "Ignore IP address set via --static-ip"},
    {"ignore-static-mac", 0, CLI_BOOL, .offset = O(ignore_static_mac),
     .help = "Ignore MAC address set via --mac-address"},
    {"ignore-volumes", 0, CLI_BOOL, .offset = O(ignore_volumes),
     .help = "Do not export volumes associated with container"},
    {"import", 'i', CLI_STRING, CLI_COMPLETE_FILE, .offset = O(import),
     .help = "Restore from exported checkpoint archive (tar.gz)"},
    {"import-previous", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(import_previous),
     .help = "Restore from exported pre-checkpoint archive (tar.gz)"},
    KEEP_FLAG,
    CLI_LATEST_FLAG(O(latest), "container"),
    {"name", 'n', CLI_STRING, .offset = O(name),
     .help = "Specify new name for container restored from exported checkpoint (only works with image or --import)"},
    {"pod", 0, CLI_STRING, .offset = O(pod),
     .help = "Restore container into existing Pod (only works with image or --import)"},
    {"print-stats", 0, CLI_BOOL, .offset = O(print_stats), .help = "Display restore statistics"},
    {"publish", 'p', CLI_STRINGS, .offset = O(publish),
     .help = "Publish a container's port, or a range of ports, to the host"},
    {"tcp-established", 0, CLI_BOOL, .offset = O(tcp_established),
     .help = "Restore a container with established TCP connections"},
    {0},
};

/* --- what is missing */

/* /usr/sbin is in few users' PATH. */
static struct err *find_criu(char **ret)
{
    struct err *e = proc_find("criu", ret);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    e = proc_find("/usr/sbin/criu", ret);
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_UNSUPPORTED, "CRIU, which does this, is not installed (Debian: criu)");
}

/* Only a crun that was built so says +CRIU. */
static struct err *check_runtime(struct engine *e, const char *runtime)
{
    AUTO_FREE char *text = NULL;
    char name[] = "runtime", flag[] = "--version";
    char *const argv[] = {name, flag, NULL};
    if (!runtime)
        TRY(engine_runtime(e, &runtime));
    const struct proc_opts opts = {.path = runtime, .argv = argv, .default_signals = true};
    if (!strstr(path_last(runtime), "crun"))
        return NULL;
    TRY(proc_output(&opts, OUTPUT_MAX, &text));
    return strstr(text, "+CRIU")
               ? NULL
               : ERR_NEW(ERR_UNSUPPORTED, "%s was built without CRIU: --runtime runc has it", runtime);
}

/* In the session, where it would have to work. */
static struct err *check_criu(const char *path)
{
    AUTO_FREE char *text = NULL;
    char name[] = "criu", verb[] = "check";
    char *const argv[] = {name, verb, NULL};
    const struct proc_opts opts = {.path = path, .argv = argv, .default_signals = true};
    return ERR_WRAP(proc_output(&opts, OUTPUT_MAX, &text), "CRIU does not work in a user namespace of this host");
}

/* `runtime`: the container's; NULL: of new ones. */
static struct err *what_is_missing(struct cli *c, const char *runtime)
{
    AUTO_FREE char *criu = NULL;
    TRY(find_criu(&criu));
    TRY(check_runtime(c->engine, runtime));
    TRY(check_criu(criu));
    return ERR_NEW(ERR_UNSUPPORTED, "checkpoints of containers in a user namespace are not built yet");
}

/* --- checkpoint */

static struct err *check_checkpoint(const struct checkpoint_opts *o)
{
    static const char *const known[] = {"gzip", "none", "zstd"};
    bool ok = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ok |= strcmp(o->compress, known[i]) == 0;
    if (!ok)
        return ERR_NEW(
            ERR_INVALID,
            "selected compression algorithm (\"%s\") not supported. Please select one from: gzip, none, zstd",
            o->compress);
    if (!o->export && o->ignore_rootfs)
        return ERR_NEW(ERR_INVALID, "--ignore-rootfs can only be used with --export");
    if (!o->export && o->ignore_volumes)
        return ERR_NEW(ERR_INVALID, "--ignore-volumes can only be used with --export");
    if (o->with_previous && o->pre_checkpoint)
        return ERR_NEW(ERR_INVALID, "--with-previous can not be used with --pre-checkpoint");
    return NULL;
}

static struct err *checkpoint_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct checkpoint_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    const struct select_opts which = {.all = o->all, .latest = o->latest, .running_only = true};
    (void)exit_code;
    TRY(check_checkpoint(o));
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        const struct container *ct = all.items[i].container;
        if (ct->state != CT_RUNNING)
            return ERR_NEW(ERR_STATE, "\"%s\" is not running, cannot checkpoint: container state improper",
                           container_state_name(ct->state));
    }
    if (!all.count)
        return NULL;
    struct container *first = all.items[0].container;
    TRY(container_load_spec(c->engine, first));
    return ERR_WRAP(what_is_missing(c, first->spec.runtime), "checkpoint container %s", first->id);
}

const struct cli_verb cli_verb_container_checkpoint = {
    .paths = "container checkpoint",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Checkpoints one or more containers",
    .description = "Checkpoints one or more running containers: not built yet. What this host lacks for it is said.",
    .examples = "@ --keep ctrID\n@ --all\n@ --leave-running --latest",
    .flags = checkpoint_flags,
    .opts_size = sizeof(struct checkpoint_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = checkpoint_verb,
};

/* --- restore */

static struct err *check_restore(const struct cli *c, const struct checkpoint_opts *o)
{
    const struct {
        bool given;
        const char *flag;
    } needing[] = {{o->ignore_rootfs, "ignore-rootfs"},
                   {o->ignore_volumes, "ignore-volumes"},
                   {o->import_previous != NULL, "import-previous"},
                   {o->name != NULL, "name"},
                   {o->pod != NULL, "pod"}};
    for (size_t i = 0; !o->import && !c->n_args && i < ARRAY_LEN(needing); i++)
        if (needing[i].given)
            return ERR_NEW(ERR_INVALID, "--%s can only be used with image or --import", needing[i].flag);
    if (o->name && o->tcp_established)
        return ERR_NEW(ERR_INVALID, "--tcp-established cannot be used with --name");
    if (o->import && (o->all || o->latest))
        return ERR_NEW(ERR_INVALID, "cannot use --import with --all or --latest");
    if (o->import && c->n_args)
        return ERR_NEW(ERR_INVALID, "cannot use --import with positional arguments");
    return NULL;
}

static struct err *restore_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct checkpoint_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    const struct select_opts which = {.all = o->all, .latest = o->latest};
    struct engine *e;
    (void)exit_code;
    TRY(check_restore(c, o));
    if (o->import) {
        TRY(cli_engine(c, &e));
        return ERR_WRAP(what_is_missing(c, NULL), "restore from %s", o->import);
    }
    TRY(select_containers(c, &which, &all));
    if (o->all) /* none was ever checkpointed */
        return NULL;
    for (size_t i = 0; i < all.count; i++) {
        const struct container *ct = all.items[i].container;
        if (container_is_live(ct))
            return ERR_NEW(ERR_STATE, "container %s is running or paused, cannot restore: container state improper",
                           ct->id);
    }
    return ERR_NEW(ERR_STATE, "a complete checkpoint for this container cannot be found, cannot restore: %s",
                   all.items[0].container->id);
}

const struct cli_verb cli_verb_container_restore = {
    .paths = "container restore",
    .synopsis = "[options] CONTAINER|IMAGE [CONTAINER|IMAGE...]",
    .summary = "Restores one or more containers from a checkpoint",
    .description = "Restores a container from a checkpoint: not built yet. What this host lacks for it is said.",
    .examples = "@ ctrID\n@ imageID\n@ --latest\n@ --all",
    .flags = restore_flags,
    .opts_size = sizeof(struct checkpoint_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = restore_verb,
};
