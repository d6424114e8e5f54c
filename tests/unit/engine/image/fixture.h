/* An engine without a session: a store in a temporary directory. Test programs define what the image module asks of the
 * engine (FAKE_ENGINE), so that nothing above the store is linked. Also: making OCI layouts and tars by hand. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/storage/options.h"
#include "engine/store/digest.h"
#include "engine/store/store.h"
#include "rootless/session.h"
#include "tests/unit/base/tempdir.h"

struct engine {
    struct tempdir *dir; /* of the test; the store is in "root" below it */
    struct store *store;
    struct session session;
};

#define FAKE_ENGINE                                                                        \
    struct session *engine_session(const struct engine *e)                                 \
    {                                                                                      \
        struct session *s = NULL;                                                          \
        memcpy(&s, (const struct session *[]){&e->session}, sizeof s);                     \
        return s;                                                                          \
    }                                                                                      \
    struct store *engine_store(const struct engine *e)                                     \
    {                                                                                      \
        return e->store;                                                                   \
    }                                                                                      \
    struct err *engine_storage_driver(struct engine *e, const char **r)                    \
    {                                                                                      \
        (void)e;                                                                           \
        *r = "overlay";                                                                    \
        return NULL;                                                                       \
    }                                                                                      \
    struct err *engine_storage_options(struct engine *e, const struct storage_options **r) \
    {                                                                                      \
        static const struct storage_options none;                                          \
        (void)e;                                                                           \
        *r = &none;                                                                        \
        return NULL;                                                                       \
    }                                                                                      \
    struct err *engine_image_stores(struct engine *e, const struct strv **r)               \
    {                                                                                      \
        static const struct strv none = STRV_INIT;                                         \
        (void)e;                                                                           \
        *r = &none;                                                                        \
        return NULL;                                                                       \
    }                                                                                      \
    const char *engine_run_dir(const struct engine *e)                                     \
    {                                                                                      \
        return e->session.run_dir;                                                         \
    }                                                                                      \
    const struct engine_opts *engine_options(const struct engine *e)                       \
    {                                                                                      \
        static const struct engine_opts none;                                              \
        (void)e;                                                                           \
        return &none;                                                                      \
    }                                                                                      \
    struct err *engine_notice(struct engine *e, const char *fmt, ...)                      \
    {                                                                                      \
        (void)e;                                                                           \
        (void)fmt;                                                                         \
        return NULL;                                                                       \
    }

static inline int engine_setup(void **state)
{
    struct engine *e = calloc(1, sizeof(*e));
    void *dir = NULL;
    if (!e || tempdir_setup(&dir))
        return -1;
    e->dir = dir;
    e->session.single_id = geteuid() != 0; /* then owners cannot be set */
    char root[128];
    snprintf(root, sizeof root, "%s/root", e->dir->path);
    expect_success(store_open(root, &e->store));
    *state = e;
    return 0;
}

/* After every test: nothing is left to clean, nothing is wrong. */
static inline int engine_teardown(void **state)
{
    struct engine *e = *state;
    struct strv problems = STRV_INIT;
    uint64_t bytes, inodes;
    expect_success(store_check(e->store, true, &problems, NULL));
    for (size_t i = 0; i < problems.count; i++)
        print_message("left over: %s\n", problems.items[i]);
    bool clean = problems.count == 0;
    strv_done(&problems);
    expect_success(file_tree_size(e->dir->fd, "root/staging", &bytes, &inodes));
    if (inodes > 0)
        print_message("left over: %d entries in staging\n", (int)inodes);
    store_close(e->store);
    void *dir = e->dir;
    free(e);
    int r = tempdir_teardown(&dir);
    return clean && inodes == 0 ? r : -1;
}

#define ENGINE_TEST(fn) cmocka_unit_test_setup_teardown(fn, engine_setup, engine_teardown)

/* Path of a file in the test's directory; static. */
static inline const char *in_dir(const struct engine *e, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", e->dir->path, name);
    return path;
}

