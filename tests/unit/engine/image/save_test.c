/* Out and in again: save, import, embedded images. */
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

static const char *const two[] = {"one", "two"};
static const char *const other[] = {"other"};

static void save_as(struct engine *e, enum image_format format, const char *file, const char *name, const char *more)
{
    struct strv names = STRV_INIT;
    const struct image_save_opts opts = {.format = format, .path = in_dir(e, file), .fd = -1};
    expect_success(strv_add(&names, name));
    if (more)
        expect_success(strv_add(&names, more));
    expect_success(image_save(e, &names, &opts));
    strv_done(&names);
}

static void remove_all(struct engine *e)
{
    struct strv deleted = STRV_INIT;
    uint64_t bytes;
    expect_success(image_prune(e, true, NULL, &deleted, &bytes));
    strv_done(&deleted);
}

static void expect_image(struct engine *e, const char *name, const char *id)
{
    struct image *i = NULL;
    expect_success(image_find(e, name, &i));
    assert_string_equal(i->id, id);
    image_free(i);
}

static void each_format_comes_back(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "quay.io/x:1", two, 2, NULL);
    const char *id = digest_hex(made.config.s);
    save_as(e, IMAGE_DOCKER_ARCHIVE, "da.tar", "quay.io/x:1", NULL);
    save_as(e, IMAGE_OCI_ARCHIVE, "oa.tar", "quay.io/x:1", NULL);
    save_as(e, IMAGE_OCI_DIR, "od", "quay.io/x:1", NULL);
    save_as(e, IMAGE_DOCKER_DIR, "dd", id, NULL);
    static const char *const files[] = {"da.tar", "oa.tar", "od", "dd"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        remove_all(e);
        const char *names = load_names(e, files[i]);
        assert_string_equal(names, i == 3 ? made.config.s : "quay.io/x:1");
        expect_image(e, id, id);
    }
    remove_all(e);
    load_names(e, "oa.tar");
    struct image *i = NULL;
    expect_success(image_find(e, id, &i));
    assert_string_equal(i->manifest_digest, made.manifest.s); /* not a byte has changed */
    image_free(i);
}

static void several_images_in_one_archive(void **state)
{
    struct engine *e = *state;
    struct layout_image a = load_made(e, "a:1", two, 2, NULL);
    struct layout_image b = load_made(e, "b:1", other, 1, NULL);
    expect_success(image_tag(e, "b:1", "c:1"));
    save_as(e, IMAGE_DOCKER_ARCHIVE, "da.tar", "a:1", "b:1");
    save_as(e, IMAGE_DOCKER_ARCHIVE, "named.tar", "a:1", "new:1"); /* unknown: a further name of the first */
    save_as(e, IMAGE_OCI_ARCHIVE, "oa.tar", "b:1", "c:1");
    remove_all(e);
    assert_string_equal(load_names(e, "da.tar"), "localhost/a:1 localhost/b:1");
    expect_image(e, "a:1", digest_hex(a.config.s));
    expect_image(e, "b:1", digest_hex(b.config.s));
    assert_string_equal(load_names(e, "named.tar"), "localhost/a:1 localhost/new:1");
    assert_string_equal(load_names(e, "oa.tar"), "localhost/b:1 localhost/c:1");
}

/* docker-dir with --compress: gzip on disk, the same image when it comes back. */
static void compressed_directory_comes_back(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "a:1", two, 2, NULL);
    struct strv names = STRV_INIT;
    char *text = NULL;
    size_t len;
    const struct image_save_opts opts = {
        .format = IMAGE_DOCKER_DIR, .path = in_dir(e, "dd"), .fd = -1, .compress = true};
    expect_success(strv_add(&names, "a:1"));
    expect_success(image_save(e, &names, &opts));
    strv_done(&names);
    expect_success(file_read(e->dir->fd, "dd/manifest.json", 10000, &text, &len));
    assert_non_null(strstr(text, "rootfs.diff.tar.gzip"));
    free(text);
    remove_all(e);
    assert_string_equal(load_names(e, "dd"), made.config.s);
}

