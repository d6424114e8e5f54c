/* Names, listing, removing, pruning, relations between images. */
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

static const char *const base[] = {"one"};
static const char *const child[] = {"one", "two"};
static const char *const other[] = {"other"};

static void run_sql(struct engine *e, const char *sql, const char *a)
{
    struct store_stmt *st;
    expect_success(store_prepare(e->store, sql, &st));
    if (a)
        expect_success(store_bind(st, "t", a));
    expect_success(store_run(st));
}

static void add_container(struct engine *e, const char *image_id)
{
    run_sql(e, "INSERT INTO containers(id, name, image_id, created_nsec, spec) VALUES('ct1', 'ct', ?, 0, '{}')",
            image_id);
}

/* What happens, as the CLI prints it; static. */
static const char *removal(struct engine *e, const char *name, const struct image_remove_opts *opts)
{
    static char text[2048];
    const struct image_remove_opts none = {0};
    struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    text[0] = '\0';
    struct err *error = image_remove(e, name, opts ? opts : &none, &untagged, &deleted);
    size_t at = 0;
    for (size_t i = 0; i < untagged.count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "-%s ", untagged.items[i]);
    for (size_t i = 0; i < deleted.count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "!%.6s ", deleted.items[i]);
    if (error)
        snprintf(text + at, sizeof text - at, "%s: %s", err_kind_name(err_kind(error)), err_text(error));
    err_free(error);
    strv_done(&untagged);
    strv_done(&deleted);
    return text;
}

/* The name is taken away, and the image removed if `deleted_id` says which. */
static void expect_removal(struct engine *e, const char *name, const char *untagged, const char *deleted_id)
{
    char expected[512];
    size_t at = (size_t)snprintf(expected, sizeof expected, "-%s ", untagged);
    if (deleted_id)
        snprintf(expected + at, sizeof expected - at, "!%.6s ", deleted_id);
    assert_string_equal(removal(e, name, NULL), expected);
}

static void names_come_and_go(void **state)
{
    struct engine *e = *state;
    struct layout_image i = load_made(e, "docker.io/library/x:1", base, 1, NULL);
    const char *id = digest_hex(i.config.s);
    struct image *found = NULL;
    expect_success(image_tag(e, "x:1", "y"));
    expect_success(image_tag(e, id, "quay.io/a/b:c"));
    expect_success(image_find(e, "y:latest", &found));
    assert_int_equal(found->names.count, 3);
    assert_int_equal(found->digests.count, 3);
    char by_digest[256];
    snprintf(by_digest, sizeof by_digest, "quay.io/a/b@%s", i.manifest.s);
    image_free(found);
    expect_success(image_find(e, by_digest, &found));
    image_free(found);
    expect_success(image_find(e, i.config.s, &found));
    image_free(found);
    char prefix[8] = {0};
    memcpy(prefix, id, 7);
    expect_success(image_find(e, prefix, &found));
    image_free(found);

    struct strv names = STRV_INIT;
    expect_success(strv_add(&names, "localhost/y"));
    expect_success(image_untag(e, "x:1", &names));
    expect_kind(image_untag(e, "x:1", &names), ERR_NOT_FOUND);
    expect_kind(image_find(e, "y", &found), ERR_NOT_FOUND);
    expect_success(image_untag(e, "x:1", NULL));
    expect_success(image_find(e, id, &found));
    assert_int_equal(found->names.count, 0);
    assert_int_equal(found->digests.count, 0);
    image_free(found);
    strv_done(&names);

    expect_kind(image_tag(e, "nosuch", "x"), ERR_NOT_FOUND);
    expect_kind(image_tag(e, id, "UPPER"), ERR_INVALID);
    expect_kind(image_tag(e, id, by_digest), ERR_INVALID);
    expect_kind(image_find(e, "UPPER", &found), ERR_INVALID);
    expect_kind(image_find(e, "", &found), ERR_INVALID);
    expect_kind(image_find(e, "sha256:zz", &found), ERR_NOT_FOUND);
    expect_kind(image_find(e, "0123456789", &found), ERR_NOT_FOUND);
}

