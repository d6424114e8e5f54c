#include "engine/storage/options.h"

#include <string.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/strv.h"

void storage_options_done(struct storage_options *o)
{
    mem_freep(&o->mount_program);
    mem_freep(&o->mountopt);
    mem_freep(&o->fuse);
    strv_done(&o->image_stores);
    *o = (struct storage_options){0};
}

/* --- mountopt --- */

enum mountopt_kind {
    MOUNTOPT_FLAG,
    MOUNTOPT_VOLATILE,
    MOUNTOPT_DEFAULT, /* this value is the case anyway */
    MOUNTOPT_KERNEL,  /* not in a user namespace: overlayfs.rst, "userxattr" */
    MOUNTOPT_FUSE,    /* coracle-overlay's (and fuse-overlayfs') own */
};

static const struct mountopt {
    const char *name; /* without "=…" for MOUNTOPT_KERNEL and MOUNTOPT_FUSE */
    enum mountopt_kind kind;
    unsigned long set, clear;
} mountopts[] = {
    {"nodev", MOUNTOPT_FLAG, MS_NODEV, 0},
    {"dev", MOUNTOPT_FLAG, 0, MS_NODEV},
    {"nosuid", MOUNTOPT_FLAG, MS_NOSUID, 0},
    {"suid", MOUNTOPT_FLAG, 0, MS_NOSUID},
    {"noexec", MOUNTOPT_FLAG, MS_NOEXEC, 0},
    {"exec", MOUNTOPT_FLAG, 0, MS_NOEXEC},
    {"noatime", MOUNTOPT_FLAG, MS_NOATIME, 0},
    {"nodiratime", MOUNTOPT_FLAG, MS_NODIRATIME, 0},
    {"volatile", MOUNTOPT_VOLATILE, 0, 0},
    {"fsync=0", MOUNTOPT_VOLATILE, 0, 0},
    {"fsync=1", MOUNTOPT_DEFAULT, 0, 0},
    {"rw", MOUNTOPT_DEFAULT, 0, 0},
    {"relatime", MOUNTOPT_DEFAULT, 0, 0},
    {"userxattr", MOUNTOPT_DEFAULT, 0, 0},
    {"index=off", MOUNTOPT_DEFAULT, 0, 0},
    {"metacopy=off", MOUNTOPT_DEFAULT, 0, 0},
    {"nfs_export=off", MOUNTOPT_DEFAULT, 0, 0},
    {"redirect_dir=off", MOUNTOPT_DEFAULT, 0, 0},
    {"redirect_dir=nofollow", MOUNTOPT_DEFAULT, 0, 0},
    {"index", MOUNTOPT_KERNEL, 0, 0},
    {"metacopy", MOUNTOPT_KERNEL, 0, 0},
    {"nfs_export", MOUNTOPT_KERNEL, 0, 0},
    {"redirect_dir", MOUNTOPT_KERNEL, 0, 0},
    {"xino", MOUNTOPT_KERNEL, 0, 0},
    {"noacl", MOUNTOPT_FUSE, 0, 0},
    {"squash_to_gid", MOUNTOPT_FUSE, 0, 0},
    {"squash_to_root", MOUNTOPT_FUSE, 0, 0},
    {"squash_to_uid", MOUNTOPT_FUSE, 0, 0},
    {"static_nlink", MOUNTOPT_FUSE, 0, 0},
    {"threaded", MOUNTOPT_FUSE, 0, 0},
    {"timeout", MOUNTOPT_FUSE, 0, 0},
    {"writeback", MOUNTOPT_FUSE, 0, 0},
    {"xattr_permissions", MOUNTOPT_FUSE, 0, 0},
};

/* The whole of it first, then without its value. */
static const struct mountopt *mountopt_find(const char *text)
{
    size_t len = strcspn(text, "=");
    for (size_t i = 0; i < ARRAY_LEN(mountopts); i++)
        if (strcmp(mountopts[i].name, text) == 0)
            return &mountopts[i];
    for (size_t i = 0; i < ARRAY_LEN(mountopts); i++) {
        const struct mountopt *m = &mountopts[i];
        bool values = m->kind == MOUNTOPT_KERNEL || m->kind == MOUNTOPT_FUSE;
        if (values && strncmp(m->name, text, len) == 0 && !m->name[len])
            return m;
    }
    return NULL;
}

static struct err *mountopt_add(struct storage_options *o, const char *text, struct strbuf *fuse, bool from_file)
{
    const struct mountopt *m = mountopt_find(text);
    if (!m)
        return ERR_NEW(ERR_INVALID, "unknown mount option \"%s\"", text);
    switch (m->kind) {
    case MOUNTOPT_FLAG:
        o->flags = (o->flags & ~m->clear) | m->set;
        return NULL;
    case MOUNTOPT_VOLATILE:
        o->is_volatile = true;
        return NULL;
    case MOUNTOPT_KERNEL:
        if (!from_file)
            return ERR_NEW(ERR_UNSUPPORTED,
                           "mount option \"%s\": the kernel's overlay has it outside of user "
                           "namespaces only",
                           text);
        log_debug("storage.conf: mount option %s is not for user namespaces", text);
        return NULL;
    case MOUNTOPT_FUSE:
        return strbuf_printf(fuse, "%s%s", fuse->len ? "," : "", text);
    case MOUNTOPT_DEFAULT:
    default:
        return NULL;
    }
}

