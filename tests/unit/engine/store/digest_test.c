#include "engine/store/digest.h"

#include "tests/unit/engine/store/fixture.h"

#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void known_digests(void **state)
{
    (void)state;
    assert_string_equal(digest_of("", 0).s, EMPTY);
    assert_string_equal(digest_of("abc", 3).s, ABC);
    struct digest_ctx *c;
    expect_success(digest_new(&c));
    digest_update(c, "a", 1);
    digest_update(c, "bc", 2);
    assert_string_equal(digest_final(c).s, ABC);
    assert_string_equal(digest_final(c).s, EMPTY);
    digest_free(c);
    digest_free(NULL);
    assert_string_equal(digest_hex(ABC), strchr(ABC, ':') + 1);
}

static void of_a_file_from_its_start(void **state)
{
    struct tempdir *t = *state;
    tempdir_write(t, "f", "abc");
    int fd = openat(t->fd, "f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    struct digest d;
    expect_success(digest_of_file(fd, &d));
    assert_string_equal(d.s, ABC);
    close(fd);
}

static void bad_digests_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "sha256:",
        "sha256",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adf",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "sha256:../../../../../../../../../../../../../../../../../../etc/passwd",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_kind(digest_check(bad[i]), ERR_INVALID);
    expect_kind(digest_check("sha512:00"), ERR_UNSUPPORTED);
    expect_success(digest_check(ABC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        TEMPDIR_TEST(of_a_file_from_its_start),
        cmocka_unit_test(bad_digests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
