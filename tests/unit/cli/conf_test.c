/* Every documented key of containers.conf is in the table, every flag that it names exists, and docs/CONTAINERS_CONF.md
 * says what the table says. `test-cli-conf --print` writes that page. */
#include "tests/unit/cli/expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/conf.h"
#include "cli/create.h"

/* Of containers.conf(5) as of Podman 5. */
static const struct {
    const char *table, *keys;
} documented[] = {
    {"containers",
     "annotations apparmor_profile base_hosts_file cgroup_conf cgroups cgroupns default_capabilities default_sysctls "
     "default_ulimits devices dns_options dns_searches dns_servers env env_host host_containers_internal_ip http_proxy "
     "init init_path interface_name ipcns keyring label label_users log_driver log_size_max log_tag mounts netns "
     "no_hosts oom_score_adj pidns pids_limit prepare_volume_on_create privileged read_only seccomp_profile shm_size "
     "tz "
     "umask userns utsns volumes"},
    {"network", "network_backend cni_plugin_dirs netavark_plugin_dirs default_network default_subnet "
                "default_subnet_pools default_rootless_network_cmd network_config_dir firewall_driver dns_bind_port "
                "pasta_options"},
    {"engine",
     "active_service add_compression cgroup_manager compat_api_enforce_docker_hub compose_providers "
     "compose_warning_logs conmon_env_vars conmon_path database_backend detach_keys enable_port_reservation env "
     "events_logfile_path events_logfile_max_size events_logger events_container_create_inspect_data "
     "healthcheck_events helper_binaries_dir hooks_dir cdi_spec_dirs image_default_format image_default_transport "
     "image_parallel_copies image_volume_mode infra_command infra_image kube_generate_type lock_type "
     "multi_image_archive namespace network_cmd_path network_cmd_options no_pivot_root num_locks pod_exit_policy "
     "pull_policy remote retry retry_delay runtime runtimes runtime_supports_json runtime_supports_kvm "
     "runtime_supports_nocgroups image_copy_tmp_dir service_timeout static_dir stop_timeout exit_command_delay tmp_dir "
     "volume_path chown_copied_files compression_format compression_level service_destinations volume_plugins "
     "platform_to_oci_runtime"},
    {"secrets", "driver opts"},
    {"machine", "cpus disk_size image memory user volumes provider rosetta"},
    {"farms", "default list"},
    {"podmansh", "shell container timeout"},
};

static const struct conf_key *find(const char *table, const char *key, size_t len)
{
    for (const struct conf_key *k = conf_keys; k->table; k++)
        if (strcmp(k->table, table) == 0 && strlen(k->key) == len && strncmp(k->key, key, len) == 0)
            return k;
    return NULL;
}

static void each_documented_key_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(documented) / sizeof(*documented); i++)
        for (const char *at = documented[i].keys; *at; at += strspn(at, " ")) {
            size_t len = strcspn(at, " ");
            if (!find(documented[i].table, at, len))
                fail_msg("[%s] %.*s is not in the table", documented[i].table, (int)len, at);
            at += len;
        }
}

static bool some_verb_has(const char *flag)
{
    for (size_t i = 0; cli_verbs[i]; i++)
        if (cli_flag_find(cli_verbs[i]->flags, flag, strlen(flag)) ||
            cli_flag_find(cli_verbs[i]->more_flags, flag, strlen(flag)))
            return true;
    return false;
}

static void each_flag_exists(void **state)
{
    (void)state;
    for (const struct conf_key *k = conf_keys; k->table; k++) {
        bool create = k->use == CONF_CREATE || k->use == CONF_ADD;
        if (create ? !cli_flag_find(create_flags, k->what, strlen(k->what))
                   : k->use == CONF_DEFAULT && !some_verb_has(k->what))
            fail_msg("[%s] %s: no flag --%s", k->table, k->key, k->what);
        assert_ptr_equal(find(k->table, k->key, strlen(k->key)), k); /* once only */
        assert_true((k->use == CONF_CALL || k->use == CONF_CREATE_CALL) == (k->call != NULL));
    }
}

/* --- the page */

static const char heading[] =
    "# containers.conf\n\n"
    "coracle reads containers.conf(5) where Podman does, in the same order, drop-ins, modules (`--module`),\n"
    "`$CONTAINERS_CONF` and `$CONTAINERS_CONF_OVERRIDE` included. What is set there stands for flags that were not\n"
    "given. This page is written by `test-cli-conf --print` from the table in cli/conf_keys.c; a test compares them.\n"
    "A key that is \"not yet\" honoured is named in a warning when a container is made.\n";

static struct err *page(struct strbuf *out)
{
    const char *table = "";
    TRY(strbuf_puts(out, heading));
    for (const struct conf_key *k = conf_keys; k->table; k++) {
        if (strcmp(k->table, table) != 0)
            TRY(strbuf_printf(out, "\n## [%s]\n\n| key | here |\n| --- | --- |\n", k->table));
        table = k->table;
        if (k->use == CONF_NONE || k->use == CONF_LATER)
            TRY(strbuf_printf(out, "| %s | %s: %s |\n", k->key, k->use == CONF_NONE ? "not applicable" : "not yet",
                              k->what));
        else
            TRY(strbuf_printf(out, "| %s | honoured |\n", k->key));
    }
    return NULL;
}

static void the_page_says_so(void **state)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    char line[512];
    size_t at = 0;
    FILE *f = fopen(*state, "re");
    assert_non_null(f);
    expect_success(page(&out));
    for (; fgets(line, sizeof line, f); at += strlen(line))
        if (strncmp(out.data + at, line, strlen(line)) != 0)
            fail_msg("docs/CONTAINERS_CONF.md has: %s", line);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(at, out.len);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        return page(&out) || fputs(out.data, stdout) < 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_documented_key_is_known),
        cmocka_unit_test(each_flag_exists),
        cmocka_unit_test_prestate(the_page_says_so, argc > 1 ? argv[1] : NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