static void removing_by_podmans_rules(void **state)
{
    struct engine *e = *state;
    struct layout_image i = load_made(e, "docker.io/library/x:1", base, 1, NULL);
    const char *id = digest_hex(i.config.s);
    expect_success(image_tag(e, "x:1", "y:2"));
    assert_string_equal(removal(e, "nosuch", NULL), "not found: nosuch: image not known");
    assert_string_equal(removal(e, "nosuch", &(struct image_remove_opts){.ignore = true}), "");
    assert_non_null(strstr(removal(e, id, NULL),
                           "by ID with more than one tag ([docker.io/library/x:1 localhost/y:2]): "
                           "please force removal"));
    expect_removal(e, "y:2", "localhost/y:2", NULL);
    expect_removal(e, "x:1", "docker.io/library/x:1", id);
    uint64_t bytes, inodes;
    expect_success(file_tree_size(e->dir->fd, "root/layers", &bytes, &inodes));
    assert_int_equal(inodes, 0);
}

static struct err *drop_container(struct engine *e, const char *id, void *arg)
{
    assert_string_equal(id, "ct1");
    *(int *)arg += 1;
    run_sql(e, "DELETE FROM containers WHERE id = ?", id);
    return NULL;
}

static void what_a_container_uses_stays(void **state)
{
    struct engine *e = *state;
    struct layout_image i = load_made(e, "x:1", base, 1, NULL);
    const char *id = digest_hex(i.config.s);
    add_container(e, id);
    const char *text = removal(e, "x:1", NULL);
    assert_string_equal(text, "in use: image used by ct1: image is in use by a container: consider listing external "
                              "containers and force-removing image");
    assert_non_null(strstr(removal(e, id, &(struct image_remove_opts){.force = true}), "in use"));
    int removed = 0;
    const struct image_remove_opts opts = {.force = true, .remove_container = drop_container, .arg = &removed};
    assert_non_null(strstr(removal(e, "x:1", &opts), "-localhost/x:1 !"));
    assert_int_equal(removed, 1);
}

static void unnamed_parents_go_with_their_last_child(void **state)
{
    struct engine *e = *state;
    struct layout_image p = load_made(e, "parent:1", base, 1, NULL);
    struct layout_image c = load_made(e, "child:1", child, 2, NULL);
    char *json = NULL;
    expect_success(image_inspect(e, "child:1", &json));
    assert_non_null(strstr(json, digest_hex(p.config.s)));
    mem_freep(&json);
    struct image_history *h;
    size_t n;
    expect_success(image_history(e, "child:1", &h, &n));
    assert_int_equal(n, 2);
    assert_string_equal(h[0].id, digest_hex(c.config.s));
    assert_string_equal(h[1].id, digest_hex(p.config.s));
    assert_string_equal(h[1].tags.items[0], "localhost/parent:1");
    assert_string_equal(h[0].created_by, "step two");
    assert_true(h[0].size_bytes == 2048 && h[1].created_nsec == 1704164645000000000);
    image_history_free(h, n);

    expect_removal(e, "parent:1", "localhost/parent:1", NULL); /* not deleted: the child stands on it */
    load_made(e, "parent:1", base, 1, NULL);
    expect_success(image_untag(e, "parent:1", NULL));
    const char *text = removal(e, "child:1", NULL);
    char expected[128];
    snprintf(expected, sizeof expected, "-localhost/child:1 !%.6s !%.6s ", digest_hex(c.config.s),
             digest_hex(p.config.s));
    assert_string_equal(text, expected);
}

static size_t list_count(struct engine *e, const char *filter, bool all)
{
    struct image_list_opts opts = {.all = all};
    struct image **list;
    size_t n;
    if (filter)
        expect_success(strv_add(&opts.filters, filter));
    expect_success(image_list(e, &opts, &list, &n));
    image_list_free(list, n);
    strv_done(&opts.filters);
    return n;
}

