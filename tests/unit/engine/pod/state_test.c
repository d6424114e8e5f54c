/* The state of a pod from those of its containers, and what --share says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/pod/pod.h"

/* A letter for each container: c(reated) r(unning) p(aused) s(topping) e(xited) x (being removed). */
static enum pod_state state_of(const char *letters)
{
    static const char known[] = "crpsex";
    static const enum container_state states[] = {CT_CREATED,  CT_RUNNING, CT_PAUSED,
                                                  CT_STOPPING, CT_EXITED,  CT_REMOVING};
    struct container all[8] = {0};
    struct container *members[8];
    size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++) {
        all[i].state = states[strchr(known, letters[i]) - known];
        members[i] = &all[i];
    }
    return pod_state_of(members, n);
}

/* Podman's own words for each mixture. */
static void states(void **state)
{
    static const struct {
        const char *containers, *want;
    } cases[] = {{"", "Created"},    {"c", "Created"},   {"ccc", "Created"}, {"r", "Running"},   {"rrr", "Running"},
                 {"rc", "Degraded"}, {"re", "Degraded"}, {"rp", "Degraded"}, {"p", "Paused"},    {"pp", "Paused"},
                 {"e", "Exited"},    {"ee", "Exited"},   {"ec", "Stopped"},  {"ep", "Stopped"},  {"pc", "Created"},
                 {"s", "Error"},     {"xc", "Error"},    {"xe", "Stopped"},  {"rx", "Degraded"}, {"ps", "Error"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(pod_state_name(state_of(cases[i].containers)), cases[i].want) != 0)
            fail_msg("\"%s\" is %s", cases[i].containers, pod_state_name(state_of(cases[i].containers)));
}

static void shares(void **state)
{
    static const struct {
        const char *value, *want;
    } cases[] = {{"net", "net"},
                 {"ipc,pid", "ipc,pid"},
                 {"+pid", "ipc,net,uts,pid"},
                 {"-net", "ipc,uts"},
                 {"+pid,-ipc", "net,uts,pid"},
                 {"", ""},
                 {"none", ""},
                 {"net,none", ""},
                 {"net,net", "net"},
                 {"+net", "ipc,net,uts"},
                 {"cgroup,uts", "cgroup,uts"},
                 {"-pid", "ipc,net,uts"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *got = NULL;
        bool none = false;
        assert_null(pod_parse_share(cases[i].value, &got, &none));
        assert_string_equal(got, cases[i].want);
        assert_int_equal(none, !*cases[i].want);
    }
}

static void bad_shares(void **state)
{
    static const char *const values[] = {"foo", "net,foo", "NET", "user", "+", "net,", "ipc net", "++pid", "=net"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        AUTO_FREE char *got = NULL;
        bool none = false;
        struct err *e = pod_parse_share(values[i], &got, &none);
        bool blank = strcmp(values[i], "+") == 0 || strcmp(values[i], "net,") == 0; /* an empty word is "none" */
        if (!e != blank)
            fail_msg("\"%s\": %s", values[i], e ? err_text(e) : "accepted");
        if (e)
            assert_int_equal(err_kind(e), ERR_INVALID);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(shares),
        cmocka_unit_test(bad_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
