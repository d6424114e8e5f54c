#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "userns/idplan.h"

static void facts_are_those_of_this_process(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f = {0};
    uint32_t host = 0;
    assert_null(idplan_facts_read(&f));
    assert_int_equal(f.uid, geteuid());
    assert_int_equal(f.gid, getegid());
    assert_true(idmap_to_host(&f.own_uids, geteuid(), &host));
    assert_true(idmap_to_host(&f.own_gids, getegid(), &host));
    assert_false(f.can_map_zero && !f.can_set_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts_are_those_of_this_process)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
