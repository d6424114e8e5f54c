/* policy.json: what is read can be looked up in, and says for every requirement what it is. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/image/policy.h"
#include "engine/image/scope.h"
#include "tests/fuzz/fuzz.h"

static void look_up(const struct policy *p)
{
    AUTO_STRV struct strv scopes = STRV_INIT;
    size_t i;
    json_t *one;
    err_drop(scope_list_docker("a.b:5000/c/d:tag", &scopes));
    json_t *list = policy_requirements(p, "docker", &scopes);
    FUZZ_CHECK(json_array_size(list) > 0);
    json_array_foreach (list, i, one) {
        AUTO_REQUIREMENT struct policy_requirement r = {0};
        bool same = false;
        struct err *e = policy_requirement_parse(one, &r);
        FUZZ_CHECK(!e);
        err_drop(identity_matches(&r.identity, "a.b:5000/c/d:tag", "a.b:5000/c/d:tag", &same));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_POLICY struct policy p = {0};
    if (size > 1u << 20)
        return 0;
    AUTO_ERR struct err *e = policy_parse((const char *)data, size, "policy.json", &p);
    if (e)
        FUZZ_CHECK(err_text(e)[0] != '\0');
    else
        look_up(&p);
    return 0;
}
