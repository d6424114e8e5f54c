/* What waits to be sent to the disk: it is kept open until then, no more of it than there is room for. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/writeout.h"

#define FILES (OVERLAY_UNWRITTEN_MAX + 3)

struct world {
    struct options opts;
    struct overlay fs;
    struct file *files[FILES];
    int fds[FILES];
};

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    if (!w)
        return -1;
    w->fs.opts = &w->opts;
    (void)pthread_mutex_init(&w->fs.lock, NULL);
    for (int i = 0; i < FILES; i++) {
        char path[] = "/tmp/writeout-XXXXXX";
        w->files[i] = mem_zalloc(sizeof(struct file));
        w->fds[i] = mkostemp(path, O_CLOEXEC);
        if (!w->files[i] || w->fds[i] < 0 || unlink(path) < 0)
            return -1;
        w->files[i]->fd = w->fds[i];
        atomic_init(&w->files[i]->refs, 1);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < FILES; i++) {
        if (w->files[i])
            file_put(w->files[i]);
    }
    (void)pthread_mutex_destroy(&w->fs.lock);
    mem_freep(&w);
    return 0;
}

static unsigned refs(const struct world *w)
{
    unsigned sum = 0;
    for (int i = 0; i < FILES; i++)
        sum += w->files[i] ? atomic_load(&w->files[i]->refs) : 0;
    return sum;
}

static void add_all(struct world *w)
{
    pthread_mutex_lock(&w->fs.lock);
    for (int i = 0; i < FILES; i++)
        writeout_add(&w->fs, w->files[i]);
    pthread_mutex_unlock(&w->fs.lock);
}

static void each_once_and_no_more_than_there_is_room(void **state)
{
    struct world *w = *state;
    unsigned done = 0;
    assert_false(writeout_one(&w->fs));
    add_all(w);
    assert_int_equal(refs(w), FILES + OVERLAY_UNWRITTEN_MAX);
    while (writeout_one(&w->fs))
        done++;
    assert_int_equal(done, OVERLAY_UNWRITTEN_MAX);
    assert_int_equal(refs(w), FILES);
}

static void files_stay_open_until_then(void **state)
{
    struct world *w = *state;
    add_all(w);
    file_put(w->files[0]); /* its node is forgotten */
    w->files[0] = NULL;
    assert_true(fcntl(w->fds[0], F_GETFD) >= 0);
    while (writeout_one(&w->fs)) {
    }
    assert_int_equal(fcntl(w->fds[0], F_GETFD), -1);
}

static void volatile_mounts_keep_nothing(void **state)
{
    struct world *w = *state;
    w->opts.is_volatile = true;
    add_all(w);
    assert_int_equal(refs(w), FILES);
    assert_false(writeout_one(&w->fs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_once_and_no_more_than_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(files_stay_open_until_then, setup, teardown),
        cmocka_unit_test_setup_teardown(volatile_mounts_keep_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
