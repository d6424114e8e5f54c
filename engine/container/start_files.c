/* /etc/hosts, /etc/hostname, /etc/resolv.conf and /run/.containerenv of a container.
 *
 * They are written into the monitor's private tmpfs, so they need no clean-up, and bound into the root by the runtime.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/internal.h"
#include "engine/container/spec_internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "rootless/session.h"

#define HOST_FILE_MAX ((size_t)1 << 20)

/* Write `name` into the private directory; *ret is its path as the runtime will see it. */
static struct err *put_file(struct start *s, const char *name, const char *text, const char **ret)
{
    AUTO_FD int fd = openat(s->private_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(errno, "create %s of the container", name);
    if (fchmod(fd, 0644) < 0)
        return ERR_SYS(errno, "set mode of %s", name);
    TRY_WRAP(fd_write_all(fd, text, strlen(text)), "write %s of the container", name);
    return start_keep(s, ret, "%s/" MONITOR_PRIVATE "/%s", engine_run_dir(s->e), name);
}

/* A file of the host, or nothing where there is none. */
static struct err *host_file(const char *path, char **ret)
{
    struct err *err = file_read(AT_FDCWD, path, HOST_FILE_MAX, ret, NULL);
    if (!err)
        return NULL;
    err_drop(err);
    return mem_strdup("", ret);
}

/* Of a namespace that is another container's: that one's. */
static struct err *hostname_of_other(struct engine *e, const char *id, char **ret)
{
    struct container *other = NULL;
    TRY(container_find(e, id, &other));
    struct err *err = container_hostname(e, other, ret);
    container_free(other);
    return err;
}

struct err *container_hostname(struct engine *e, const struct container *c, char **ret)
{
    struct utsname u;
    if (c->spec.hostname)
        return mem_strdup(c->spec.hostname, ret);
    if (c->spec.uts.mode == NS_HOST && uname(&u) == 0)
        return mem_strdup(u.nodename, ret);
    if (c->spec.uts.mode == NS_CONTAINER)
        return hostname_of_other(e, c->spec.uts.arg, ret);
    return mem_asprintf(ret, "%.12s", c->id);
}

static struct err *settle_hostname(struct start *s)
{
    AUTO_FREE char *name = NULL;
    struct utsname u;
    if (s->facts.no_uts_ns && !s->c->spec.hostname && s->c->spec.uts.mode == NS_DEFAULT && uname(&u) == 0)
        return start_keep(s, &s->facts.hostname, "%s", u.nodename);
    TRY(container_hostname(s->e, s->c, &name));
    return start_keep(s, &s->facts.hostname, "%s", name);
}

/* --- hosts */

/* "name:ip" or "name;name2:ip" of --add-host. */
static struct err *add_host_line(struct strbuf *sb, const char *value, const char *host_ip)
{
    AUTO_FREE char *names = NULL;
    const char *colon = strchr(value, ':');
    if (!colon || colon == value || !colon[1])
        return ERR_NEW(ERR_INVALID, "invalid host to IP mapping: \"%s\"", value);
    TRY(mem_strndup(value, (size_t)(colon - value), &names));
    const char *ip = strcmp(colon + 1, "host-gateway") == 0 ? host_ip : colon + 1;
    char scratch[16];
    if (inet_pton(AF_INET, ip, scratch) != 1 && inet_pton(AF_INET6, ip, scratch) != 1)
        return ERR_NEW(ERR_INVALID, "invalid IP address in add-host: \"%s\"", ip);
    for (char *p = names; *p; p++)
        if (*p == ';')
            *p = ' ';
    return strbuf_printf(sb, "%s\t%s\n", ip, names);
}

/* The host, as the container reaches it: the gateway, where that leads to the host's loopback; else by the host's own
 * address. "" when there is none. */
static void find_host_ip(const struct start *s, char ret[INET_ADDRSTRLEN])
{
    const struct slirp_config *c = &s->network.config;
    const char *given = s->c->spec.host_ip;
    ret[0] = '\0';
    if (given) /* an address, or nothing: cli/conf_keys.c */
        (void)snprintf(ret, INET_ADDRSTRLEN, "%s", given);
    else if (s->plan.network && c->host_loopback)
        (void)inet_ntop(AF_INET, &c->gateway, ret, INET_ADDRSTRLEN);
    else if (!container_host_address(ret))
        ret[0] = '\0';
}

/* At its addresses in named networks. */
static struct err *put_own_names(const struct start *s, struct strbuf *sb)
{
    for (size_t i = 0; i < s->places.count; i++) {
        const char *const ips[] = {s->places.items[i].ip, s->places.items[i].ip6};
        for (size_t k = 0; k < ARRAY_LEN(ips); k++)
            if (ips[k])
                TRY(strbuf_printf(sb, "%s\t%s %s\n", ips[k], s->facts.hostname, s->c->name));
    }
    return NULL;
}

/* The container's own name, at its own address. */
static struct err *put_own_name(const struct start *s, struct strbuf *sb)
{
    char ip[INET_ADDRSTRLEN] = "127.0.0.1";
    if (s->c->spec.network.mode == NS_HOST)
        return NULL;
    if (s->places.count)
        return put_own_names(s, sb);
    if (s->plan.network)
        (void)inet_ntop(AF_INET, &s->network.config.guest, ip, sizeof(ip));
    return strbuf_printf(sb, "%s\t%s %s\n", ip, s->facts.hostname, s->c->name);
}

/* What the entries of ours follow: as Podman's base_hosts_file, by default the host's own. */
static struct err *base_hosts(struct start *s, char **ret)
{
    const char *from = s->c->spec.hosts_file;
    AUTO_FD int fd = -1;
    size_t len;
    if (!from)
        return host_file("/etc/hosts", ret);
    if (strcmp(from, "none") == 0)
        return mem_strdup("", ret);
    if (strcmp(from, "image") != 0)
        return ERR_WRAP(file_read(AT_FDCWD, from, HOST_FILE_MAX, ret, NULL), "hosts file");
    struct stat st;
    struct err *err = path_open_in_root(s->root_fd, "/etc/hosts", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, &fd);
    if (!err && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        err = ERR_NEW(ERR_NOT_FOUND, "not a file");
    if (!err)
        return ERR_WRAP(fd_read_all(fd, HOST_FILE_MAX, ret, &len), "read /etc/hosts of the image");
    err_drop(err);
    return mem_strdup("", ret);
}

static struct err *hosts_text(struct start *s, struct strbuf *sb)
{
    const struct container_spec *spec = &s->c->spec;
    AUTO_FREE char *host = NULL;
    char host_ip[INET_ADDRSTRLEN];
    find_host_ip(s, host_ip);
    if (!host_ip[0] && !spec->host_ip && (spec->network.mode == NS_HOST || !s->plan.network))
        memcpy(host_ip, "127.0.0.1", sizeof("127.0.0.1"));
    for (size_t i = 0; i < spec->add_host.count; i++)
        TRY(add_host_line(sb, spec->add_host.items[i], host_ip));
    TRY(base_hosts(s, &host));
    TRY(strbuf_puts(sb, host));
    if (sb->len && sb->data[sb->len - 1] != '\n')
        TRY(strbuf_putc(sb, '\n'));
    if (!strstr(host, "localhost"))
        TRY(strbuf_puts(sb, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"));
    if (host_ip[0] && (s->plan.network || spec->network.mode == NS_HOST))
        TRY(strbuf_printf(sb, "%s\thost.containers.internal host.docker.internal\n", host_ip));
    return put_own_name(s, sb);
}

/* --- resolv.conf */

static struct err *put_list(struct strbuf *sb, const char *keyword, const struct strv *values)
{
    AUTO_FREE char *joined = NULL;
    TRY(strv_join(values, " ", &joined));
    return strbuf_printf(sb, "%s %s\n", keyword, joined);
}

/* On the host's loopback: of no use to a container that has its own. */
static bool is_local_server(const char *line)
{
    const char *at = line + strlen("nameserver");
    at += strspn(at, " \t");
    return strncmp(at, "127.", 4) == 0 || strcmp(at, "::1") == 0;
}

/* The host's lines that no option replaces. A container with the host's network reaches every server the host names;
 * another one can't reach a server on the host's loopback. */
static struct err *copy_host_resolv(struct strbuf *sb, const struct container_spec *spec, const char *host)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    bool spec_is_ours = container_has_network(spec);
    bool own_search = spec->dns_search.count > 0, own_dns = spec->dns.count > 0,
         own_options = spec->dns_option.count > 0;
    TRY(strv_split(host, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++) {
        const char *l = lines.items[i];
        bool server = strncmp(l, "nameserver", 10) == 0;
        bool search = strncmp(l, "search", 6) == 0 || strncmp(l, "domain", 6) == 0;
        bool options = strncmp(l, "options", 7) == 0;
        if (server && spec_is_ours && is_local_server(l))
            continue;
        if ((server && !own_dns) || (search && !own_search) || (options && !own_options))
            TRY(strbuf_printf(sb, "%s\n", l));
    }
    return NULL;
}

/* What stands behind a keyword in the host's file, word for word, appended. */
static struct err *add_host_words(const char *host, const char *keyword, struct strv *ret)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    size_t len = strlen(keyword);
    TRY(strv_split(host, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++) {
        const char *at = lines.items[i];
        if (strncmp(at, keyword, len) != 0 || !strchr(" \t", at[len]) || !at[len])
            continue;
        for (at += len + strspn(at + len, " \t"); *at && *at != '#' && *at != ';'; at += strspn(at, " \t")) {
            size_t n = strcspn(at, " \t");
            TRY(strv_addf(ret, "%.*s", (int)n, at));
            at += n;
        }
    }
    return NULL;
}

/* On named networks: their resolvers, and the domain of their names. As Podman, which keeps the host's domains and
 * options behind; its servers, or those of --dns, are what those resolvers ask. Three lines are what libc reads. */
static struct err *named_resolv_text(struct start *s, const char *host, struct strbuf *sb)
{
    const struct container_spec *spec = &s->c->spec;
    const struct strv *servers = s->resolvers.count ? &s->resolvers : &spec->dns;
    AUTO_STRV struct strv search = STRV_INIT, options = STRV_INIT;
    if (!spec->dns_search.count && s->resolvers.count)
        TRY(strv_add(&search, "dns.podman"));
    if (spec->dns_search.count)
        TRY(strv_copy(&spec->dns_search, &search));
    else
        TRY(add_host_words(host, "search", &search));
    TRY(spec->dns_option.count ? strv_copy(&spec->dns_option, &options) : add_host_words(host, "options", &options));
    if (search.count && !strv_contains(&search, "."))
        TRY(put_list(sb, "search", &search));
    for (size_t i = 0; i < servers->count; i++)
        TRY(strbuf_printf(sb, "nameserver %s\n", servers->items[i]));
    return options.count ? put_list(sb, "options", &options) : NULL;
}

static struct err *resolv_text(struct start *s, struct strbuf *sb)
{
    const struct container_spec *spec = &s->c->spec;
    AUTO_FREE char *host = NULL;
    TRY(host_file("/etc/resolv.conf", &host));
    if (s->places.count && (s->resolvers.count || spec->dns.count))
        return named_resolv_text(s, host, sb);
    if (spec->dns_search.count && !strv_contains(&spec->dns_search, "."))
        TRY(put_list(sb, "search", &spec->dns_search));
    if (s->plan.network && !s->places.count &&
        !spec->dns.count) { /* coracle-slirp's own resolver, which follows the host's */
        char ip[INET_ADDRSTRLEN];
        (void)inet_ntop(AF_INET, &s->network.config.dns, ip, sizeof(ip));
        TRY(strbuf_printf(sb, "nameserver %s\n", ip));
    }
    TRY(copy_host_resolv(sb, spec, host));
    for (size_t i = 0; i < spec->dns.count; i++)
        TRY(strbuf_printf(sb, "nameserver %s\n", spec->dns.items[i]));
    if (spec->dns_option.count)
        TRY(put_list(sb, "options", &spec->dns_option));
    return NULL;
}

static struct err *containerenv_text(struct start *s, struct strbuf *sb)
{
    const struct container_spec *spec = &s->c->spec;
    TRY(strbuf_printf(sb, "engine=\"coracle-%s\"\nname=\"%s\"\nid=\"%s\"\n", CORACLE_VERSION, s->c->name, s->c->id));
    TRY(strbuf_printf(sb, "image=\"%s\"\nimageid=\"%s\"\nrootless=%d\n", s->c->image_name ? s->c->image_name : "",
                      s->c->image_id ? s->c->image_id : "", engine_session(s->e)->host_uid != 0));
    return spec->privileged ? strbuf_puts(sb, "privileged=1\n") : NULL;
}

struct err *start_file_texts(struct start *s, struct strbuf *ret_hosts, struct strbuf *ret_resolv)
{
    TRY(settle_hostname(s));
    TRY(hosts_text(s, ret_hosts));
    return resolv_text(s, ret_resolv);
}

struct err *start_write_files(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    const struct {
        const char *name, *target;
        struct err *(*make)(struct start *, struct strbuf *);
        const char **ret;
        bool wanted;
    } files[] = {
        {START_HOSTS, "/etc/hosts", hosts_text, &s->facts.hosts_path, !spec->no_hosts},
        {START_RESOLV, "/etc/resolv.conf", resolv_text, &s->facts.resolv_path, !strv_contains(&spec->dns, "none")},
        {"containerenv", "/run/.containerenv", containerenv_text, &s->facts.containerenv_path, true},
    };
    TRY(settle_hostname(s));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
        if (!files[i].wanted || spec_mount_at(spec, files[i].target))
            continue;
        TRY(files[i].make(s, &sb));
        TRY(put_file(s, files[i].name, strbuf_str(&sb), files[i].ret));
    }
    if (spec->no_hostname || spec_mount_at(spec, "/etc/hostname"))
        return NULL;
    AUTO_FREE char *line = NULL;
    TRY(mem_asprintf(&line, "%s\n", s->facts.hostname));
    return put_file(s, "hostname", line, &s->facts.hostname_path);
}