static void listing_with_filters(void **state)
{
    struct engine *e = *state;
    load_made(e, "docker.io/library/base:1", base, 1, "{\"Labels\":{\"a\":\"b\"}}");
    struct layout_image o = load_made(e, "quay.io/x/other:2", other, 1, NULL);
    add_container(e, digest_hex(o.config.s));
    load_made(e, "gone:1", child, 2, NULL);
    expect_success(image_untag(e, "gone:1", NULL));
    char by_id[80];
    snprintf(by_id, sizeof by_id, "id=%.12s", digest_hex(o.config.s));
    const struct {
        const char *filter;
        size_t n;
    } cases[] = {
        {NULL, 3},
        {"dangling=true", 1},
        {"dangling=false", 2},
        {"reference=base", 1},
        {"reference=base:1", 1},
        {"reference=base:2", 0},
        {"reference=*/*/other", 1},
        {"reference=quay.io/x/other:2", 1},
        {"reference!=base", 2},
        {"label=a", 1},
        {"label=a=b", 1},
        {"label=a=c", 0},
        {"label!=a", 2},
        {"containers=true", 1},
        {"containers=false", 2},
        {"intermediate=true", 0},
        {"readonly=true", 0},
        {"since=base:1", 0},
        {"before=base:1", 0},
        {"until=2024-01-03T00:00:00Z", 3},
        {by_id, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = list_count(e, cases[i].filter, true);
        if (n != cases[i].n)
            fail_msg("%s: %d instead of %d", cases[i].filter, (int)n, (int)cases[i].n);
    }
    static const char *const bad[] = {"x", "x=y", "dangling=maybe", "dangling!=true", "until=when"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct image_list_opts opts = {0};
        struct image **list;
        size_t n;
        expect_success(strv_add(&opts.filters, bad[i]));
        expect_kind(image_list(e, &opts, &list, &n), ERR_INVALID);
        strv_done(&opts.filters);
    }
    struct image_list_opts opts = {.name = "other"};
    struct image **list;
    size_t n;
    expect_success(image_list(e, &opts, &list, &n));
    assert_int_equal(n, 1);
    image_list_free(list, n);
}

static void pruning(void **state)
{
    struct engine *e = *state;
    struct strv deleted = STRV_INIT;
    uint64_t bytes;
    load_made(e, "named:1", other, 1, NULL);
    load_made(e, "parent:1", base, 1, NULL);
    load_made(e, "child:1", child, 2, NULL);
    expect_success(image_untag(e, "parent:1", NULL));
    expect_success(image_untag(e, "child:1", NULL));
    expect_success(image_prune(e, false, NULL, &deleted, &bytes));
    assert_int_equal(deleted.count, 2);
    assert_int_equal(bytes, 2 * 2048);
    struct image *i;
    expect_success(image_find(e, "named:1", &i));
    add_container(e, i->id);
    image_free(i);
    strv_clear(&deleted);
    expect_success(image_prune(e, true, NULL, &deleted, &bytes));
    assert_int_equal(deleted.count, 0);
    run_sql(e, "DELETE FROM containers", NULL);
    expect_success(image_prune(e, true, NULL, &deleted, &bytes));
    assert_int_equal(deleted.count, 1);
    strv_done(&deleted);
}

static void trees(void **state)
{
    struct engine *e = *state;
    char *text = NULL;
    load_made(e, "parent:1", base, 1, NULL);
    load_made(e, "child:1", child, 2, NULL);
    expect_success(image_tree(e, "child:1", false, &text));
    assert_non_null(strstr(text, "Tags:     [localhost/child:1]\n"));
    assert_non_null(strstr(text, "├── ID: "));
    assert_non_null(strstr(text, " Size: 2.048kB Top Layer of: [localhost/parent:1]\n└── ID: "));
    mem_freep(&text);
    expect_success(image_tree(e, "parent:1", true, &text));
    assert_non_null(strstr(text, "└── ID: "));
    assert_non_null(strstr(text, "[localhost/child:1]"));
    mem_freep(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(names_come_and_go),
        ENGINE_TEST(removing_by_podmans_rules),
        ENGINE_TEST(what_a_container_uses_stays),
        ENGINE_TEST(unnamed_parents_go_with_their_last_child),
        ENGINE_TEST(listing_with_filters),
        ENGINE_TEST(pruning),
        ENGINE_TEST(trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
