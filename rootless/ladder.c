#include "rootless/ladder.h"

#include <string.h>

#include "base/mem.h"

static const struct ladder ladder_table[] = {
    {"user namespaces",
     "a user and a mount namespace are made, and a tmpfs mounted in them",
     {{"namespaces of the user's own", NULL}},
     "no container runs; registries (login, logout, search, manifest inspect), policies, help and doctor work",
     LADDER_ALL},
    {"security settings",
     "sysctls of user namespaces, AppArmor, SELinux, no_new_privs, seccomp",
     {{"nothing restricts this process", NULL},
      {"restricted, but namespaces are allowed", "setuid programs (newuidmap), or what a filter refuses"}},
     "as with user namespaces, which are tried above",
     LADDER_NOTHING},
    {"id ranges",
     "/etc/subuid and /etc/subgid, or what nsswitch.conf names, through libsubid",
     {{"subordinate ids", NULL}, {"one id", "users besides root are all one user of the machine"}},
     NULL,
     LADDER_NOTHING},
    {"newuidmap and newgidmap",
     "PATH, setuid bit or file capabilities, mount options, no_new_privs, bounding set",
     {{"maps written by newuidmap, or by a process that may", NULL}, {"one id", "as above"}},
     NULL,
     LADDER_NOTHING},
    {"data directory",
     "file system, extended attributes, noexec and free space of --root, CORACLE_ROOT, CORACLE_HOME or "
     "~/.local/share/coracle",
     {{"a local file system with extended attributes", NULL},
      {"one that lacks something", "what overlay and id ranges lose on it"}},
     "nothing can be kept, so nothing runs",
     LADDER_ALL},
    {"session directory",
     "a socket and a lock are made below the data directory",
     {{"run/ in the data directory", NULL},
      {"$XDG_RUNTIME_DIR, where there is one", "the session, to whoever cleans up there"},
      {"/tmp", "the session, to whoever cleans up there"}},
     "no session, so nothing runs",
     LADDER_ALL},
    {"overlay",
     "one is mounted below the data directory, and files deleted and changed in it",
     {{"kernel overlay", NULL},
      {"fuse-overlay (coracle-overlay)", "speed of file systems"},
      {"copy", "time and disk: each container has a copy of its image"}},
     "no file system for containers",
     LADDER_ALL},
    {"FUSE",
     "/dev/fuse is opened",
     {{"/dev/fuse", NULL},
      {"none",
       "fuse-overlay: where the kernel's overlay does not work, or a container has ids of its own, images are copied"}},
     NULL,
     LADDER_NOTHING},
    {"TUN",
     "/dev/net/tun is opened",
     {{"/dev/net/tun", NULL}, {"veth pairs alone", "speed of networks"}},
     NULL,
     LADDER_NOTHING},
    {"network namespaces",
     "one is made in a user namespace",
     {{"one for each container or network", NULL}},
     "an error that says to use --network host, which works",
     LADDER_ALL},
    {"network",
     "coracle-slirp is started",
     {{"coracle-slirp", NULL},
      {"coracle-slirp with a libslirp before 4.9.2", "its confinement is all that keeps known errors in"}},
     "--network host and none only",
     LADDER_PORTS},
    {"namespaces",
     "pid, IPC, UTS (with a name) and cgroup namespaces are made in a user namespace",
     {{"namespaces of the container's own", NULL},
      {"the host's, unless a flag asked for one", "the isolation of those that are missing"}},
     NULL,
     LADDER_NOTHING},
    {"proc",
     "a new proc is mounted in a new pid namespace",
     {{"a new /proc", NULL}, {"the /proc of outside", "pids as the container knows them; processes of outside show"}},
     NULL,
     LADDER_NOTHING},
    {"sysfs",
     "a new sysfs is mounted in a new network namespace",
     {{"a new /sys", NULL}, {"the /sys of outside", "the container's own network devices in /sys"}},
     NULL,
     LADDER_NOTHING},
    {"sysctls",
     "one of a new network namespace is opened for writing",
     {{"sysctls of the container's own namespaces", NULL},
      {"none, unless a flag asked for one", "ping without NET_RAW"}},
     NULL,
     LADDER_NOTHING},
    {"seccomp",
     "a filter is installed",
     {{"the default profile, or the user's", NULL}},
     "an error that says to use --security-opt seccomp=unconfined, which works",
     LADDER_ALL},
    {"cgroups",
     "/sys/fs/cgroup, this process's cgroup, and whether the user's systemd can be asked",
     {{"cgroup v2, delegated with all controllers", NULL},
      {"cgroup v2, delegated with some", "limits of the missing controllers"},
      {"resource limits of processes",
       "CPU and I/O limits; memory counts for each process alone, processes for the user"}},
     NULL,
     LADDER_NOTHING},
    {"limits",
     "RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE",
     {{"high enough", NULL}, {"low", "what needs more, with an error that names the limit"}},
     "an error that names the limit",
     LADDER_ALL},
    {"kernel interfaces",
     "openat2, fsopen, pidfd_open, pidfd_send_signal, close_range and landlock are called with arguments that cannot "
     "work",
     {{"all of them", NULL},
      {"older calls, also where a filter answers EPERM", "speed; Landlock's part of the helpers' confinement"}},
     NULL,
     LADDER_NOTHING},
    {"OCI runtime",
     "crun, runc, youki and runsc in PATH are asked for their versions",
     {{"crun", NULL}, {"runc, or another", "the time that crun takes less"}},
     "containers cannot be started",
     LADDER_ALL},
};

const struct ladder *ladder_all(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(ladder_table);
    return ladder_table;
}

const struct ladder *ladder_find(const char *need)
{
    for (size_t i = 0; i < ARRAY_LEN(ladder_table); i++)
        if (strcmp(ladder_table[i].need, need) == 0)
            return &ladder_table[i];
    return NULL;
}

size_t ladder_height(const struct ladder *l)
{
    size_t n = 0;
    while (n < LADDER_RUNGS_MAX && l->rungs[n].use)
        n++;
    return n;
}

/* "run, build, -p" */
static struct err *put_breaks(enum ladder_breaks breaks, struct strbuf *out)
{
    static const struct {
        enum ladder_breaks bit;
        const char *name;
    } names[] = {{LADDER_RUN, "run"}, {LADDER_BUILD, "build"}, {LADDER_PORTS, "-p"}};
    const char *sep = "";
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(breaks & names[i].bit))
            continue;
        TRY(strbuf_printf(out, "%s%s", sep, names[i].name));
        sep = ", ";
    }
    return NULL;
}

static struct err *put_row(const struct ladder *l, struct strbuf *out)
{
    TRY(strbuf_printf(out, "| %s | %s | ", l->need, l->probe));
    for (size_t i = 0; i < ladder_height(l); i++)
        TRY(strbuf_printf(out, "%s%zu. %s%s%s", i ? "<br>" : "", i + 1, l->rungs[i].use,
                          l->rungs[i].lost ? "; lost: " : "", l->rungs[i].lost ? l->rungs[i].lost : ""));
    TRY(strbuf_printf(out, " | %s%s", l->end ? l->end : "", l->breaks ? " (" : ""));
    TRY(put_breaks(l->breaks, out));
    return strbuf_puts(out, l->breaks ? ") |\n" : " |\n");
}

struct err *ladder_markdown(struct strbuf *out)
{
    TRY(strbuf_puts(out, "| need | found out by | taken, in this order | at the end (what does not work then) |\n"
                         "| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < ARRAY_LEN(ladder_table); i++)
        TRY(put_row(&ladder_table[i], out));
    return NULL;
}
