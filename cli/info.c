/* What `info` tells: probed now, nothing remembered. Members have Go's names, as templates use them
 * ({{.Host.OCIRuntime}}); JSON and YAML rename them at the end, as Podman's struct tags do. */
#include "cli/info.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/monitor/cgroup.h"
#include "engine/storage/options.h"
#include "rootless/session.h"

#define PROC_FILE_MAX ((size_t)1 << 20)
#define VERSION_TEXT_MAX ((size_t)64 << 10)

/* Go's name for a machine that uname(2) names. */
static const char *go_arch(const char *machine)
{
    static const char *const names[][2] = {{"x86_64", "amd64"},       {"aarch64", "arm64"}, {"armv7l", "arm"},
                                           {"armv6l", "arm"},         {"i686", "386"},      {"i586", "386"},
                                           {"loongarch64", "loong64"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(machine, names[i][0]) == 0)
            return names[i][1];
    return machine;
}

/* --- the host */

/* KEY="value" of /etc/os-release. */
static struct err *os_release(const char *text, const char *key, char **ret)
{
    size_t len = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) != 0 || line[len] != '=')
            continue;
        const char *value = line + len + 1;
        size_t n = strcspn(value, "\n");
        if (n >= 2 && *value == '"' && value[n - 1] == '"') {
            value++;
            n -= 2;
        }
        return mem_strndup(value, n, ret);
    }
    return mem_strdup("unknown", ret);
}

static struct err *put_distribution(json_t *host)
{
    AUTO_FREE char *text = NULL, *id = NULL, *version = NULL, *codename = NULL;
    json_t *o;
    struct err *e = file_read(AT_FDCWD, "/etc/os-release", PROC_FILE_MAX, &text, NULL);
    err_drop(e); /* a host without one is "unknown" */
    const char *release = text ? text : "";
    TRY(os_release(release, "ID", &id));
    TRY(os_release(release, "VERSION_ID", &version));
    TRY(os_release(release, "VERSION_CODENAME", &codename));
    TRY(json_put_obj(host, "Distribution", &o));
    TRY(json_put_str(o, "Distribution", id));
    TRY(json_put_str(o, "Version", version));
    if (strcmp(codename, "unknown") != 0)
        TRY(json_put_str(o, "Codename", codename));
    return NULL;
}

static struct err *put_map(json_t *maps, const char *key, const struct idmap *map)
{
    json_t *list, *o;
    TRY(json_put_arr(maps, key, &list));
    for (size_t i = 0; i < map->count; i++) {
        TRY(json_push_obj(list, &o));
        TRY(json_put_int(o, "ContainerID", map->ranges[i].ct));
        TRY(json_put_int(o, "HostID", map->ranges[i].host));
        TRY(json_put_int(o, "Size", map->ranges[i].count));
    }
    return NULL;
}

static struct err *put_cgroups(struct engine *e, json_t *host)
{
    struct cgroup_facts facts = {0};
    struct err *err = cgroup_probe(engine_session(e)->host_uid, &facts);
    const char *given = engine_options(e)->cgroup_manager;
    if (!err)
        err = json_put_str(host, "CgroupManager", given ? given : facts.manager);
    if (!err)
        err = json_put_str(host, "CgroupsVersion", facts.layout == CGROUP_V2 ? "v2" : "v1");
    if (!err)
        err = json_put_strv(host, "CgroupControllers", &facts.controllers);
    cgroup_facts_done(&facts);
    return err;
}

/* Name, path and what the program says of itself. A host without a runtime has no version, no error. */
static struct err *put_runtime(struct engine *e, json_t *host)
{
    json_t *o;
    const char *path = NULL;
    AUTO_FREE char *version = NULL;
    TRY(json_put_obj(host, "OCIRuntime", &o));
    struct err *err = engine_runtime(e, &path);
    if (err) {
        struct err *put = json_put_str(o, "Version", err_text(err));
        err_drop(err);
        return put;
    }
    char *const argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "--version", NULL};
    const struct proc_opts opts = {.path = path, .argv = argv, .default_signals = true};
    err_drop(proc_output(&opts, VERSION_TEXT_MAX, &version));
    for (size_t n = version ? strlen(version) : 0; n && version[n - 1] == '\n'; n--)
        version[n - 1] = '\0';
    TRY(json_put_str(o, "Name", engine_runtime_name(e)));
    TRY(json_put_str(o, "Path", path));
    return json_put_str(o, "Version", version);
}

