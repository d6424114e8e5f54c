/* The table of verbs, and the flags that stand before and behind each. */
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"

#define O(field) offsetof(struct cli_globals, field)

static struct err *set_log_level(void *opts, const struct cli_flag *f, const char *value)
{
    enum log_level level;
    (void)opts, (void)f;
    TRY(log_parse_level(value, &level));
    log_set_level(level);
    return NULL;
}

#define NO_REMOTE "remote services are not built yet"
#define NO_CONMON "there is no conmon here: coracle-monitor looks after containers"
/* What has no meaning here, but stands in command lines that do. */
static struct err *note(void *opts, const struct cli_flag *f, const char *value)
{
    (void)opts, (void)value;
    log_write(LOG_LEVEL_WARN, "--%s has no effect: %s", f->name, f->help);
    return NULL;
}

static struct err *note_events(void *opts, const struct cli_flag *f, const char *value)
{
    (void)opts, (void)f;
    if (strcmp(value, "none") == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "--events-backend none: events are always kept, in the database below --root");
    if (strcmp(value, "journald") == 0)
        log_write(LOG_LEVEL_WARN,
                  "--events-backend journald has no effect: events are kept in the database below --root");
    return NULL;
}

/* Credentials are looked for there: engine/registry/auth.h. */
static struct err *set_config(void *opts, const struct cli_flag *f, const char *value)
{
    (void)opts, (void)f;
    return setenv("DOCKER_CONFIG", value, 1) < 0 ? err_oom() : NULL;
}

#define NO_NETWORK "networks are defined in the database below --root, and coracle-slirp makes them"

const struct cli_flag cli_global_flags[] = {
    {"cdi-spec-dir", 0, CLI_STRINGS, CLI_COMPLETE_DIR, .offset = O(cdi_dirs),
     .help = "Set the CDI spec directory path (may be set multiple times)"},
    {"cgroup-manager", 0, CLI_STRING, .offset = O(cgroup_manager), .choices = "cgroupfs|systemd|disabled",
     .help = "Cgroup manager to use (\"cgroupfs\"|\"systemd\"|\"disabled\"; default: what works here)"},
    {"config", 0, CLI_CALL, CLI_COMPLETE_DIR, .hidden = true, .set = set_config,
     .help = "Directory with a config.json of docker's, for its credentials"},
    {"conmon", 0, CLI_CALL, .hidden = true, .set = note, .help = NO_CONMON},
    {"connection", 'c', CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"context", 0, CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"events-backend", 0, CLI_CALL, .hidden = true, .choices = "file|journald|none", .set = note_events},
    {"hooks-dir", 0, CLI_STRINGS, CLI_COMPLETE_DIR, .offset = O(hooks_dirs),
     .help = "Set the OCI hooks directory path (may be set multiple times)"},
    {"host", 'H', CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"identity", 0, CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"imagestore", 0, CLI_STRING, .hidden = true, .missing = "stores for images alone are not built yet"},
    {"log-level", 0, CLI_CALL, .set = set_log_level, .def = "warn",
     .choices = "trace|debug|info|warn|warning|error|fatal|panic",
     .help = "Log messages above specified level (trace, debug, info, warn, warning, error, fatal, panic)"},
    {"module", 0, CLI_ARRAY, CLI_COMPLETE_FILE, .offset = O(modules), .help = "Load the containers.conf(5) module"},
    {"namespace", 0, CLI_STRING, .hidden = true, .missing = "views of the store are not built yet; use --root"},
    {"network-cmd-path", 0, CLI_STRING, .hidden = true, .missing = NO_NETWORK},
    {"network-config-dir", 0, CLI_STRING, .hidden = true, .missing = NO_NETWORK},
    {"noout", 0, CLI_BOOL, .offset = O(noout), .help = "do not output to stdout"},
    {"out", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(out),
     .help = "Send output (stdout) from " CLI_PROGRAM " to a file"},
    {"remote", 'r', CLI_BOOL, .hidden = true, .missing = NO_REMOTE},
    {"root", 0, CLI_STRING, CLI_COMPLETE_DIR, .offset = O(root),
     .help = "Path to the root directory in which data, including images, is stored"},
    {"runroot", 0, CLI_STRING, CLI_COMPLETE_DIR, .offset = O(runroot),
     .help = "Path to the 'run directory' where all state information is stored"},
    {"runtime", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(runtime),
     .help = "Name or path of the OCI-compatible program used to run containers (default: crun, else runc)"},
    {"runtime-flag", 0, CLI_ARRAY, .offset = O(runtime_flags), .help = "add global flags for the container runtime"},
    {"ssh", 0, CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"storage-driver", 0, CLI_STRING, CLI_COMPLETE_DRIVER, .offset = O(storage_driver),
     .help = "Select which storage driver is used to manage storage of images and containers"},
    {"storage-opt", 0, CLI_ARRAY, .offset = O(storage_opts), .help = "Used to pass an option to the storage driver"},
    {"syslog", 0, CLI_BOOL, .hidden = true, .missing = "logging to syslog is not built yet"},
    {"tmpdir", 0, CLI_STRING, .hidden = true, .missing = "there is no state outside --root and --runroot"},
    {"transient-store", 0, CLI_BOOL, .hidden = true,
     .missing = "containers that a reboot forgets are not built yet; run --rm, or a --root on a tmpfs"},
    {"url", 0, CLI_STRING, .hidden = true, .missing = NO_REMOTE},
    {"version", 'v', CLI_BOOL, .offset = O(version), .help = "version for " CLI_PROGRAM},
    {"volumepath", 0, CLI_STRING, .hidden = true, .missing = "volumes are always below --root"},
    {0},
};

