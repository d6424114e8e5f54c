#include "engine/image/change.h"

#include "tests/unit/engine/image/fixture.h"

/* Apply the changes in turn to empty settings and compare. */
static void gives(const char *const *changes, size_t n, const char *expected)
{
    json_t *settings = json_object();
    char *text = NULL;
    for (size_t i = 0; i < n; i++)
        expect_success(change_apply(settings, changes[i]));
    expect_success(json_text(settings, &text));
    assert_string_equal(text, expected);
    mem_freep(&text);
    json_decref(settings);
}

static void instructions(void **state)
{
    (void)state;
#define GIVES(expected, ...) \
    gives((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), expected)
    GIVES("{\"Cmd\":[\"a\",\"b c\"]}", "CMD [\"a\", \"b c\"]");
    GIVES("{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $A\"]}", "cmd echo $A");
    GIVES("{\"Cmd\":[\"/bin/sh\",\"-c\",\"[ -f x ]\"]}", "CMD [ -f x ]");
    GIVES("{\"Entrypoint\":[\"x\"]}", "ENTRYPOINT [\"a\"]", "ENTRYPOINT=[\"x\"]");
    GIVES("{\"Env\":[\"A=b\",\"C=d e\",\"F=g\"]}", "ENV A=x C=\"d e\"", "ENV A=b", "ENV F g");
    GIVES("{\"Env\":[\"A=b c\"]}", "ENV A=b c");
    GIVES("{\"Env\":[\"A=b c\"]}", "ENV A b c");
    GIVES("{\"Env\":[\"A=b c\"]}", "ENV A=b\\ c");
    GIVES("{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"7-9/tcp\":{}}}", "EXPOSE 80 53/udp", "EXPOSE 7-9/tcp");
    GIVES("{\"Labels\":{\"a\":\"b\",\"c\":\"d e\"}}", "LABEL a=x", "LABEL a=b c='d e'");
    GIVES("{\"OnBuild\":[\"RUN x\",\"RUN y\"]}", "ONBUILD RUN x", "ONBUILD RUN y");
    GIVES("{\"StopSignal\":\"SIGINT\"}", "STOPSIGNAL SIGINT");
    GIVES("{\"User\":\"1:2\"}", "USER 1:2");
    GIVES("{\"Volumes\":{\"/a\":{},\"/b\":{},\"/c d\":{}}}", "VOLUME /a /b", "VOLUME [\"/c d\"]");
    GIVES("{\"WorkingDir\":\"/a/b\"}", "WORKDIR /a/", "WORKDIR b");
    GIVES("{\"WorkingDir\":\"/b\"}", "WORKDIR /a/", "WORKDIR ../b");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "CMD",
        "FOO bar",
        "RUN x",
        "ENV",
        "ENV A",
        "ENV =b",
        "ENV A=\"b",
        "EXPOSE x",
        "EXPOSE 0",
        "EXPOSE 70000",
        "EXPOSE 80/icmp",
        "EXPOSE 9-8",
        "EXPOSE 1-2-3",
        "EXPOSE -1",
        "LABEL x",
        "ONBUILD FROM x",
        "ONBUILD ONBUILD RUN x",
        "CMDX y",
        "ADD a b",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *settings = json_object();
        struct err *e = change_apply(settings, bad[i]);
        if (!e)
            fail_msg("'%s' was accepted", bad[i]);
        expect_kind(e, ERR_INVALID);
        json_decref(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(instructions), cmocka_unit_test(nonsense_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
