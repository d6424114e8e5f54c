/* --device vendor.com/class=name and --gpus: the files of the CDI directories, and what their devices want of a
 * container.
 *
 * In a user namespace no node can be made, so those of the host are bound, with the host's owner and mode: whoever may
 * use a device outside may use it inside. Files are the administrator's (or of a directory that the user names), like
 * containers.conf; YAML is read by coracle-trust all the same, which is where the parser is. Nothing of this is looked
 * at by containers that ask for no such device. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/container/cdi.h"
#include "engine/container/spec_internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/trust/trust.h"

#define FILES_MAX 1024
#define YAML_MAX_BYTES ((size_t)4 << 20)

/* Documents of one directory that could be read; and why the first other one could not. */
struct directory {
    json_t *documents;
    struct err *trouble;
};

struct search {
    struct directory *dirs;
    size_t n_dirs;
    struct trust *trust; /* once there was YAML */
    json_t *used;        /* documents whose common edits were made */
};

static void search_done(struct search *f)
{
    for (size_t i = 0; i < f->n_dirs; i++) {
        json_decref(f->dirs[i].documents);
        err_free(f->dirs[i].trouble);
    }
    mem_freep(&f->dirs);
    trust_stop(f->trust);
    json_decref(f->used);
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

/* --- reading */

static struct err *read_yaml(struct search *f, const char *path, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    TRY(file_read(AT_FDCWD, path, YAML_MAX_BYTES, &text, NULL));
    if (!f->trust)
        TRY(trust_start(&(struct trust_opts){0}, &f->trust));
    return trust_yaml(f->trust, path, text, ret);
}

static struct err *read_one(struct search *f, const char *path, struct directory *d)
{
    json_t *doc = NULL;
    struct err *e = ends_in(path, ".json") ? json_read(AT_FDCWD, path, path, &doc) : read_yaml(f, path, &doc);
    if (!e)
        e = cdi_check(doc, path);
    if (!e)
        return json_push(d->documents, doc);
    json_decref(doc);
    if (d->trouble)
        err_drop(e);
    else
        d->trouble = e;
    return NULL;
}

static struct err *list(const char *dir, struct strv *ret)
{
    DIR *d = opendir(dir);
    struct err *err = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "read CDI directory %s", dir);
    for (struct dirent *de; !err && (de = readdir(d));)
        if (ret->count < FILES_MAX && de->d_name[0] != '.' &&
            (ends_in(de->d_name, ".json") || ends_in(de->d_name, ".yaml") || ends_in(de->d_name, ".yml")))
            err = strv_add(ret, de->d_name);
    closedir(d);
    strv_sort(ret);
    return err;
}

static struct err *read_directory(struct search *f, const char *dir, struct directory *d)
{
    AUTO_STRV struct strv names = STRV_INIT;
    d->documents = json_array();
    if (!d->documents)
        return err_oom();
    TRY(list(dir, &names));
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *path = NULL;
        TRY(mem_asprintf(&path, "%s/%s", dir, names.items[i]));
        TRY(read_one(f, path, d));
    }
    return NULL;
}

static struct err *read_all(struct search *f, const struct strv *dirs)
{
    static const char *const usual[] = {"/etc/cdi", "/var/run/cdi"};
    size_t n = dirs->count ? dirs->count : ARRAY_LEN(usual);
    f->dirs = mem_zalloc(n * sizeof(*f->dirs));
    f->used = json_array();
    if (!f->dirs || !f->used)
        return err_oom();
    for (; f->n_dirs < n; f->n_dirs++)
        TRY(read_directory(f, dirs->count ? dirs->items[f->n_dirs] : usual[f->n_dirs], &f->dirs[f->n_dirs]));
    return NULL;
}

/* --- edits */

static struct err *push_mount(struct start *s, const char *type, const char *source, const char *target,
                              const char *const *options)
{
    AUTO_FREE char *clean = NULL;
    struct oci_mount *m;
    TRY(spec_check_target(target, &clean));
    TRY(start_add_mount(s, type, clean, &m));
    TRY(mem_strdup(source, &m->source));
    for (; *options; options++)
        TRY(strv_add(&m->options, *options));
    return NULL;
}

static struct err *add_node(struct start *s, const json_t *node)
{
    const char *target = json_string_value(json_object_get(node, "path"));
    const char *host = json_string_value(json_object_get(node, "hostPath"));
    const char *permissions = json_string_value(json_object_get(node, "permissions"));
    const char *type = json_string_value(json_object_get(node, "type"));
    struct stat st;
    host = host ? host : target;
    if (stat(host, &st) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "stat %s: %s", host,
                       errno == ENOENT ? "no such file or directory" : strerror(errno));
    bool fits = !type || !*type || (*type == 'b' && S_ISBLK(st.st_mode)) || (*type == 'p' && S_ISFIFO(st.st_mode)) ||
                (strchr("cu", *type) && S_ISCHR(st.st_mode));
    if (!fits)
        return ERR_NEW(ERR_INVALID, "%s is no device of type %s", host, type);
    bool writable = !permissions || !*permissions || strchr(permissions, 'w');
    const char *const options[] = {"rprivate", "nosuid", "noexec", writable ? "rw" : "ro", "rbind", NULL};
    return push_mount(s, "bind", host, target, options);
}

