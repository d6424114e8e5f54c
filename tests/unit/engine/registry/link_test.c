#include "engine/registry/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void next_pages(void **state)
{
    (void)state;
    static const struct {
        const char *text, *next;
    } cases[] = {
        {"</v2/x/tags/list?n=2&last=b>; rel=\"next\"", "/v2/x/tags/list?n=2&last=b"},
        {"<https://a.test/p,q;r>;rel=next", "https://a.test/p,q;r"},
        {"<a>; rel=prev, <b>; title=\"x\\\",<c>; rel=next\"; REL=\"last Next\"", "b"},
        {"<a>; anchor; rel = next", "a"},
        {"<a>; rel=\"prev\", <b>; rel=\"next\"", "b"},
        {"<a>; rel=nextish", NULL},
        {"<next>; rel=prev", NULL},
        {"<a; rel=next", NULL},
        {"<a>; rel=\"next", NULL},
        {"<a>; =next", NULL},
        {"a; rel=next", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO_FREE char *next = NULL;
        struct err *e = link_next(cases[i].text, &next);
        assert_null(e);
        if (cases[i].next)
            assert_string_equal(next, cases[i].next);
        else
            assert_null(next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(next_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
