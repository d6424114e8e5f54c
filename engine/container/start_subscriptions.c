/* mounts.conf: what of the host every container gets a copy of, usually subscriptions below /run/secrets.
 * containers-mounts.conf(5): lines "/SOURCE:/DESTINATION", '#' begins a comment; the first of the user's file, the
 * administrator's and the distribution's that is there counts, whole. Copies are made at each start, into the monitor's
 * private tmpfs, so that a container can change its own and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/container/spec_internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/registry/places.h"
#include "rootless/session.h"

#define CONF_MAX ((size_t)64 << 10)
#define COPIES_DIR "subscriptions"

/* The text of the file that counts; NULL: there is none. *ret_path names it. */
static struct err *read_conf(const struct start *s, char **ret_path, char **ret)
{
    AUTO_FREE char *own = NULL;
    if (engine_session(s->e)->host_uid != 0)
        TRY(places_user_config("mounts.conf", &own));
    const char *const paths[] = {own, "/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i])
            TRY(places_read(paths[i], CONF_MAX, ret, NULL));
        if (*ret)
            return mem_strdup(paths[i], ret_path);
    }
    return NULL;
}

/* As <COPIES_DIR>/<index>, a file or a directory. */
static struct err *copy(const char *source, int dir, const char *name)
{
    AUTO_FD int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to = -1;
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0)
        return ERR_SYS(errno, "open %s", source);
    if (S_ISDIR(st.st_mode)) {
        if (mkdirat(dir, name, 0755) < 0)
            return ERR_SYS(errno, "create a copy of %s", source);
        TRY(file_open_dir(dir, name, &to));
        return file_copy_tree(from, to);
    }
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "%s is neither a file nor a directory", source);
    to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0 || fchmod(to, st.st_mode & 0777) < 0)
        return ERR_SYS(errno, "create a copy of %s", source);
    return file_copy_data(from, to);
}

static bool is_taken(const struct start *s, const char *target)
{
    for (size_t i = 0; i < s->n_mounts; i++)
        if (strcmp(s->mounts[i].target, target) == 0)
            return true;
    return false;
}

static struct err *add_mount(struct start *s, const char *name, const char *target)
{
    struct oci_mount *m;
    TRY(start_add_mount(s, "bind", target, &m));
    TRY(strv_add(&m->options, "rbind"));
    TRY(strv_add(&m->options, "rprivate"));
    return mem_asprintf(&m->source, "%s/" MONITOR_PRIVATE "/" COPIES_DIR "/%s", engine_run_dir(s->e), name);
}

/* A source that isn't there is passed over with a word, as in Podman: files of this kind come with machines. */
static struct err *add_line(struct start *s, const char *conf, const char *line, int dir, size_t index)
{
    AUTO_FREE char *source = NULL, *target = NULL, *name = NULL;
    const char *colon = strchr(line, ':');
    if (!colon || line[0] != '/')
        return ERR_NEW(ERR_INVALID, "%s: \"%s\" is not /SOURCE:/DESTINATION", conf, line);
    TRY(mem_strndup(line, (size_t)(colon - line), &source));
    TRY_WRAP(spec_check_target(colon + 1, &target), "%s", conf);
    if (is_taken(s, target))
        return NULL;
    if (access(source, F_OK) < 0) {
        log_write(LOG_LEVEL_WARN, "Path \"%s\" from \"%s\" doesn't exist, skipping", source, conf);
        return NULL;
    }
    TRY(mem_asprintf(&name, "%zu", index));
    TRY_WRAP(copy(source, dir, name), "%s", conf);
    return add_mount(s, name, target);
}

struct err *start_write_subscriptions(struct start *s)
{
    AUTO_FREE char *text = NULL, *conf = NULL;
    AUTO_STRV struct strv lines = STRV_INIT;
    AUTO_FD int dir = -1;
    TRY(read_conf(s, &conf, &text));
    if (!text)
        return NULL;
    TRY(strv_split(text, '\n', &lines));
    if (mkdirat(s->private_fd, COPIES_DIR, 0755) < 0)
        return ERR_SYS(errno, "create " COPIES_DIR);
    TRY(file_open_dir(s->private_fd, COPIES_DIR, &dir));
    for (size_t i = 0; i < lines.count; i++) {
        char *line = lines.items[i] + strspn(lines.items[i], " \t");
        size_t len = strlen(line);
        while (len && strchr(" \t\r", line[len - 1]))
            line[--len] = '\0';
        if (len && *line != '#')
            TRY(add_line(s, conf, line, dir, i));
    }
    return NULL;
}