/* As the specification of runtimes has them; a bind is one that says so, or nothing at all. */
static struct err *add_mount(struct start *s, const json_t *mount)
{
    AUTO_STRV struct strv options = STRV_INIT;
    const json_t *given = json_object_get(mount, "options");
    const char *type = json_string_value(json_object_get(mount, "type"));
    for (size_t i = 0; i < json_array_size(given); i++)
        TRY(strv_add(&options, json_string_value(json_array_get(given, i))));
    bool bind = !type || !*type || strcmp(type, "bind") == 0 || strcmp(type, "none") == 0;
    if (bind && !strv_contains(&options, "bind") && !strv_contains(&options, "rbind"))
        TRY(strv_add(&options, "rbind"));
    const char *end = NULL;
    return push_mount(s, bind ? "bind" : type, json_string_value(json_object_get(mount, "hostPath")),
                      json_string_value(json_object_get(mount, "containerPath")),
                      options.count ? (const char *const *)options.items : &end);
}

static struct err *add_hook(struct start *s, const json_t *hook)
{
    AUTO_JSON json_t *copy = json_object();
    static const char *const lists[] = {"args", "env"};
    if (!copy)
        return err_oom();
    TRY(json_put_str(copy, "path", json_string_value(json_object_get(hook, "path"))));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json_t *value = json_object_get(hook, lists[i]);
        if (json_is_array(value))
            TRY(json_put(copy, lists[i], json_incref(value)));
    }
    int64_t timeout = cdi_number(hook, "timeout", 0);
    if (timeout > 0)
        TRY(json_put_int(copy, "timeout", timeout));
    return start_add_hook(s, json_string_value(json_object_get(hook, "hookName")), copy);
}

static struct err *add_each(struct start *s, const json_t *edits, const char *key,
                            struct err *(*add)(struct start *, const json_t *))
{
    const json_t *all = json_object_get(edits, key);
    for (size_t i = 0; i < json_array_size(all); i++)
        TRY(add(s, json_array_get(all, i)));
    return NULL;
}

static struct err *make_edits(struct start *s, const json_t *edits)
{
    static const char *const no[] = {"intelRdt", "netDevices"};
    const json_t *env = json_object_get(edits, "env"), *groups = json_object_get(edits, "additionalGids");
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (json_object_size(json_object_get(edits, no[i])) || json_array_size(json_object_get(edits, no[i])))
            return ERR_NEW(ERR_UNSUPPORTED, "its %s needs an administrator's rights on this host", no[i]);
    for (size_t i = 0; i < json_array_size(env); i++)
        TRY(strv_env_set(&s->facts.device_env, json_string_value(json_array_get(env, i))));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        int64_t gid = cdi_number(json_array_get(groups, i), NULL, -1);
        if (gid < 0 || gid >= UINT32_MAX)
            return ERR_NEW(ERR_INVALID, "additionalGids: %lld is no group", (long long)gid);
        if (gid) /* 0 is what a document has that means none: SPEC.md */
            TRY(strv_addf(&s->device_groups, "%lld", (long long)gid));
    }
    TRY(add_each(s, edits, "deviceNodes", add_node));
    TRY(add_each(s, edits, "mounts", add_mount));
    return add_each(s, edits, "hooks", add_hook);
}

/* The common edits of a document once, however many of its devices there are. */
static struct err *add_common(struct start *s, struct search *f, json_t *doc, const json_t *common)
{
    for (size_t i = 0; i < json_array_size(f->used); i++)
        if (json_array_get(f->used, i) == doc)
            return NULL;
    TRY(json_push(f->used, json_incref(doc)));
    return make_edits(s, common);
}

/* Later directories go before earlier ones; two files of one directory with the same device are an error. */
static struct err *add_device(struct start *s, struct search *f, const char *name)
{
    struct err *trouble = NULL;
    for (size_t i = f->n_dirs; i > 0; i--) {
        const struct directory *d = &f->dirs[i - 1];
        const json_t *common = NULL, *edits = NULL;
        json_t *found = NULL;
        for (size_t k = 0; k < json_array_size(d->documents); k++) {
            json_t *doc = json_array_get(d->documents, k);
            if (!cdi_find(doc, name, &common, &edits))
                continue;
            if (found)
                return ERR_NEW(ERR_INVALID, "setting up CDI devices: %s is in two files of one directory", name);
            found = doc;
        }
        trouble = trouble ? trouble : d->trouble;
        if (!found)
            continue;
        (void)cdi_find(found, name, &common, &edits);
        TRY_WRAP(add_common(s, f, found, common), "setting up CDI device %s", name);
        return ERR_WRAP(make_edits(s, edits), "setting up CDI device %s", name);
    }
    return ERR_NEW(ERR_NOT_FOUND, "setting up CDI devices: unresolvable CDI devices %s%s%s%s", name,
                   trouble ? " (" : "", trouble ? err_text(trouble) : "", trouble ? ")" : "");
}

struct err *start_settle_cdi(struct start *s)
{
    const struct strv *names = &s->c->spec.cdi_devices;
    if (!names->count)
        return NULL;
    __attribute__((cleanup(search_done))) struct search f = {0};
    TRY(read_all(&f, &engine_options(s->e)->cdi_dirs));
    for (size_t i = 0; i < names->count; i++)
        TRY(add_device(s, &f, names->items[i]));
    return NULL;
}
