#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

static const char *const one[] = {"one"};
static const char *const two[] = {"one", "two"};
static const char *const same_twice[] = {"same", "same"};

static int64_t count(struct engine *e, const char *sql)
{
    struct store_stmt *st;
    bool row;
    expect_success(store_prepare(e->store, sql, &st));
    expect_success(store_step(st, &row));
    int64_t n = store_col_int(st, 0);
    store_idle(e->store);
    return n;
}

static void a_layout_becomes_an_image(void **state)
{
    struct engine *e = *state;
    struct layout_image made = load_made(e, "docker.io/library/x:1", two, 2,
                                         "{\"Env\":[\"A=b\"],\"Cmd\":[\"sh\"],\"User\":\"\",\"WorkingDir\":\"/w\","
                                         "\"Volumes\":{\"/v\":{}},\"Labels\":{\"k\":\"v\"}}");
    struct image *i = NULL;
    expect_success(image_find(e, "x:1", &i));
    assert_string_equal(i->id, digest_hex(made.config.s));
    assert_string_equal(i->manifest_digest, made.manifest.s);
    assert_string_equal(i->names.items[0], "docker.io/library/x:1");
    assert_int_equal(i->layer_dirs.count, 2);
    char path[256];
    snprintf(path, sizeof path, "root/layers/%s/diff/f1", i->layer_dirs.items[1]);
    assert_true(file_exists(e->dir->fd, path));
    struct image_config c = {0};
    expect_success(image_read_config(e, i, &c));
    assert_string_equal(c.env.items[0], "A=b");
    assert_string_equal(c.cmd.items[0], "sh");
    assert_string_equal(c.volumes.items[0], "/v");
    assert_string_equal(c.labels.items[0], "k=v");
    assert_string_equal(c.workdir, "/w");
    assert_null(c.user);
    image_config_done(&c);
    image_free(i);
}

static void layers_are_shared_and_never_unpacked_twice(void **state)
{
    struct engine *e = *state;
    load_made(e, "one:1", one, 1, NULL);
    load_made(e, "two:1", two, 2, NULL);
    load_made(e, "two:2", two, 2, NULL);
    load_made(e, "same:1", same_twice, 2, NULL);
    assert_int_equal(count(e, "SELECT count(*) FROM layers"), 4);
    assert_int_equal(count(e, "SELECT count(*) FROM images"), 3);
    assert_int_equal(count(e, "SELECT count(*) FROM image_layers"), 5);
}

static void a_name_moves_to_the_newer_image(void **state)
{
    struct engine *e = *state;
    load_made(e, "x:1", one, 1, NULL);
    struct layout_image second = load_made(e, "x:1", two, 2, NULL);
    struct image *i = NULL;
    expect_success(image_find(e, "x:1", &i));
    assert_string_equal(i->id, digest_hex(second.config.s));
    image_free(i);
    assert_int_equal(count(e, "SELECT count(*) FROM images"), 2);
    assert_int_equal(count(e, "SELECT count(*) FROM image_names"), 1);
}

