#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "rootless/ladder.h"
#include "rootless/rung.h"

static int refuse_everything(void)
{
    return EPERM;
}

/* Who cannot enter has nothing of what is in there. */
static void the_answer_of_entering_is_everybodys(void **state)
{
    (void)state;
    struct rungs r = {{0}};
    assert_null(rungs_probe(refuse_everything, &r));
    for (size_t i = 0; i < RUNG_COUNT; i++)
        assert_int_equal(r.errnum[i], EPERM);
}

static void a_reason_is_always_given(void **state)
{
    (void)state;
    static const int errnums[] = {EPERM, ENOSPC, ENOSYS, EROFS, EIO};
    for (unsigned i = 0; i < RUNG_COUNT; i++) {
        assert_true(*rung_name((enum rung)i) != '\0');
        for (size_t k = 0; k < ARRAY_LEN(errnums); k++) {
            AUTO_FREE char *reason = NULL;
            assert_null(rung_reason((enum rung)i, errnums[k], &reason));
            assert_true(reason && *reason);
        }
    }
}

/* And each of them is a need of the ladder; a new /dev/mqueue has no row there. */
static void needs_are_made_of_rungs(void **state)
{
    (void)state;
    static const char *const needs[] = {"namespaces", "network namespaces", "proc", "sysfs", "sysctls", "seccomp"};
    size_t found = 0;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        size_t before = found;
        assert_non_null(ladder_find(needs[i]));
        for (unsigned k = 0; k < RUNG_COUNT; k++)
            found += rung_is_of((enum rung)k, needs[i]);
        assert_true(found > before);
        assert_false(rung_is_of(RUNG_MQUEUE, needs[i]));
    }
    assert_int_equal(found, RUNG_COUNT - 1);
}

static void what_was_found_is_read_again(void **state)
{
    (void)state;
    char dir[] = "/tmp/rung.XXXXXX", file[64];
    struct rungs r = {{0}}, again = {{0}};
    assert_non_null(mkdtemp(dir));
    AUTO_ERR struct err *none = rungs_load(dir, &again);
    assert_non_null(none);
    assert_int_equal(err_kind(none), ERR_NOT_FOUND);
    r.errnum[RUNG_PROC] = EPERM;
    r.errnum[RUNG_SECCOMP] = ENOSYS;
    assert_null(rungs_save(dir, &r));
    assert_null(rungs_load(dir, &again));
    assert_memory_equal(&r, &again, sizeof(r));
    /* Of another version, or damaged: as if nothing was known. */
    (void)snprintf(file, sizeof(file), "%s/rungs", dir);
    assert_null(file_write_atomic(AT_FDCWD, file, "1 2", 3, 0600, FILE_NOSYNC));
    AUTO_ERR struct err *older = rungs_load(dir, &again);
    assert_non_null(older);
    assert_int_equal(err_kind(older), ERR_NOT_FOUND);
    assert_null(file_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_entering_is_everybodys),
        cmocka_unit_test(a_reason_is_always_given),
        cmocka_unit_test(needs_are_made_of_rungs),
        cmocka_unit_test(what_was_found_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
