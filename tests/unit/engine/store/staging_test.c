#include <sys/wait.h>

#include "tests/unit/engine/store/fixture.h"

static size_t entries(const struct tempdir *t)
{
    char path[128];
    uint64_t bytes, inodes;
    snprintf(path, sizeof path, "staging");
    expect_success(file_tree_size(t->fd, path, &bytes, &inodes));
    return (size_t)inodes;
}

static void made_used_and_gone(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    struct store_staging a, b;
    expect_success(store_staging_new(s, &a));
    expect_success(store_staging_new(s, &b));
    assert_string_not_equal(a.name, b.name);
    assert_int_equal(mkdirat(a.dirfd, "sub", 0), 0);
    assert_true(file_exists(t->fd, a.name));
    expect_success(store_clean(s)); /* held ones stay */
    assert_true(file_exists(AT_FDCWD, a.path));
    store_staging_done(s, &a);
    store_staging_done(s, &b);
    store_staging_done(s, &b);
    assert_int_equal(entries(t), 0);
    store_close(s);
}

static void left_by_the_dead_is_removed(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    store_close(s);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            s = open_store(t);
            struct store_staging st;
            expect_success(store_staging_new(s, &st));
            mkdirat(st.dirfd, "sub", 0500);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    tempdir_write(t, "staging/lonely.lock", "");
    tempdir_mkdir(t, "staging/withoutlock");
    assert_true(entries(t) >= 8);
    s = open_store(t);
    struct store_staging mine;
    expect_success(store_staging_new(s, &mine));
    expect_success(store_clean_staging(s));
    assert_int_equal(entries(t), 2);
    store_staging_done(s, &mine);
    assert_int_equal(entries(t), 0);
    store_close(s);
}

static void makers_and_cleaners_at_once(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    store_close(s);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            s = open_store(t);
            for (int k = 0; k < 100; k++) {
                struct store_staging st;
                struct err *e = i < 2 ? store_staging_new(s, &st) : store_clean_staging(s);
                if (e)
                    _exit(1);
                if (i >= 2)
                    continue;
                if (mkdirat(st.dirfd, "x", 0700) < 0)
                    _exit(2);
                store_staging_done(s, &st);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    assert_int_equal(entries(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(made_used_and_gone),
        TEMPDIR_TEST(left_by_the_dead_is_removed),
        TEMPDIR_TEST(makers_and_cleaners_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