/* --- what must fail, and leave nothing (the teardown checks that) */
static void append(struct engine *e, const char *name, const char *text)
{
    int fd = openat(e->dir->fd, name, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void blob_path(char *buf, size_t size, const char *dir, const char *digest)
{
    snprintf(buf, size, "%s/blobs/sha256/%s", dir, digest_hex(digest));
}

static struct digest tar_digest(const char *text)
{
    struct strbuf tar = STRBUF_INIT;
    tar_file(&tar, "f0", text);
    tar_end(&tar);
    struct digest d = digest_of(tar.data, tar.len);
    strbuf_done(&tar);
    return d;
}

static void damaged_blobs_are_refused(void **state)
{
    struct engine *e = *state;
    struct layout_image i = layout_image(e, "bad", "amd64", one, 1, NULL);
    layout_index(e, "bad", layout_entry(&i, ""));
    char path[200];
    struct digest layer = tar_digest("one");
    blob_path(path, sizeof path, "bad", layer.s);
    append(e, path, "x");
    load_fails(e, "bad", ERR_CORRUPT, layer.s); /* longer */
    char tar[2048];
    memset(tar, 'x', sizeof tar);
    write_bytes(e, path, tar, sizeof tar);
    load_fails(e, "bad", ERR_CORRUPT, layer.s); /* the same length, something else */
    unlinkat(e->dir->fd, path, 0);
    load_fails(e, "bad", ERR_CORRUPT, "is missing");
    tempdir_link(e->dir, "/etc/passwd", path);
    load_fails(e, "bad", ERR_CORRUPT, "is missing"); /* looked up inside the layout */
    unlinkat(e->dir->fd, path, 0);
    assert_int_equal(mkfifoat(e->dir->fd, path, 0600), 0);
    load_fails(e, "bad", ERR_INVALID, "not a regular file");
}

static void damaged_documents_are_refused(void **state)
{
    struct engine *e = *state;
    char path[200];
    struct layout_image i = layout_image(e, "bad", "amd64", one, 1, NULL);
    layout_index(e, "bad", layout_entry(&i, ""));
    blob_path(path, sizeof path, "bad", i.config.s);
    append(e, path, " ");
    load_fails(e, "bad", ERR_CORRUPT, digest_hex(i.config.s));
    blob_path(path, sizeof path, "bad", i.manifest.s);
    append(e, path, " ");
    load_fails(e, "bad", ERR_CORRUPT, digest_hex(i.manifest.s));
    layout_index(e, "bad", "");
    load_fails(e, "bad", ERR_INVALID, "no image");
    layout_index(e, "bad", "{\"mediaType\":");
    load_fails(e, "bad", ERR_INVALID, "index.json");
    load_fails(e, ".", ERR_INVALID, "not an image");
    load_fails(e, "nowhere", ERR_NOT_FOUND, "nowhere");
}

/* The config promises another content than the layer has. */
static void a_wrong_diff_id_is_refused(void **state)
{
    struct engine *e = *state;
    struct layout_image a = layout_image(e, "bad", "amd64", one, 1, NULL);
    static const char *const other[] = {"other"};
    struct layout_image b = layout_image(e, "bad", "amd64", other, 1, NULL);
    char text[1024];
    struct digest layer = tar_digest("one");
    struct stat sb;
    char path[200];
    blob_path(path, sizeof path, "bad", b.config.s);
    assert_int_equal(fstatat(e->dir->fd, path, &sb, 0), 0);
    int n =
        snprintf(text, sizeof text,
                 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
                 "\"digest\":\"%s\",\"size\":%lld},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar"
                 "\",\"digest\":\"%s\",\"size\":2048}]}",
                 b.config.s, (long long)sb.st_size, layer.s);
    struct layout_image mixed = {.manifest = layout_blob(e, "bad", text, (size_t)n), .manifest_len = (size_t)n};
    layout_index(e, "bad", layout_entry(&mixed, ""));
    load_fails(e, "bad", ERR_CORRUPT, "layer sha256:");
    /* The same when the layer that the config names is in the store: the blob must still be right. */
    layout_index(e, "bad", layout_entry(&b, ""));
    assert_non_null(load_names(e, "bad"));
    layout_index(e, "bad", layout_entry(&mixed, ""));
    load_fails(e, "bad", ERR_CORRUPT, "layer sha256:");
    layout_index(e, "bad", layout_entry(&a, ""));
    assert_non_null(load_names(e, "bad"));
}

static void one_bad_image_of_several_leaves_none(void **state)
{
    struct engine *e = *state;
    char entries[2048];
    struct layout_image good = layout_image(e, "mix", "amd64", one, 1, NULL);
    struct layout_image bad = layout_image(e, "mix", "amd64", two, 2, NULL);
    char path[200];
    blob_path(path, sizeof path, "mix", bad.config.s);
    unlinkat(e->dir->fd, path, 0);
    snprintf(entries, sizeof entries, "%s,%s", layout_entry(&good, ""), layout_entry(&bad, ""));
    layout_index(e, "mix", entries);
    load_fails(e, "mix", ERR_CORRUPT, "is missing");
    assert_int_equal(count(e, "SELECT count(*) FROM images"), 0);
    assert_int_equal(count(e, "SELECT count(*) FROM layers"), 0);
    uint64_t bytes, inodes;
    expect_success(file_tree_size(e->dir->fd, "root/layers", &bytes, &inodes));
    assert_int_equal(inodes, 0);
    expect_success(file_tree_size(e->dir->fd, "root/blobs/sha256", &bytes, &inodes));
    assert_int_equal(inodes, 0);
}

/* --- several platforms */
#define PLATFORM(a) ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" a "\"}"

static void the_platform_is_chosen(void **state)
{
    struct engine *e = *state;
    char entries[2048], more[256];
    struct layout_image amd = layout_image(e, "multi", "amd64", one, 1, NULL);
    struct layout_image arm = layout_image(e, "multi", "arm64", two, 2, NULL);
    snprintf(entries, sizeof entries, "{\"schemaVersion\":2,\"manifests\":[%s,%s]}",
             layout_entry(&amd, PLATFORM("amd64")), layout_entry(&arm, PLATFORM("arm64")));
    struct digest index = layout_blob(e, "multi", entries, strlen(entries));
    snprintf(more, sizeof more,
             "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
             "\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi:1\"}}",
             index.s, strlen(entries));
    layout_index(e, "multi", more);

    struct strv names = STRV_INIT;
    struct image_load_opts opts = {.path = in_dir(e, "multi"), .fd = -1};
    expect_success(image_platform_parse("linux/arm64", &opts.platform));
    expect_success(image_load(e, &opts, &names));
    struct image *i = NULL;
    expect_success(image_find(e, "multi:1", &i));
    assert_string_equal(i->arch, "arm64");
    image_free(i);
    char by_digest[256];
    snprintf(by_digest, sizeof by_digest, "localhost/multi@%s", index.s);
    expect_success(image_find(e, by_digest, &i));
    assert_string_equal(i->arch, "arm64");
    image_free(i);
    image_platform_done(&opts.platform);

    expect_success(image_platform_parse("linux/s390x", &opts.platform));
    struct err *error = image_load(e, &opts, &names);
    assert_non_null(strstr(err_text(error), "there is: linux/amd64, linux/arm64"));
    expect_kind(error, ERR_NOT_FOUND);
    opts.all_platforms = true;
    strv_clear(&names);
    expect_success(image_load(e, &opts, &names));
    assert_int_equal(names.count, 0 + 2);
    image_platform_done(&opts.platform);
    strv_done(&names);
}

/* --- docker-archive */
static void docker_archives_with_several_images(void **state)
{
    struct engine *e = *state;
    struct layout_image a = layout_image(e, "parts", "amd64", one, 1, NULL);
    struct layout_image b = layout_image(e, "parts", "amd64", two, 2, NULL);
    struct strbuf tar0 = STRBUF_INIT, tar1 = STRBUF_INIT, text = STRBUF_INIT;
    tar_file(&tar0, "f0", "one");
    tar_end(&tar0);
    tar_file(&tar1, "f1", "two");
    tar_end(&tar1);
    tempdir_mkdir(e->dir, "da");
    write_bytes(e, "da/l0.tar", tar0.data, tar0.len);
    write_bytes(e, "da/l1.tar", tar1.data, tar1.len);
    char from[200];
    blob_path(from, sizeof from, "../parts", a.config.s);
    tempdir_mkdir(e->dir, "da/a");
    blob_path(from, sizeof from, "parts", a.config.s);
    assert_int_equal(linkat(e->dir->fd, from, e->dir->fd, "da/a.json", 0), 0);
    blob_path(from, sizeof from, "parts", b.config.s);
    assert_int_equal(linkat(e->dir->fd, from, e->dir->fd, "da/b.json", 0), 0);
    tempdir_link(e->dir, "../l0.tar", "da/a/layer.tar");
    expect_success(strbuf_puts(&text, "[{\"Config\":\"a.json\",\"RepoTags\":[\"a:1\",\"quay.io/a:2\"],\"Layers\":"
                                      "[\"a/layer.tar\"]},{\"Config\":\"b.json\",\"RepoTags\":null,\"Layers\":"
                                      "[\"l0.tar\",\"l1.tar\"]}]"));
    write_bytes(e, "da/manifest.json", text.data, text.len);
    char expected[256];
    snprintf(expected, sizeof expected, "localhost/a:1 quay.io/a:2 %s", b.config.s);
    assert_string_equal(load_names(e, "da"), expected);
    struct image *i = NULL;
    expect_success(image_find(e, b.config.s, &i));
    assert_int_equal(i->layer_dirs.count, 2);
    assert_string_equal(i->media_type, "application/vnd.docker.distribution.manifest.v2+json");
    image_free(i);
    strbuf_done(&tar0);
    strbuf_done(&tar1);
    strbuf_done(&text);
}

static void bad_docker_archives(void **state)
{
    struct engine *e = *state;
    static const struct {
        const char *manifest;
        enum err_kind kind;
        const char *text;
    } bad[] = {
        {"[]", ERR_INVALID, "0 images"},
        {"{}", ERR_INVALID, "schemaVersion"},
        {"[1]", ERR_INVALID, "not a list of images"},
        {"[{}]", ERR_INVALID, "no Config"},
        {"[{\"Config\":\"../x\"}]", ERR_INVALID, "no path inside"},
        {"[{\"Config\":\"/etc/passwd\"}]", ERR_INVALID, "no path inside"},
        {"[{\"Config\":\"a/../../x\"}]", ERR_INVALID, "no path inside"},
        {"[{\"Config\":\"none.json\"}]", ERR_CORRUPT, "is missing"},
        {"[{\"Config\":\"c.json\",\"RepoTags\":[\"BAD\"]}]", ERR_INVALID, "lowercase"},
        {"[{\"Config\":\"c.json\",\"Layers\":[\"x\"]}]", ERR_CORRUPT, "1 layers, the config 0"},
        {"[{\"Config\":\"c.json\",\"Layers\":\"x\"}]", ERR_INVALID, "Layers"},
        {"[{\"Config\":\"c.json\"}", ERR_INVALID, "invalid JSON"},
    };
    tempdir_mkdir(e->dir, "da");
    tempdir_write(e->dir, "da/c.json",
                  "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\"}}");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        tempdir_write(e->dir, "da/manifest.json", bad[i].manifest);
        load_fails(e, "da", bad[i].kind, bad[i].text);
    }
}

/* --- archives */
static void archives_from_the_build_load(void **state)
{
    struct engine *e = *state;
    const char *images = getenv("CORACLE_TEST_IMAGES");
    assert_non_null(images);
    char path[512];
    struct strv names = STRV_INIT;
    snprintf(path, sizeof path, "%s/busybox.tar", images);
    const struct image_load_opts opts = {.path = path, .fd = -1};
    expect_success(image_load(e, &opts, &names));
    assert_string_equal(names.items[0], "localhost/coracle/busybox:latest");
    struct image *i = NULL;
    expect_success(image_find(e, "coracle/busybox", &i));
    snprintf(path, sizeof path, "root/layers/%s/diff/bin/busybox", i->layer_dirs.items[0]);
    assert_true(file_exists(e->dir->fd, path));
    image_free(i);
    strv_done(&names);
}

static void truncated_archives_leave_nothing(void **state)
{
    struct engine *e = *state;
    char path[512];
    char *data = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s/hello.tar", getenv("CORACLE_TEST_IMAGES"));
    expect_success(file_read(AT_FDCWD, path, (size_t)16 << 20, &data, &len));
    static const size_t parts[] = {0, 1, 100, 511, 512, 5000, 100000};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct strv names = STRV_INIT;
        write_bytes(e, "cut.tar", data, parts[i]);
        const struct image_load_opts opts = {.path = in_dir(e, "cut.tar"), .fd = -1};
        struct err *error = image_load(e, &opts, &names);
        assert_non_null(error);
        assert_true(err_kind(error) == ERR_CORRUPT || err_kind(error) == ERR_INVALID);
        err_free(error);
        assert_int_equal(count(e, "SELECT count(*) FROM images"), 0);
    }
    mem_freep(&data);
}