/* The busy ones first: lookup goes through from the start. Listings sort by name. */
const struct cli_verb *const cli_verbs[] = {
    &cli_verb_run,
    &cli_verb_exec,
    &cli_verb_ps,
    &cli_verb_images,
    &cli_verb_inspect,
    &cli_verb_rm,
    &cli_verb_create,
    &cli_verb_start,
    &cli_verb_stop,
    &cli_verb_logs,
    &cli_verb_attach,
    &cli_verb_kill,
    &cli_verb_restart,
    &cli_verb_wait,
    &cli_verb_unpause,
    &cli_verb_update,
    &cli_verb_top,
    &cli_verb_stats,
    &cli_verb_events,
    &cli_verb_init,
    &cli_verb_pause,
    &cli_verb_port,
    &cli_verb_rename,
    &cli_verb_container,
    &cli_verb_container_cleanup,
    &cli_verb_container_checkpoint,
    &cli_verb_container_clone,
    &cli_verb_container_exists,
    &cli_verb_container_inspect,
    &cli_verb_container_prune,
    &cli_verb_container_restore,
    &cli_verb_container_runlabel,
    &cli_verb_commit,
    &cli_verb_container_diff,
    &cli_verb_cp,
    &cli_verb_diff,
    &cli_verb_export,
    &cli_verb_mount,
    &cli_verb_unmount,
    &cli_verb_image,
    &cli_verb_image_diff,
    &cli_verb_image_exists,
    &cli_verb_image_inspect,
    &cli_verb_image_mount,
    &cli_verb_image_pack,
    &cli_verb_image_prune,
    &cli_verb_image_scp,
    &cli_verb_image_sign,
    &cli_verb_image_tree,
    &cli_verb_image_trust,
    &cli_verb_image_trust_set,
    &cli_verb_image_trust_show,
    &cli_verb_image_unmount,
    &cli_verb_healthcheck,
    &cli_verb_healthcheck_run,
    &cli_verb_history,
    &cli_verb_import,
    &cli_verb_load,
    &cli_verb_login,
    &cli_verb_logout,
    &cli_verb_pull,
    &cli_verb_push,
    &cli_verb_rmi,
    &cli_verb_save,
    &cli_verb_search,
    &cli_verb_secret,
    &cli_verb_secret_create,
    &cli_verb_secret_exists,
    &cli_verb_secret_inspect,
    &cli_verb_secret_ls,
    &cli_verb_secret_rm,
    &cli_verb_tag,
    &cli_verb_unshare,
    &cli_verb_untag,
    &cli_verb_manifest,
    &cli_verb_manifest_add,
    &cli_verb_manifest_annotate,
    &cli_verb_manifest_create,
    &cli_verb_manifest_exists,
    &cli_verb_manifest_inspect,
    &cli_verb_manifest_push,
    &cli_verb_manifest_remove,
    &cli_verb_manifest_rm,
    &cli_verb_artifact,
    &cli_verb_artifact_add,
    &cli_verb_artifact_extract,
    &cli_verb_artifact_inspect,
    &cli_verb_artifact_ls,
    &cli_verb_artifact_pull,
    &cli_verb_artifact_push,
    &cli_verb_artifact_rm,
    &cli_verb_network,
    &cli_verb_network_connect,
    &cli_verb_network_create,
    &cli_verb_network_disconnect,
    &cli_verb_network_exists,
    &cli_verb_network_inspect,
    &cli_verb_network_ls,
    &cli_verb_network_prune,
    &cli_verb_network_reload,
    &cli_verb_network_rm,
    &cli_verb_network_update,
    &cli_verb_pod,
    &cli_verb_pod_clone,
    &cli_verb_pod_create,
    &cli_verb_pod_exists,
    &cli_verb_pod_inspect,
    &cli_verb_pod_kill,
    &cli_verb_pod_logs,
    &cli_verb_pod_pause,
    &cli_verb_pod_prune,
    &cli_verb_pod_ps,
    &cli_verb_pod_restart,
    &cli_verb_pod_rm,
    &cli_verb_pod_start,
    &cli_verb_pod_stats,
    &cli_verb_pod_stop,
    &cli_verb_pod_top,
    &cli_verb_pod_unpause,
    &cli_verb_volume,
    &cli_verb_volume_create,
    &cli_verb_volume_exists,
    &cli_verb_volume_export,
    &cli_verb_volume_import,
    &cli_verb_volume_mount,
    &cli_verb_volume_reload,
    &cli_verb_volume_unmount,
    &cli_verb_volume_inspect,
    &cli_verb_volume_ls,
    &cli_verb_volume_prune,
    &cli_verb_volume_rm,
    &cli_verb_info,
    &cli_verb_version,
    &cli_verb_doctor,
    &cli_verb_system,
    &cli_verb_system_check,
    &cli_verb_system_connection,
    &cli_verb_system_connection_add,
    &cli_verb_system_connection_default,
    &cli_verb_system_connection_list,
    &cli_verb_system_connection_remove,
    &cli_verb_system_connection_rename,
    &cli_verb_system_df,
    &cli_verb_system_migrate,
    &cli_verb_system_prune,
    &cli_verb_system_renumber,
    &cli_verb_system_reset,
    &cli_verb_system_service,
    &cli_verb_completion,
    &cli_verb_help,
    &cli_verb_complete,
    &cli_verb_man,
    NULL,
};