static struct err *set_mountopt(struct storage_options *o, const char *value, bool from_file)
{
    AUTO_STRBUF struct strbuf fuse = STRBUF_INIT;
    AUTO_STRV struct strv parts = STRV_INIT;
    o->flags = 0;
    o->is_volatile = false;
    mem_freep(&o->fuse);
    TRY(strv_split(value, ',', &parts));
    for (size_t i = 0; i < parts.count; i++)
        if (*parts.items[i])
            TRY(mountopt_add(o, parts.items[i], &fuse, from_file));
    if (fuse.len)
        TRY(strbuf_take(&fuse, &o->fuse));
    return mem_replace(&o->mountopt, value);
}

/* --- the rest --- */

static struct err *set_program(struct storage_options *o, const char *value, bool from_file)
{
    (void)from_file;
    if (*value && *value != '/')
        return ERR_NEW(ERR_INVALID, "\"%s\" is not an absolute path", value);
    return mem_replace(&o->mount_program, *value ? value : NULL);
}

static bool says_no(const char *value)
{
    return !*value || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

static struct err *set_size(struct storage_options *o, const char *value, bool from_file)
{
    (void)from_file;
    o->size_bytes = 0;
    if (!*value)
        return NULL;
    TRY(number_parse_bytes(value, &o->size_bytes));
    return o->size_bytes > INT64_MAX ? ERR_NEW(ERR_INVALID, "\"%s\" is too much", value) : NULL;
}

static struct err *set_inodes(struct storage_options *o, const char *value, bool from_file)
{
    (void)from_file;
    o->inodes = 0;
    return *value ? number_parse_u64(value, INT64_MAX, &o->inodes) : NULL;
}

static struct err *set_not_built(struct storage_options *o, const char *value, bool from_file)
{
    (void)o;
    if (says_no(value) || from_file)
        return NULL;
    return ERR_NEW(ERR_UNSUPPORTED, "not built yet");
}

static struct err *parse_boolean(const char *value, bool *ret)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!yes && !says_no(value))
        return ERR_NEW(ERR_INVALID, "\"%s\" is neither true nor false", value);
    *ret = yes;
    return NULL;
}

static struct err *set_ignore_chown(struct storage_options *o, const char *value, bool from_file)
{
    (void)from_file;
    return parse_boolean(value, &o->ignore_chown_errors);
}

/* There is no mount over the data directory that could be left out, and what a kernel can do is found by trying. */
static struct err *set_meaningless(struct storage_options *o, const char *value, bool from_file)
{
    bool ignored;
    (void)o;
    (void)from_file;
    return parse_boolean(value, &ignored);
}

/* Each adds one. Several with commas between them, as Podman takes them. */
static struct err *add_image_store(struct storage_options *o, const char *value, bool from_file)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    (void)from_file;
    TRY(strv_split(value, ',', &parts));
    for (size_t i = 0; i < parts.count; i++) {
        if (*parts.items[i] != '/')
            return ERR_NEW(ERR_INVALID, "\"%s\" is not an absolute path", parts.items[i]);
        if (!strv_contains(&o->image_stores, parts.items[i]))
            TRY(strv_add(&o->image_stores, parts.items[i]));
    }
    return NULL;
}

static const struct option {
    const char *name;
    struct err *(*set)(struct storage_options *o, const char *value, bool from_file);
} options[] = {
    {"mount_program", set_program},
    {"mountopt", set_mountopt},
    {"size", set_size},
    {"inodes", set_inodes},
    {"force_mask", set_not_built},
    {"imagestore", set_not_built},
    {"additionalimagestore", add_image_store},
    {"additionallayerstore", set_not_built},
    {"use_composefs", set_not_built},
    {"ignore_chown_errors", set_ignore_chown},
    {"skip_mount_home", set_meaningless},
    {"override_kernel_check", set_meaningless},
};

struct err *storage_options_add(struct storage_options *o, const char *option, bool from_file)
{
    static const char *const drivers[] = {"overlay.", "overlay2.", "fuse-overlay.", "."};
    const char *value = strchr(option, '='), *name = option;
    if (!value)
        return ERR_NEW(ERR_INVALID, "storage option \"%s\": unable to parse key/value option", option);
    for (size_t i = 0; i < ARRAY_LEN(drivers) && name == option; i++)
        if (strncmp(option, drivers[i], strlen(drivers[i])) == 0)
            name += strlen(drivers[i]);
    size_t len = (size_t)(value - name);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
            return ERR_WRAP(options[i].set(o, value + 1, from_file), "storage option %.*s", (int)(value - option),
                            option);
    return ERR_NEW(ERR_INVALID, "overlay: unknown option %.*s", (int)(value - option), option);
}