/* --- a tar of one file, as bytes */
static inline void tar_file(struct strbuf *tar, const char *name, const char *text)
{
    char h[512] = {0};
    size_t len = strlen(text);
    unsigned sum = 8 * ' ';
    snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000644", 7);
    memcpy(h + 108, "0000000", 7);
    memcpy(h + 116, "0000000", 7);
    snprintf(h + 124, 12, "%011o", (unsigned)len);
    memcpy(h + 136, "00000000000", 11);
    h[156] = '0';
    memcpy(h + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += i >= 148 && i < 156 ? 0 : (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    expect_success(strbuf_add(tar, h, sizeof h));
    expect_success(strbuf_add(tar, text, len));
    char zeros[1024] = {0};
    expect_success(strbuf_add(tar, zeros, (512 - len % 512) % 512));
}

static inline void tar_end(struct strbuf *tar)
{
    char zeros[1024] = {0};
    expect_success(strbuf_add(tar, zeros, sizeof zeros));
}

/* --- an OCI layout in directory "layout" of the test */
static inline void write_bytes(const struct engine *e, const char *name, const void *data, size_t len)
{
    expect_success(file_write_atomic(e->dir->fd, name, data, len, 0644, FILE_NOSYNC));
}

static inline struct digest layout_blob(const struct engine *e, const char *dir, const void *data, size_t len)
{
    struct digest d = digest_of(data, len);
    char path[256];
    snprintf(path, sizeof path, "%s/%s/blobs/sha256", e->dir->path, dir);
    expect_success(file_mkdirs(path, 0755));
    snprintf(path, sizeof path, "%s/blobs/sha256/%s", dir, digest_hex(d.s));
    write_bytes(e, path, data, len);
    return d;
}

/* One image's config and manifest, of layers that each have one file "f<i>" with the given text; returns the manifest.
 */
struct layout_image {
    struct digest manifest, config;
    size_t manifest_len;
};
static inline struct layout_image layout_image(const struct engine *e, const char *dir, const char *arch,
                                               const char *const *files, size_t n, const char *settings)
{
    struct strbuf layers = STRBUF_INIT, ids = STRBUF_INIT, history = STRBUF_INIT, text = STRBUF_INIT;
    struct layout_image r;
    for (size_t i = 0; i < n; i++) {
        struct strbuf tar = STRBUF_INIT;
        char name[32];
        snprintf(name, sizeof name, "f%zu", i);
        tar_file(&tar, name, files[i]);
        tar_end(&tar);
        struct digest d = layout_blob(e, dir, tar.data, tar.len);
        expect_success(strbuf_printf(&layers,
                                     "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
                                     "\"size\":%zu}",
                                     i ? "," : "", d.s, tar.len));
        expect_success(strbuf_printf(&ids, "%s\"%s\"", i ? "," : "", d.s));
        expect_success(strbuf_printf(&history, "%s{\"created\":\"2024-01-02T03:04:05Z\",\"created_by\":\"step %s\"}",
                                     i ? "," : "", files[i]));
        strbuf_done(&tar);
    }
    expect_success(strbuf_printf(&text,
                                 "{\"created\":\"2024-01-02T03:04:05Z\",\"architecture\":\"%s\",\"os\":\"linux\","
                                 "\"config\":%s,\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]},\"history\":[%s]}",
                                 arch, settings ? settings : "{}", strbuf_str(&ids), strbuf_str(&history)));
    r.config = layout_blob(e, dir, text.data, text.len);
    size_t config_len = text.len;
    strbuf_done(&text);
    expect_success(strbuf_printf(&text,
                                 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1"
                                 "+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
                                 r.config.s, config_len, strbuf_str(&layers)));
    r.manifest = layout_blob(e, dir, text.data, text.len);
    r.manifest_len = text.len;
    strbuf_done(&text);
    strbuf_done(&layers);
    strbuf_done(&ids);
    strbuf_done(&history);
    return r;
}

static inline void layout_index(const struct engine *e, const char *dir, const char *entries)
{
    char path[128];
    struct strbuf text = STRBUF_INIT;
    snprintf(path, sizeof path, "%s/oci-layout", dir);
    write_bytes(e, path, "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
    snprintf(path, sizeof path, "%s/index.json", dir);
    expect_success(strbuf_printf(&text, "{\"schemaVersion\":2,\"manifests\":[%s]}", entries));
    write_bytes(e, path, text.data, text.len);
    strbuf_done(&text);
}

/* A descriptor; `more` begins with a comma or is empty. Static. */
static inline const char *layout_entry(const struct layout_image *i, const char *more)
{
    static char text[4][512];
    static unsigned next;
    char *t = text[next++ % 4];
    snprintf(t, sizeof text[0],
             "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu%s}",
             i->manifest.s, i->manifest_len, more);
    return t;
}

/* Make and load an image of these files; its id is in the result. */
static inline struct layout_image load_made(struct engine *e, const char *name, const char *const *files, size_t n,
                                            const char *settings)
{
    char more[256];
    struct strv names = STRV_INIT;
    struct layout_image i = layout_image(e, "made", "amd64", files, n, settings);
    snprintf(more, sizeof more, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", name);
    layout_index(e, "made", layout_entry(&i, more));
    const struct image_load_opts opts = {.path = in_dir(e, "made"), .fd = -1};
    expect_success(image_load(e, &opts, &names));
    assert_int_equal(names.count, 1);
    strv_done(&names);
    return i;
}

/* Load a path of the test's directory; the names are joined with spaces in a static buffer. */
static inline const char *load_names(struct engine *e, const char *name)
{
    static char buf[1024];
    struct strv names = STRV_INIT;
    char *joined = NULL;
    const struct image_load_opts opts = {.path = in_dir(e, name), .fd = -1};
    expect_success(image_load(e, &opts, &names));
    expect_success(strv_join(&names, " ", &joined));
    snprintf(buf, sizeof buf, "%s", joined);
    mem_freep(&joined);
    strv_done(&names);
    return buf;
}

/* Loading must fail with this kind, and the message contain `text`. */
static inline void load_fails(struct engine *e, const char *name, enum err_kind kind, const char *text)
{
    struct strv names = STRV_INIT;
    const struct image_load_opts opts = {.path = in_dir(e, name), .fd = -1};
    struct err *error = image_load(e, &opts, &names);
    assert_int_equal(names.count, 0);
    assert_non_null(error);
    if (!strstr(err_text(error), text))
        print_message("'%s' is not in: %s\n", text, err_text(error));
    assert_non_null(strstr(err_text(error), text));
    expect_kind(error, kind);
}
