/* Artifacts that are here; registries are in tests/system/artifacts.bats. */
#include "engine/image/artifact.h"

#include <sys/stat.h>
#include <unistd.h>

#include "engine/image/artifact_internal.h"
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

static char *add(struct engine *e, const char *name, const char *file, const struct artifact_add_opts *opts)
{
    static const struct artifact_add_opts none = {0};
    struct strv files = STRV_INIT;
    char *digest = NULL;
    expect_success(strv_add(&files, in_dir(e, file)));
    expect_success(artifact_add(e, name, &files, opts ? opts : &none, &digest));
    strv_done(&files);
    return digest;
}

static void add_fails(struct engine *e, const char *name, const char *file, const struct artifact_add_opts *opts,
                      enum err_kind kind)
{
    struct strv files = STRV_INIT;
    char *digest = NULL;
    expect_success(strv_add(&files, in_dir(e, file)));
    expect_kind(artifact_add(e, name, &files, opts, &digest), kind);
    strv_done(&files);
}

static void expect_file(struct engine *e, const char *name, const char *content)
{
    char *text = NULL;
    size_t len;
    expect_success(file_read(e->dir->fd, name, 1000, &text, &len));
    assert_string_equal(text, content);
    free(text);
}

static void added_found_and_removed(void **state)
{
    struct engine *e = *state;
    struct artifact *a = NULL;
    char *gone = NULL;
    write_bytes(e, "f.txt", "text", 4);
    char *digest = add(e, "quay.io/a/b", "f.txt", NULL);
    expect_success(artifact_find(e, "quay.io/a/b:latest", &a));
    assert_string_equal(a->digest, digest);
    assert_int_equal(a->size_bytes, 4);
    artifact_free(a);
    char prefix[13] = {0};
    memcpy(prefix, digest + 7, 12);
    expect_success(artifact_find(e, prefix, &a));
    assert_string_equal(a->name, "quay.io/a/b:latest");
    artifact_free(a);
    expect_success(store_clean(e->store));
    assert_true(store_blob_exists(e->store, digest));
    expect_success(artifact_remove(e, digest, &gone));
    assert_string_equal(gone, digest);
    assert_false(store_blob_exists(e->store, digest));
    expect_kind(artifact_find(e, "quay.io/a/b", &a), ERR_NOT_FOUND);
    free(gone);
    free(digest);
}

static void appending_and_replacing(void **state)
{
    struct engine *e = *state;
    const struct artifact_add_opts none = {0}, append = {.append = true}, replace = {.replace = true};
    const struct artifact_add_opts typed = {.append = true, .type = "x/y"};
    struct artifact *a = NULL;
    char *text = NULL;
    write_bytes(e, "a", "aaa", 3);
    write_bytes(e, "b", "bb", 2);
    free(add(e, "x:1", "a", NULL));
    add_fails(e, "x:1", "b", &none, ERR_EXISTS);
    add_fails(e, "x:1", "a", &append, ERR_EXISTS); /* a file of this name is in it */
    add_fails(e, "x:1", "b", &typed, ERR_INVALID);
    add_fails(e, "y:1", "b", &append, ERR_NOT_FOUND);
    add_fails(e, "y:1", "missing", &none, ERR_NOT_FOUND);
    add_fails(e, "y:1", ".", &none, ERR_INVALID);
    free(add(e, "x:1", "b", &append));
    expect_success(artifact_find(e, "x:1", &a));
    assert_int_equal(a->size_bytes, 5);
    artifact_free(a);
    free(add(e, "x:1", "b", &replace));
    expect_success(artifact_inspect(e, "x:1", &text));
    assert_null(strstr(text, "\"size\": 3"));
    free(text);
}

