/* Profiles in Docker's and Podman's format. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/seccomp_spec.h"

#if defined(__x86_64__)
#define HERE "\"amd64\""
#define MAP "{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]}"
#define MAPPED "\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],"
#else
#define HERE "\"nowhere\""
#define MAP "{\"architecture\":\"SCMP_ARCH_NONE\"}"
#define MAPPED ""
#endif
#define CALL(name, rest) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"" rest "}"

static void expect_profile(const char *profile, uint64_t caps, const char *want)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct seccomp_options o = {.caps = caps};
    expect_ok(seccomp_put_profile(&sb, profile, &o), profile);
    assert_string_equal(strbuf_str(&sb), want);
}

static void conditions_are_decided(void **state)
{
    (void)state;
    static const char profile[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"defaultErrno\":"
        "\"ENOSYS\",\"archMap\":[" MAP "],"
        "\"syscalls\":[" CALL(
            "always",
            ",\"comment\":\"x\",\"includes\":{},\"excludes\":{},"
            "\"args\":null") "," CALL("admin",
                                      ",\"includes\":{"
                                      "\"caps\":[\"CAP_"
                                      "SYS_ADMIN\"]}") "," CALL("noadmin",
                                                                ",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]"
                                                                "}") "," CALL("both",
                                                                              ",\"includes\":{\"caps\":["
                                                                              "\"CAP_SYS_ADMIN\",\"CAP_"
                                                                              "CHOWN\"]}") "," CALL("here",
                                                                                                    ",\"inclu"
                                                                                                    "des\":{"
                                                                                                    "\"arches"
                                                                                                    "\":"
                                                                                                    "[" HERE ",\"x32\""
                                                                                                    "]}") "," CALL("els"
                                                                                                                   "ewh"
                                                                                                                   "er"
                                                                                                                   "e",
                                                                                                                   ",\""
                                                                                                                   "inc"
                                                                                                                   "lud"
                                                                                                                   "es"
                                                                                                                   "\":"
                                                                                                                   "{\""
                                                                                                                   "arc"
                                                                                                                   "hes"
                                                                                                                   "\":"
                                                                                                                   "[\""
                                                                                                                   "s39"
                                                                                                                   "0x-"
                                                                                                                   "not"
                                                                                                                   "\"]"
                                                                                                                   "}") "," CALL("nothere",
                                                                                                                                 ",\"excludes\":{"
                                                                                                                                 "\"arches\":"
                                                                                                                                 "[" HERE
                                                                                                                                 "]}") "," CALL("o"
                                                                                                                                                "l"
                                                                                                                                                "d",
                                                                                                                                                ","
                                                                                                                                                "\"includes\":{\"minKernel\":\"4.8\"}") "," CALL("future",
                                                                                                                                                                                                 ",\"includes\":{\"minKernel\":\"999.0\"}") "]}";
#define HEAD \
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38," MAPPED "\"syscalls\":[" CALL("always", "") ","
#define TAIL CALL("here", "") "," CALL("old", "") "]}"
    expect_profile(profile, 0, HEAD CALL("noadmin", "") "," TAIL);
    expect_profile(profile, UINT64_C(1) << 21, HEAD CALL("admin", "") "," TAIL);
    expect_profile(profile, (UINT64_C(1) << 21) | 1, HEAD CALL("admin", "") "," CALL("both", "") "," TAIL);
}

static void errors_by_name_and_arguments(void **state)
{
    (void)state;
    expect_profile(
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrno\":\"EACCES\",\"architectures\":[\"SCMP_ARCH_X\"],"
        "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"name\":\"one\",\"action\":\"SCMP_ACT_ERRNO\","
        "\"errno\":\"EPERM\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
        0,
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,\"architectures\":[\"SCMP_ARCH_X\"],"
        "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"names\":[\"one\"],\"action\":\"SCMP_ACT_ERRNO\","
        "\"errnoRet\":1,\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}");
    expect_profile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 0,
                   "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"defaultAction\":1}",
        "{\"defaultAction\":\"ALLOW\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[1]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"x\"]}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[1],\"action\":\"SCMP_ACT_ALLOW\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrno\":\"ENOTHING\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"x\"],\"action\":\"SCMP_ACT_ALLOW\","
        "\"includes\":{\"caps\":\"CAP_CHOWN\"}}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
        struct seccomp_options o = {0};
        expect_invalid(seccomp_put_profile(&sb, bad[i], &o), bad[i], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_decided),
        cmocka_unit_test(errors_by_name_and_arguments),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
