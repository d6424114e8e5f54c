#include "engine/store/digest.h"

#include "tests/unit/engine/store/fixture.h"

/* One image with one layer; its manifest, config and layer are the blob of "abc". */
static void add_image(const struct tempdir *t, struct store *s)
{
    char *digest;
    expect_success(store_blob_put(s, "abc", 3, &digest));
    struct store_stmt *st;
    expect_success(store_prepare(s, "INSERT INTO blobs VALUES(?, 3)", &st));
    expect_success(store_bind(st, "t", digest));
    expect_success(store_run(st));
    expect_success(store_prepare(
        s,
        "INSERT INTO images(id, manifest, config, media_type, os, arch, variant, created_nsec, added_nsec, size_bytes, "
        "labels) VALUES('id', ?1, ?1, 'type', 'linux', 'amd64', '', 0, 0, 0, '{}')",
        &st));
    expect_success(store_bind(st, "t", digest));
    expect_success(store_run(st));
    expect_success(run_sql(s, "INSERT INTO layers VALUES(1, 'sha256:diff', '', 'dir', 3, 0)"));
    expect_success(store_prepare(s, "INSERT INTO image_layers VALUES('id', 0, 1, ?)", &st));
    expect_success(store_bind(st, "t", digest));
    expect_success(store_run(st));
    mem_freep(&digest);
    tempdir_mkdir(t, "layers/dir");
    tempdir_mkdir(t, "layers/dir/diff");
}

static void what_is_referred_to_stays(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    add_image(t, s);
    expect_problem(s, true, NULL);
    expect_success(store_clean(s));
    expect_problem(s, true, NULL);
    assert_true(file_exists(t->fd, "layers/dir/diff"));
    store_close(s);
}

static void what_nothing_refers_to_goes(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    char *digest;
    add_image(t, s);
    expect_success(store_blob_put(s, "stray", 5, &digest));
    mem_freep(&digest);
    tempdir_write(t, "blobs/sha256/.tmp-half", "half");
    tempdir_mkdir(t, "layers/stray");
    tempdir_write(t, "layers/stray/file", "x");
    struct strv problems = STRV_INIT;
    expect_success(store_check(s, false, &problems, NULL));
    assert_int_equal(problems.count, 3);
    strv_done(&problems);
    expect_success(store_clean(s));
    expect_problem(s, true, NULL);

    expect_success(run_sql(s, "INSERT INTO layers VALUES(2, 'sha256:diff', '0 1 2', 'shift', 3, 0)"));
    tempdir_mkdir(t, "layers/shift");
    tempdir_mkdir(t, "layers/shift/diff");
    expect_success(store_clean(s));
    assert_true(file_exists(t->fd, "layers/shift")); /* the layer it was made from is in use */
    expect_success(run_sql(s, "DELETE FROM images"));
    expect_success(store_clean(s));
    expect_problem(s, true, NULL);
    assert_false(file_exists(t->fd, "layers/dir"));
    assert_false(file_exists(t->fd, "layers/shift"));
    assert_int_equal(query_int(s, "SELECT count(*) FROM blobs"), 0);
    store_close(s);
}

static void damage_is_reported(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    add_image(t, s);
    struct digest d = digest_of("abc", 3);
    char path[128];
    snprintf(path, sizeof path, "blobs/sha256/%s", digest_hex(d.s));
    tempdir_write(t, path, "abd");
    expect_problem(s, false, NULL);
    expect_problem(s, true, "its content has the digest");
    tempdir_write(t, path, "abcd");
    expect_problem(s, false, "has 4 bytes instead of 3");
    unlinkat(t->fd, path, 0);
    expect_problem(s, false, "is not in the store");
    tempdir_write(t, path, "abc");
    unlinkat(t->fd, "layers/dir/diff", AT_REMOVEDIR);
    expect_problem(s, false, "is missing");
    tempdir_mkdir(t, "layers/dir/diff");
    expect_success(run_sql(s, "PRAGMA foreign_keys=OFF"));
    expect_success(run_sql(s, "INSERT INTO image_names VALUES('name', 'none', 0)"));
    expect_problem(s, false, "image_names");
    expect_success(run_sql(s, "DELETE FROM image_names"));
    expect_success(run_sql(s, "UPDATE image_layers SET position = 2"));
    expect_problem(s, false, "gap");
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(what_is_referred_to_stays),
        TEMPDIR_TEST(what_nothing_refers_to_goes),
        TEMPDIR_TEST(damage_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
