/* Manifest lists of images that are here. Registries are in tests/system/manifests.bats. */
#include "engine/image/index.h"

#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

static const char *const one[] = {"one"};

static struct strv words(const char *word)
{
    struct strv v = STRV_INIT;
    expect_success(strv_add(&v, word));
    return v;
}

static char *create(struct engine *e, const char *name, const char *image)
{
    static const struct index_create_opts opts = {0};
    struct strv images = STRV_INIT;
    char *id = NULL;
    if (image)
        expect_success(strv_add(&images, image));
    expect_success(index_create(e, name, &images, &opts, &id));
    strv_done(&images);
    return id;
}

static char *inspect(struct engine *e, const char *name)
{
    char *text = NULL;
    expect_success(index_inspect(e, name, NULL, &text));
    return text;
}

static struct image *row(struct engine *e, const char *name)
{
    struct image **list, *found = NULL;
    size_t count;
    const struct image_list_opts opts = {.all = true, .name = name};
    expect_success(image_list(e, &opts, &list, &count));
    assert_int_equal(count, 1);
    found = list[0];
    free(list);
    return found;
}

static void a_list_keeps_its_id_and_changes_its_digest(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "img:1", one, 1, NULL);
    static const struct index_add_opts add = {0};
    struct strv image = words("containers-storage:localhost/img:1");
    char *id = create(e, "list", NULL), *same = NULL;
    struct image *before = row(e, "localhost/list:latest");
    assert_true(before->is_list);
    assert_string_equal(before->id, id);
    expect_success(index_add(e, "list", &image, &add, &same));
    assert_string_equal(id, same);
    struct image *after = row(e, "localhost/list:latest");
    assert_string_not_equal(before->digest, after->digest);
    assert_int_equal(after->digests.count, 1); /* only what it is now */
    assert_non_null(strstr(after->digests.items[0], after->digest));
    char *text = inspect(e, "list");
    assert_non_null(strstr(text, made.manifest.s));
    assert_non_null(strstr(text, "\"architecture\": \"amd64\""));
    free(text);
    image_free(before);
    image_free(after);
    free(id);
    free(same);
    strv_done(&image);
}

static void names_are_taken_once(void **state)
{
    struct engine *e = *state;
    load_made(e, "img:1", one, 1, NULL);
    const struct strv none = STRV_INIT;
    struct index_create_opts opts = {0};
    char *id = create(e, "list", NULL), *again = NULL;
    expect_kind(index_create(e, "list", &none, &opts, &again), ERR_EXISTS);
    expect_kind(index_create(e, "img:1", &none, &opts, &again), ERR_EXISTS);
    opts.amend = true;
    expect_success(index_create(e, "list", &none, &opts, &again));
    assert_string_equal(id, again);
    free(again);
    expect_kind(index_create(e, "img:1", &none, &opts, &again), ERR_INVALID); /* not a list */
    expect_kind(index_find(e, "img:1", &again), ERR_INVALID);
    expect_kind(index_find(e, "nothing", &again), ERR_NOT_FOUND);
    free(id);
}

/* What looks an image up by the list's name gets the image for this machine. */
static void a_list_stands_for_its_image(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "img:1", one, 1, NULL);
    char *id = create(e, "list", "localhost/img:1");
    const struct image_remove_opts opts = {0};
    struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    struct image *i = NULL;
    expect_success(image_find(e, "list", &i));
    assert_string_equal(i->id, digest_hex(made.config.s));
    image_free(i);
    i = NULL;
    expect_success(image_exists(e, "list"));
    /* Removing the image is no business of the list, as in Podman. */
    expect_success(image_remove(e, "img:1", &opts, &untagged, &deleted));
    expect_kind(image_find(e, "list", &i), ERR_NOT_FOUND);
    expect_success(image_exists(e, "list"));
    expect_success(image_remove(e, "list", &opts, &untagged, &deleted));
    assert_int_equal(deleted.count, 2);
    assert_string_equal(deleted.items[1], id);
    expect_kind(image_exists(e, "list"), ERR_NOT_FOUND);
    strv_done(&untagged);
    strv_done(&deleted);
    free(id);
}

static void entries_are_described_and_removed(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "img:1", one, 1, NULL);
    char *id = create(e, "list", "localhost/img:1"), *same = NULL;
    struct index_annotate_opts opts = {.words = {.arch = "arm64", .variant = "v8"}};
    expect_success(index_annotate(e, "list", made.manifest.s, &opts, &same));
    free(same);
    char *text = inspect(e, "list");
    assert_non_null(strstr(text, "arm64"));
    free(text);
    expect_kind(index_annotate(e, "list", "img", &opts, &same), ERR_INVALID);
    expect_kind(index_annotate(e, "list", made.config.s, &opts, &same), ERR_NOT_FOUND);
    expect_kind(index_remove_entry(e, "list", made.config.s, &same), ERR_NOT_FOUND);
    expect_success(index_remove_entry(e, "list", made.manifest.s, &same));
    text = inspect(e, "list");
    assert_non_null(strstr(text, "\"manifests\": []"));
    free(text);
    free(same);
    free(id);
}

/* An artifact's blobs stay as long as the list, and go with it. */
static void artifacts_belong_to_the_list(void **state)
{
    struct engine *e = *state;
    const struct index_artifact_opts opts = {.type = "application/x-test"};
    const struct image_remove_opts remove = {0};
    struct strv untagged = STRV_INIT, deleted = STRV_INIT, problems = STRV_INIT;
    write_bytes(e, "notes.txt", "notes\n", 6);
    struct strv files = words(in_dir(e, "notes.txt"));
    struct digest file = digest_of("notes\n", 6);
    char *id = create(e, "list", NULL), *same = NULL;
    expect_success(index_add_artifact(e, "list", &files, &opts, &same));
    expect_success(store_clean(e->store));
    assert_true(store_blob_exists(e->store, file.s));
    expect_success(store_check(e->store, true, &problems, NULL));
    assert_int_equal(problems.count, 0);
    char *text = inspect(e, "list");
    assert_non_null(strstr(text, "\"artifactType\": \"application/x-test\""));
    free(text);
    expect_success(image_remove(e, "list", &remove, &untagged, &deleted));
    assert_false(store_blob_exists(e->store, file.s));
    strv_done(&files);
    strv_done(&untagged);
    strv_done(&deleted);
    free(id);
    free(same);
}

static void what_is_not_built_says_so(void **state)
{
    struct engine *e = *state;
    static const struct index_add_opts add = {0};
    char *id = create(e, "list", NULL), *same = NULL;
    struct strv image = words("oci:/somewhere");
    expect_kind(index_add(e, "list", &image, &add, &same), ERR_UNSUPPORTED);
    strv_done(&image);
    free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(a_list_keeps_its_id_and_changes_its_digest),
        ENGINE_TEST(names_are_taken_once),
        ENGINE_TEST(a_list_stands_for_its_image),
        ENGINE_TEST(entries_are_described_and_removed),
        ENGINE_TEST(artifacts_belong_to_the_list),
        ENGINE_TEST(what_is_not_built_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