/* --- kills and company (the teardown checks what they leave) */
static void killed_loads_leave_nothing(void **state)
{
    struct engine *e = *state;
    struct layout_image i = layout_image(e, "made", "amd64", two, 2, NULL);
    layout_index(e, "made", layout_entry(&i, ""));
    for (int round = 0; round < 40; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct engine mine = *e;
            struct strv names = STRV_INIT;
            const struct image_load_opts opts = {.path = in_dir(e, "made"), .fd = -1};
            struct err *error = store_open(in_dir(e, "root"), &mine.store);
            if (!error)
                error = image_load(&mine, &opts, &names);
            _exit(error ? 1 : 0);
        }
        usleep((useconds_t)(round * 1500));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(count(e, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    }
    load_names(e, "made"); /* the next command works, and cleans */
}

static void loads_and_removals_at_once(void **state)
{
    struct engine *e = *state;
    struct layout_image i = layout_image(e, "made", "amd64", two, 2, NULL);
    layout_index(e, "made", layout_entry(&i, ""));
    enum { PROCESSES = 4, ROUNDS = 6 };
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0)
            continue;
        struct engine mine = *e;
        struct err *error = store_open(in_dir(e, "root"), &mine.store);
        for (int k = 0; k < ROUNDS && !error; k++) {
            struct strv names = STRV_INIT;
            uint64_t bytes;
            const struct image_load_opts opts = {.path = in_dir(e, "made"), .fd = -1};
            error = p % 2 ? image_load(&mine, &opts, &names) : image_prune(&mine, true, NULL, &names, &bytes);
        }
        if (error)
            fprintf(stderr, "%s\n", err_text(error));
        _exit(error ? 1 : 0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    load_names(e, "made");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(a_layout_becomes_an_image),
        ENGINE_TEST(layers_are_shared_and_never_unpacked_twice),
        ENGINE_TEST(a_name_moves_to_the_newer_image),
        ENGINE_TEST(damaged_blobs_are_refused),
        ENGINE_TEST(damaged_documents_are_refused),
        ENGINE_TEST(a_wrong_diff_id_is_refused),
        ENGINE_TEST(one_bad_image_of_several_leaves_none),
        ENGINE_TEST(the_platform_is_chosen),
        ENGINE_TEST(docker_archives_with_several_images),
        ENGINE_TEST(bad_docker_archives),
        ENGINE_TEST(archives_from_the_build_load),
        ENGINE_TEST(truncated_archives_leave_nothing),
        ENGINE_TEST(killed_loads_leave_nothing),
        ENGINE_TEST(loads_and_removals_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