static struct err *put_memory(json_t *host)
{
    struct sysinfo si;
    AUTO_FREE char *uptime = NULL;
    if (sysinfo(&si) < 0)
        return ERR_SYS(errno, "sysinfo");
    uint64_t unit = si.mem_unit;
    TRY(json_put_int(host, "MemFree", (int64_t)(si.freeram * unit)));
    TRY(json_put_int(host, "MemTotal", (int64_t)(si.totalram * unit)));
    TRY(json_put_int(host, "SwapFree", (int64_t)(si.freeswap * unit)));
    TRY(json_put_int(host, "SwapTotal", (int64_t)(si.totalswap * unit)));
    TRY(mem_asprintf(&uptime, "%ldh %ldm %ld.00s", si.uptime / 3600, si.uptime / 60 % 60, si.uptime % 60));
    return json_put_str(host, "Uptime", uptime);
}

static struct err *put_security(const struct session *s, json_t *host)
{
    json_t *o;
    TRY(json_put_obj(host, "Security", &o));
    TRY(json_put_bool(o, "AppArmorEnabled", file_exists(AT_FDCWD, "/sys/kernel/security/apparmor/profiles")));
    TRY(json_put_bool(o, "Rootless", s->host_uid != 0));
    TRY(json_put_bool(o, "SECCOMPEnabled", file_exists(AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail")));
    TRY(json_put_str(o, "SECCOMPProfilePath", "default"));
    return json_put_bool(o, "SELinuxEnabled", file_exists(AT_FDCWD, "/sys/fs/selinux/enforce"));
}

static struct err *put_host(struct engine *e, json_t *root)
{
    const struct session *s = engine_session(e);
    struct utsname uts;
    json_t *host, *maps;
    if (uname(&uts) < 0)
        return ERR_SYS(errno, "uname");
    TRY(json_put_obj(root, "Host", &host));
    TRY(json_put_str(host, "Arch", go_arch(uts.machine)));
    TRY(put_cgroups(e, host));
    TRY(json_put_int(host, "CPUs", sysconf(_SC_NPROCESSORS_ONLN)));
    TRY(put_distribution(host));
    TRY(json_put_str(host, "EventLogger", "sqlite"));
    TRY(json_put_str(host, "Hostname", uts.nodename));
    TRY(json_put_obj(host, "IDMappings", &maps));
    TRY(put_map(maps, "GIDMap", &s->gid_map));
    TRY(put_map(maps, "UIDMap", &s->uid_map));
    TRY(json_put_str(host, "Kernel", uts.release));
    TRY(json_put_str(host, "LogDriver", "k8s-file"));
    TRY(put_memory(host));
    TRY(put_runtime(e, host));
    TRY(json_put_str(host, "OS", "linux"));
    TRY(put_security(s, host));
    return json_put_bool(host, "ServiceIsRemote", false);
}

/* --- the store */

static struct err *put_containers(struct engine *e, json_t *store)
{
    struct container **list;
    size_t count, running = 0, paused = 0;
    json_t *o;
    TRY(container_list(e, &(const struct container_list_opts){.all = true}, &list, &count));
    for (size_t i = 0; i < count; i++) {
        running += list[i]->state == CT_RUNNING;
        paused += list[i]->state == CT_PAUSED;
    }
    container_list_free(list, count);
    TRY(json_put_obj(store, "ContainerStore", &o));
    TRY(json_put_int(o, "Number", (int64_t)count));
    TRY(json_put_int(o, "Paused", (int64_t)paused));
    TRY(json_put_int(o, "Running", (int64_t)running));
    return json_put_int(o, "Stopped", (int64_t)(count - running - paused));
}

static struct err *put_images(struct engine *e, json_t *store)
{
    struct image **list;
    size_t count;
    json_t *o;
    TRY(image_list(e, &(const struct image_list_opts){.all = true}, &list, &count));
    image_list_free(list, count);
    TRY(json_put_obj(store, "ImageStore", &o));
    return json_put_int(o, "Number", (int64_t)count);
}

/* "fuse-overlayfs: version 1.10" out of what `PROGRAM --version` says, which is "unknown" where it says nothing. */
static struct err *put_program(json_t *options, const char *program)
{
    AUTO_FREE char *text = NULL;
    char word[] = "--version";
    char *const argv[] = {(char *)(uintptr_t)program, word, NULL};
    json_t *o;
    TRY(json_put_obj(options, "overlay.mount_program", &o));
    TRY(json_put_str(o, "Executable", program));
    struct err *err = proc_output(&(const struct proc_opts){.path = program, .argv = argv, .default_signals = true},
                                  VERSION_TEXT_MAX, &text);
    if (err) {
        err_drop(err);
        return json_put_str(o, "Version", "unknown");
    }
    for (size_t len = strlen(text); len && text[len - 1] == '\n'; len--)
        text[len - 1] = '\0';
    return json_put_str(o, "Version", text);
}

/* With Podman's names. */
static struct err *put_graph_options(struct engine *e, json_t *store)
{
    const struct storage_options *options;
    json_t *o;
    TRY(engine_storage_options(e, &options));
    TRY(json_put_obj(store, "GraphOptions", &o));
    if (options->ignore_chown_errors)
        TRY(json_put_str(o, "overlay.ignore_chown_errors", "true"));
    if (options->mount_program)
        TRY(put_program(o, options->mount_program));
    return options->mountopt ? json_put_str(o, "overlay.mountopt", options->mountopt) : NULL;
}

/* Podman's name for the file system of the data directory. */
static const char *fs_name(const struct statfs *fs)
{
    static const struct {
        uint64_t magic;
        const char *name;
    } names[] = {{0xef53, "extfs"},    {0x58465342, "xfs"},    {0x9123683e, "btrfs"},     {0x01021994, "tmpfs"},
                 {0x6969, "nfs"},      {0x2fc12fc1, "zfs"},    {0x794c7630, "overlayfs"}, {0x65735546, "fuse"},
                 {0xf2f52010, "f2fs"}, {0x0bd00bd0, "lustre"}, {0xca451a4e, "bcachefs"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].magic == (uint64_t)fs->f_type)
            return names[i].name;
    return "<unknown>";
}

/* Copies have no differences that could be asked for. */
static struct err *put_graph_status(struct engine *e, const char *driver, json_t *store)
{
    struct statfs fs;
    json_t *o;
    TRY(json_put_obj(store, "GraphStatus", &o));
    if (statfs(engine_root(e), &fs) == 0)
        TRY(json_put_str(o, "Backing Filesystem", fs_name(&fs)));
    if (strcmp(driver, "copy") == 0)
        return NULL;
    TRY(json_put_str(o, "Native Overlay Diff", strcmp(driver, "overlay") == 0 ? "true" : "false"));
    TRY(json_put_str(o, "Supports d_type", "true"));
    return json_put_str(o, "Using metacopy", "false");
}

static struct err *put_store(struct engine *e, json_t *root)
{
    json_t *store;
    struct statvfs fs;
    const char *driver = "";
    AUTO_FREE char *volumes = NULL;
    TRY(json_put_obj(root, "Store", &store));
    TRY(engine_storage_driver(e, &driver));
    const char *conf = engine_storage_file(e);
    TRY(json_put_str(store, "ConfigFile", conf ? conf : "/usr/share/containers/storage.conf")); /* as Podman */
    TRY(put_containers(e, store));
    TRY(json_put_str(store, "GraphDriverName", driver));
    TRY(put_graph_options(e, store));
    TRY(json_put_str(store, "GraphRoot", engine_root(e)));
    if (statvfs(engine_root(e), &fs) == 0) {
        TRY(json_put_int(store, "GraphRootAllocated", (int64_t)((uint64_t)fs.f_blocks * fs.f_frsize)));
        TRY(json_put_int(store, "GraphRootUsed", (int64_t)((uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize)));
    }
    TRY(put_graph_status(e, driver, store));
    TRY(put_images(e, store));
    TRY(json_put_str(store, "RunRoot", engine_run_dir(e)));
    TRY(mem_asprintf(&volumes, "%s/volumes", engine_root(e)));
    return json_put_str(store, "VolumePath", volumes);
}

static struct err *put_plugins(json_t *root)
{
    static const char *const logs[] = {"k8s-file", "none", "passthrough", "journald", "json-file"};
    json_t *plugins, *list;
    TRY(json_put_obj(root, "Plugins", &plugins));
    TRY(json_put(plugins, "Authorization", json_null()));
    TRY(json_put_arr(plugins, "Log", &list));
    for (size_t i = 0; i < ARRAY_LEN(logs); i++)
        TRY(json_push_str(list, logs[i]));
    TRY(json_put_arr(plugins, "Network", &list));
    TRY(json_push_str(list, "bridge"));
    TRY(json_put_arr(plugins, "Volume", &list));
    return json_push_str(list, "local");
}

/* --- documents */

struct err *info_version(json_t **ret)
{
    struct utsname uts;
    AUTO_JSON json_t *o = json_object();
    AUTO_FREE char *os_arch = NULL;
    if (uname(&uts) < 0)
        return ERR_SYS(errno, "uname");
    TRY(mem_asprintf(&os_arch, "linux/%s", go_arch(uts.machine)));
    TRY(json_put_str(o, "APIVersion", CORACLE_VERSION));
    TRY(json_put_str(o, "Version", CORACLE_VERSION));
    TRY(json_put_str(o, "GoVersion", ""));
    TRY(json_put_str(o, "GitCommit", ""));
    TRY(json_put_str(o, "BuiltTime", "Thu Jan  1 00:00:00 1970"));
    TRY(json_put_int(o, "Built", 0));
    TRY(json_put_str(o, "OsArch", os_arch));
    TRY(json_put_str(o, "Os", "linux"));
    *ret = json_incref(o);
    return NULL;
}

struct err *info_collect(struct engine *e, json_t **ret)
{
    AUTO_JSON json_t *root = json_object();
    json_t *value;
    TRY(put_host(e, root));
    TRY(put_store(e, root));
    TRY(json_put_obj(root, "Registries", &value));
    TRY(put_plugins(root));
    TRY(info_version(&value));
    TRY(json_put(root, "Version", value));
    *ret = json_incref(root);
    return NULL;
}

/* The first letter becomes small, but for these, and but for the members of "version" and of the drivers' words. */
static struct err *json_name(const char *name, char **ret)
{
    static const char *const other[][2] = {
        {"CPUs", "cpus"},
        {"IDMappings", "idMappings"},
        {"OCIRuntime", "ociRuntime"},
        {"OS", "os"},
        {"CgroupsVersion", "cgroupVersion"},
        {"UIDMap", "uidmap"},
        {"GIDMap", "gidmap"},
        {"ContainerID", "container_id"},
        {"HostID", "host_id"},
        {"SECCOMPEnabled", "seccompEnabled"},
        {"SECCOMPProfilePath", "seccompProfilePath"},
        {"SELinuxEnabled", "selinuxEnabled"},
        {"AppArmorEnabled", "apparmorEnabled"},
    };
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        if (strcmp(name, other[i][0]) == 0)
            return mem_strdup(other[i][1], ret);
    TRY(mem_strdup(name, ret));
    if (**ret >= 'A' && **ret <= 'Z')
        **ret = (char)(**ret - 'A' + 'a');
    return NULL;
}

struct err *info_json_names(const json_t *value, json_t **ret)
{
    if (json_is_array(value)) {
        AUTO_JSON json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) {
            json_t *item;
            TRY(info_json_names(json_array_get(value, i), &item));
            TRY(json_push(list, item));
        }
        *ret = json_incref(list);
        return NULL;
    }
    json_t *source = json_incref((json_t *)(uintptr_t)value);
    if (!json_is_object(value)) {
        *ret = source;
        return NULL;
    }
    AUTO_JSON json_t *held = source, *object = json_object();
    for (void *it = json_object_iter(held); it; it = json_object_iter_next(held, it)) {
        const char *key = json_object_iter_key(it);
        AUTO_FREE char *name = NULL;
        json_t *member = json_object_iter_value(it);
        TRY(json_name(key, &name));
        bool kept = strcmp(key, "Version") == 0 || strcmp(key, "GraphOptions") == 0 || strcmp(key, "GraphStatus") == 0;
        if (kept && json_is_object(member))
            member = json_incref(member);
        else
            TRY(info_json_names(member, &member));
        TRY(json_put(object, name, member));
    }
    *ret = json_incref(object);
    return NULL;
}