static void what_cannot_be_saved_leaves_nothing(void **state)
{
    struct engine *e = *state;
    load_made(e, "a:1", two, 2, NULL);
    load_made(e, "b:1", other, 1, NULL);
    struct strv names = STRV_INIT;
    struct image_save_opts opts = {.format = IMAGE_DOCKER_ARCHIVE, .path = in_dir(e, "out.tar"), .fd = -1};
    expect_kind(image_save(e, &names, &opts), ERR_INVALID);
    expect_success(strv_add(&names, "nosuch"));
    expect_kind(image_save(e, &names, &opts), ERR_NOT_FOUND);
    assert_false(file_exists(e->dir->fd, "out.tar"));
    strv_clear(&names);
    expect_success(strv_add(&names, "a:1"));
    expect_success(strv_add(&names, "b:1"));
    opts.format = IMAGE_DOCKER_DIR;
    expect_kind(image_save(e, &names, &opts), ERR_INVALID);
    assert_false(file_exists(e->dir->fd, "out.tar"));
    strv_remove(&names, 1);
    tempdir_mkdir(e->dir, "full");
    tempdir_write(e->dir, "full/x", "");
    opts.path = in_dir(e, "full");
    expect_kind(image_save(e, &names, &opts), ERR_EXISTS);
    assert_true(file_exists(e->dir->fd, "full/x"));
    opts.path = NULL;
    expect_kind(image_save(e, &names, &opts), ERR_INVALID);
    strv_done(&names);
}

static void importing_a_tar(void **state)
{
    struct engine *e = *state;
    struct strbuf tar = STRBUF_INIT;
    tar_file(&tar, "file", "content");
    tar_end(&tar);
    write_bytes(e, "rootfs.tar", tar.data, tar.len);
    struct image_import_opts opts = {.path = in_dir(e, "rootfs.tar"), .fd = -1, .name = "imp", .message = "why"};
    expect_success(strv_add(&opts.changes, "CMD [\"/file\"]"));
    char *id = NULL, *json = NULL;
    expect_success(image_import(e, &opts, &id));
    expect_image(e, "imp:latest", id);
    mem_freep(&id);
    expect_success(image_inspect(e, "imp", &json));
    assert_non_null(strstr(json, "\"Comment\": \"why\""));
    assert_non_null(strstr(json, "\"/file\""));
    assert_non_null(strstr(json, "#(nop) ADD file:"));
    mem_freep(&json);

    expect_success(strv_add(&opts.changes, "RUN x"));
    expect_kind(image_import(e, &opts, &id), ERR_INVALID);
    strv_clear(&opts.changes);
    opts.name = "BAD";
    expect_kind(image_import(e, &opts, &id), ERR_INVALID);
    opts.name = NULL;
    write_bytes(e, "rootfs.tar", tar.data, 700);
    struct err *error = image_import(e, &opts, &id);
    assert_non_null(error);
    expect_kind(error, ERR_CORRUPT);
    opts.path = in_dir(e, "none");
    expect_kind(image_import(e, &opts, &id), ERR_NOT_FOUND);
    strv_done(&opts.changes);
    strbuf_done(&tar);
}

static void embedded_images_are_loaded_when_asked_for(void **state)
{
    struct engine *e = *state;
    struct image *i = NULL;
    tempdir_mkdir(e->dir, "data");
    tempdir_link(e->dir, getenv("CORACLE_TEST_IMAGES"), "data/images");
    setenv("CORACLE_DATADIR", in_dir(e, "data"), 1);
    expect_kind(image_ensure(e, "coracle/hello", "never", NULL, &i), ERR_NOT_FOUND);
    expect_success(image_ensure(e, "coracle/hello", NULL, NULL, &i));
    assert_string_equal(i->names.items[0], "localhost/coracle/hello:latest");
    image_free(i);
    expect_success(image_ensure(e, "localhost/coracle/hello:latest", "never", NULL, &i));
    image_free(i);
    expect_success(image_ensure(e, "coracle/hello", "always", NULL, &i));
    image_free(i);
    struct image_platform p = {0};
    expect_success(image_platform_parse("linux/mips", &p));
    expect_kind(image_ensure(e, "coracle/hello", NULL, &p, &i), ERR_NOT_FOUND);
    image_platform_done(&p);
    /* No registry is configured, so that nobody is asked. */
    char conf[128];
    tempdir_write(e->dir, "registries.conf", "short-name-mode = 'enforcing'");
    (void)snprintf(conf, sizeof conf, "%s/registries.conf", e->dir->path);
    assert_int_equal(setenv("CONTAINERS_REGISTRIES_CONF", conf, 1), 0);
    expect_kind(image_ensure(e, "debian", NULL, NULL, &i), ERR_NOT_FOUND);
    expect_kind(image_ensure(e, "coracle/hello:2", NULL, NULL, &i), ERR_NOT_FOUND);
    expect_kind(image_ensure(e, "coracle/hello", "sometimes", NULL, &i), ERR_INVALID);
    expect_kind(image_ensure(e, "NAME", NULL, NULL, &i), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(each_format_comes_back),
        ENGINE_TEST(compressed_directory_comes_back),
        ENGINE_TEST(several_images_in_one_archive),
        ENGINE_TEST(what_cannot_be_saved_leaves_nothing),
        ENGINE_TEST(importing_a_tar),
        ENGINE_TEST(embedded_images_are_loaded_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
