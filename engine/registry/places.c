#include "engine/registry/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

struct err *places_own(const char *name, char **ret)
{
    AUTO_FREE char *dir = NULL;
    const char *own = getenv("CORACLE_HOME");
    if (!own || !own[0])
        return NULL;
    TRY(path_absolute(own, &dir));
    return path_join(ret, dir, name);
}

struct err *places_home(const char *name, char **ret)
{
    const char *home = getenv("HOME");
    return home && home[0] ? mem_asprintf(ret, "%s/%s", home, name) : NULL;
}

struct err *places_user_config(const char *name, char **ret)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    AUTO_FREE char *below = NULL;
    TRY(mem_asprintf(&below, ".config/containers/%s", name));
    TRY(places_own(below + 1, ret));
    if (*ret)
        return NULL;
    if (config && config[0])
        return mem_asprintf(ret, "%s/containers/%s", config, name);
    return places_home(below, ret);
}

/* Root of the machine, and not of a session's user namespace: 0 is in the first line of the map, user_namespaces(7). */
static bool is_real_root(void)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    AUTO_FD int fd = geteuid() == 0 ? open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    struct err *e = fd_read_all(fd, 4096, &text, NULL);
    if (!e)
        e = strv_split(text, ' ', &words);
    bool ok = !e;
    err_drop(e);
    for (size_t i = 0, n = 0; ok && i < words.count; i++)
        if (words.items[i][0] && n++ == 1)
            return strcmp(words.items[i], "0") == 0;
    return false;
}

struct err *places_cache_dir(char **ret)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    TRY(places_own("cache/containers", ret));
    if (*ret)
        return NULL;
    if (is_real_root())
        return mem_strdup("/var/cache/containers", ret);
    return cache && cache[0] ? mem_asprintf(ret, "%s/containers", cache) : places_home(".cache/containers", ret);
}

struct err *places_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
    struct err *e = file_read(AT_FDCWD, path, max, ret, ret_len);
    if (!e || (err_kind(e) != ERR_NOT_FOUND && err_errno(e) != ENOTDIR))
        return ERR_WRAP(e, "read %s", path);
    err_drop(e);
    return NULL;
}

struct err *places_read_json(const char *path, size_t max, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(places_read(path, max, &text, &len));
    if (text && len)
        return json_parse(text, len, path, ret);
    *ret = json_object();
    return *ret ? NULL : err_oom();
}

struct err *places_lock(const char *path, mode_t mode, int *ret)
{
    AUTO_FREE char *dir = NULL;
    const char *slash = strrchr(path, '/');
    TRY(slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path), &dir) : mem_strdup(".", &dir));
    TRY(file_mkdirs(dir, mode));
    return file_open_locked(AT_FDCWD, dir, true, true, ret);
}

struct err *places_list(const char *dir, const char *suffix, struct strv *ret)
{
    DIR *d = opendir(dir);
    struct err *e = NULL;
    const struct dirent *entry;
    if (!d)
        return errno == ENOENT || errno == ENOTDIR ? NULL : ERR_SYS(errno, "open %s", dir);
    while (!e && (entry = readdir(d))) {
        size_t len = strlen(entry->d_name), end = strlen(suffix);
        if (len > end && strcmp(entry->d_name + len - end, suffix) == 0)
            e = strv_addf(ret, "%s/%s", dir, entry->d_name);
    }
    closedir(d);
    if (!e)
        strv_sort(ret);
    return e;
}
