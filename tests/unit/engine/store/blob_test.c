#include "engine/store/digest.h"

#include "tests/unit/engine/store/fixture.h"

#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_PATH "blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void put_and_read(void **state)
{
    struct store *s = open_store(*state);
    char *digest, *text;
    size_t len;
    assert_false(store_blob_exists(s, ABC));
    expect_success(store_blob_put(s, "abc", 3, &digest));
    assert_string_equal(digest, ABC);
    mem_freep(&digest);
    expect_success(store_blob_put(s, "abc", 3, &digest));
    mem_freep(&digest);
    assert_true(store_blob_exists(s, ABC));
    expect_success(store_blob_read(s, ABC, 3, &text, &len));
    assert_string_equal(text, "abc");
    assert_int_equal(len, 3);
    mem_freep(&text);
    int fd;
    uint64_t size;
    expect_success(store_blob_open(s, ABC, &fd, &size));
    assert_int_equal(size, 3);
    close(fd);
    store_close(s);
}

static void damage_is_found(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    char *text;
    tempdir_write(t, ABC_PATH, "abd");
    expect_kind(store_blob_read(s, ABC, 100, &text, NULL), ERR_CORRUPT);
    tempdir_write(t, ABC_PATH, "abcd");
    expect_kind(store_blob_read(s, ABC, 3, &text, NULL), ERR_NO_SPACE);
    unlinkat(t->fd, ABC_PATH, 0);
    expect_kind(store_blob_read(s, ABC, 100, &text, NULL), ERR_NOT_FOUND);
    tempdir_mkdir(t, ABC_PATH);
    expect_kind(store_blob_read(s, ABC, 100, &text, NULL), ERR_CORRUPT);
    expect_kind(store_blob_read(s, "sha256:../../state.db", 100, &text, NULL), ERR_INVALID);
    store_close(s);
}

static void commit_moves_and_a_present_blob_wins(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    struct store_staging st;
    expect_success(store_staging_new(s, &st));
    char name[64];
    snprintf(name, sizeof name, "%s/x", st.name);
    tempdir_write(t, name, "abc");
    expect_success(store_blob_commit(s, name, ABC));
    assert_false(file_exists(t->fd, name));
    tempdir_write(t, name, "other");
    expect_success(store_blob_commit(s, name, ABC));
    char *text;
    expect_success(store_blob_read(s, ABC, 3, &text, NULL));
    mem_freep(&text);
    expect_kind(store_blob_commit(s, "staging/none", ABC), ERR_NOT_FOUND);
    store_staging_done(s, &st);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(put_and_read),
        TEMPDIR_TEST(damage_is_found),
        TEMPDIR_TEST(commit_moves_and_a_present_blob_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
