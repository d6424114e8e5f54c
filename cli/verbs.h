/* The verbs, each defined in the file of its group. */
#pragma once

#include "cli/verb.h"

extern const struct cli_verb cli_verb_artifact, cli_verb_artifact_add, cli_verb_artifact_extract,
    cli_verb_artifact_inspect, cli_verb_artifact_ls, cli_verb_artifact_pull, cli_verb_artifact_push,
    cli_verb_artifact_rm, cli_verb_attach, cli_verb_completion, cli_verb_complete, cli_verb_container,
    cli_verb_container_cleanup, cli_verb_container_exists, cli_verb_container_inspect, cli_verb_container_prune,
    cli_verb_create, cli_verb_doctor, cli_verb_events, cli_verb_exec, cli_verb_help, cli_verb_history, cli_verb_image,
    cli_verb_image_diff, cli_verb_image_exists, cli_verb_image_inspect, cli_verb_image_mount, cli_verb_image_pack,
    cli_verb_image_prune, cli_verb_image_scp, cli_verb_image_sign, cli_verb_image_tree, cli_verb_image_trust,
    cli_verb_image_trust_set, cli_verb_image_trust_show, cli_verb_image_unmount, cli_verb_images, cli_verb_import,
    cli_verb_info, cli_verb_inspect, cli_verb_kill, cli_verb_load, cli_verb_login, cli_verb_logout, cli_verb_logs,
    cli_verb_man, cli_verb_manifest, cli_verb_manifest_add, cli_verb_manifest_annotate, cli_verb_manifest_create,
    cli_verb_manifest_exists, cli_verb_manifest_inspect, cli_verb_manifest_push, cli_verb_manifest_remove,
    cli_verb_manifest_rm, cli_verb_network, cli_verb_network_connect, cli_verb_network_create,
    cli_verb_network_disconnect, cli_verb_network_exists, cli_verb_network_inspect, cli_verb_network_ls,
    cli_verb_network_prune, cli_verb_network_reload, cli_verb_network_rm, cli_verb_network_update, cli_verb_pause,
    cli_verb_port, cli_verb_ps, cli_verb_pull, cli_verb_push, cli_verb_rename, cli_verb_restart, cli_verb_rm,
    cli_verb_rmi, cli_verb_run, cli_verb_save, cli_verb_search, cli_verb_start, cli_verb_stats, cli_verb_stop,
    cli_verb_system, cli_verb_system_check, cli_verb_tag, cli_verb_top, cli_verb_unpause, cli_verb_unshare,
    cli_verb_untag, cli_verb_version, cli_verb_volume, cli_verb_volume_create, cli_verb_volume_exists,
    cli_verb_volume_inspect, cli_verb_volume_ls, cli_verb_volume_prune, cli_verb_volume_rm, cli_verb_wait;

/* What is in a container's file system: diff.c, commit.c, cp.c, container_mount.c, clone.c, volume_files.c. */
extern const struct cli_verb cli_verb_commit, cli_verb_container_diff, cli_verb_cp, cli_verb_diff, cli_verb_export,
    cli_verb_mount, cli_verb_unmount, cli_verb_volume_export, cli_verb_volume_import, cli_verb_volume_mount,
    cli_verb_volume_reload, cli_verb_volume_unmount;

/* pod.c, pod_create.c, pod_ps.c, pod_show.c, inspect.c, stats.c. */
extern const struct cli_verb cli_verb_pod, cli_verb_pod_clone, cli_verb_pod_create, cli_verb_pod_exists,
    cli_verb_pod_inspect, cli_verb_pod_kill, cli_verb_pod_logs, cli_verb_pod_pause, cli_verb_pod_prune, cli_verb_pod_ps,
    cli_verb_pod_restart, cli_verb_pod_rm, cli_verb_pod_start, cli_verb_pod_stats, cli_verb_pod_stop, cli_verb_pod_top,
    cli_verb_pod_unpause;

extern const struct cli_verb cli_verb_healthcheck, cli_verb_healthcheck_run, cli_verb_secret, cli_verb_secret_create,
    cli_verb_secret_exists, cli_verb_secret_inspect, cli_verb_secret_ls, cli_verb_secret_rm, cli_verb_system_df,
    cli_verb_system_migrate, cli_verb_system_prune, cli_verb_system_renumber, cli_verb_system_reset, cli_verb_update;

/* More of a container's life: checkpoint.c, clone.c, init.c, runlabel.c; and connection.c. */
extern const struct cli_verb cli_verb_container_checkpoint, cli_verb_container_clone, cli_verb_container_restore,
    cli_verb_container_runlabel, cli_verb_init, cli_verb_system_connection, cli_verb_system_connection_add,
    cli_verb_system_connection_default, cli_verb_system_connection_list, cli_verb_system_connection_remove,
    cli_verb_system_connection_rename, cli_verb_system_service;
