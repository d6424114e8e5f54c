/* A temporary directory for one test, removed with everything in it, and a few one-line file operations that fail the
 * test when they fail. Include after cmocka.h. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

struct tempdir {
    char path[64];
    int fd;
};

static inline int tempdir_setup(void **state)
{
    struct tempdir *t = calloc(1, sizeof(*t));
    if (!t)
        return -1;
    (void)snprintf(t->path, sizeof(t->path), "/tmp/coracle-test-XXXXXX");
    if (!mkdtemp(t->path))
        return -1;
    t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = t;
    return t->fd < 0 ? -1 : 0;
}

static inline int tempdir_teardown(void **state)
{
    struct tempdir *t = *state;
    (void)close(t->fd);
    struct err *e = file_remove_tree(AT_FDCWD, t->path);
    int r = e ? -1 : 0;
    err_drop(e);
    free(t);
    return r;
}

#define TEMPDIR_TEST(fn) cmocka_unit_test_setup_teardown(fn, tempdir_setup, tempdir_teardown)

static inline void tempdir_write(const struct tempdir *t, const char *name, const char *text)
{
    int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static inline void tempdir_mkdir(const struct tempdir *t, const char *name)
{
    assert_int_equal(mkdirat(t->fd, name, 0755), 0);
}

static inline void tempdir_link(const struct tempdir *t, const char *target, const char *name)
{
    assert_int_equal(symlinkat(target, t->fd, name), 0);
}

/* The error must be of this kind; frees it. */
static inline void expect_kind(struct err *e, enum err_kind kind)
{
    assert_non_null(e);
    if (err_kind(e) != kind)
        print_message("unexpected: %s\n", err_text(e));
    assert_string_equal(err_kind_name(err_kind(e)), err_kind_name(kind));
    err_free(e);
}

static inline void expect_success(struct err *e)
{
    if (e)
        print_message("unexpected: %s\n", err_text(e));
    assert_null(e);
}