static void extracted_by_title_digest_and_all(void **state)
{
    struct engine *e = *state;
    const struct artifact_add_opts append = {.append = true};
    struct artifact_extract_opts opts = {0};
    write_bytes(e, "a", "aaa", 3);
    write_bytes(e, "b", "bb", 2);
    free(add(e, "x:1", "a", NULL));
    expect_success(artifact_extract(e, "x:1", in_dir(e, "out"), &opts)); /* one file, any name */
    expect_file(e, "out", "aaa");
    free(add(e, "x:1", "b", &append));
    expect_kind(artifact_extract(e, "x:1", in_dir(e, "out"), &opts), ERR_INVALID);
    assert_int_equal(mkdirat(e->dir->fd, "dir", 0755), 0);
    expect_success(artifact_extract(e, "x:1", in_dir(e, "dir"), &opts));
    expect_file(e, "dir/a", "aaa");
    expect_file(e, "dir/b", "bb");
    opts.title = "b";
    expect_success(artifact_extract(e, "x:1", in_dir(e, "out"), &opts));
    expect_file(e, "out", "bb");
    opts.title = "c";
    expect_kind(artifact_extract(e, "x:1", in_dir(e, "out"), &opts), ERR_NOT_FOUND);
    opts.title = NULL;
    struct digest d = digest_of("bb", 2);
    char name[100];
    opts.digest = d.s;
    expect_success(artifact_extract(e, "x:1", in_dir(e, "dir"), &opts));
    snprintf(name, sizeof name, "dir/sha256-%s", digest_hex(d.s));
    expect_file(e, name, "bb");
    opts.title = "b";
    expect_kind(artifact_extract(e, "x:1", in_dir(e, "dir"), &opts), ERR_INVALID);
    expect_kind(artifact_extract(e, "x:1", in_dir(e, "no/such"), &(struct artifact_extract_opts){.title = "b"}),
                ERR_NOT_FOUND);
}

/* A manifest from outside whose file wants to be somewhere else. */
static void plant(struct engine *e, const char *title)
{
    struct content *c = NULL;
    struct digest config, file, manifest;
    struct strbuf text = STRBUF_INIT;
    expect_success(content_begin(e, &c));
    expect_success(content_put_document(c, "{}", 2, &config));
    expect_success(content_put_document(c, "evil", 4, &file));
    expect_success(strbuf_printf(
        &text,
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x/"
        "y\",\"digest\":\"%s\",\"size\":2},\"layers\":[{\"mediaType\":"
        "\"x/y\",\"digest\":\"%s\",\"size\":4,\"annotations\":{\"org.opencontainers.image.title\":\"%s\"}}]}",
        config.s, file.s, title));
    expect_success(artifact_commit(c, "localhost/evil:1", strbuf_str(&text), true, &manifest));
    content_free(c);
    strbuf_done(&text);
}

static void titles_lead_nowhere_else(void **state)
{
    struct engine *e = *state;
    const struct artifact_extract_opts opts = {0};
    static const char *const titles[] = {"../up", "/abs", "a/b", ".", ".."};
    assert_int_equal(mkdirat(e->dir->fd, "dir", 0755), 0);
    for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
        uint64_t bytes, inodes;
        plant(e, titles[i]);
        expect_kind(artifact_extract(e, "evil:1", in_dir(e, "dir"), &opts), ERR_INVALID);
        expect_success(file_tree_size(e->dir->fd, "dir", &bytes, &inodes));
        assert_int_equal(inodes, 0);
        expect_success(artifact_extract(e, "evil:1", in_dir(e, "file"), &opts)); /* the user's own name is fine */
        expect_file(e, "file", "evil");
    }
    assert_false(file_exists(e->dir->fd, "up"));
    /* A link that is in the way is replaced, not followed. */
    plant(e, "link");
    write_bytes(e, "victim", "good", 4);
    assert_int_equal(symlinkat("../victim", e->dir->fd, "dir/link"), 0);
    expect_success(artifact_extract(e, "evil:1", in_dir(e, "dir"), &opts));
    expect_file(e, "victim", "good");
    expect_file(e, "dir/link", "evil");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(added_found_and_removed),
        ENGINE_TEST(appending_and_replacing),
        ENGINE_TEST(extracted_by_title_digest_and_all),
        ENGINE_TEST(titles_lead_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
