#include "engine/conf/conf.h"

#include "tests/unit/engine/registry/fixture.h"

static struct err *add(struct conf **c, const char *text, const char *file)
{
    return conf_add(c, text, strlen(text), file);
}

static void expect_conf(const struct conf *c, const char *table, const char *key, const char *json)
{
    AUTO_JSON json_t *box = json_object();
    AUTO_FREE char *text = NULL;
    const json_t *value = conf_get(c, table, key);
    assert_non_null(value);
    expect_success(json_put(box, "v", json_deep_copy(value)));
    expect_success(json_text(box, &text));
    assert_int_equal(strncmp(text + 5, json, strlen(json)), 0);
    assert_string_equal(text + 5 + strlen(json), "}");
}

static void what_comes_later_counts(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = NULL;
    expect_success(add(&c, "[containers]\ntz = 'UTC'\numask = '0022'\nenv = ['A=1', 'B=2']", "one"));
    expect_success(add(&c, "[containers]\ntz = 'local'\nenv = ['C=3']\n[engine]\nretry = 5", "two"));
    expect_conf(c, "containers", "tz", "\"local\"");
    expect_conf(c, "containers", "umask", "\"0022\"");
    expect_conf(c, "containers", "env", "[\"C=3\"]");
    expect_conf(c, "engine", "retry", "5");
    assert_null(conf_get(c, "engine", "runtime"));
    assert_null(conf_get(c, "network", "default_subnet"));
    assert_string_equal(conf_file(c, "containers", "umask"), "one");
    assert_string_equal(conf_file(c, "containers", "tz"), "two");
    assert_string_equal(conf_file(c, "containers", "init"), "");
}

/* The example of containers.conf(5). */
static void lists_are_appended_where_asked_for(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = NULL;
    expect_success(add(&c, "[containers]\nenv=[\"1=true\"]", "1"));
    expect_success(add(&c, "[containers]\nenv=[\"2=true\"]", "2"));
    expect_success(add(&c, "[containers]\nenv=[\"3=true\", {append=true}]", "3"));
    expect_conf(c, "containers", "env", "[\"2=true\",\"3=true\"]");
    expect_success(add(&c, "[containers]\nenv=[\"4=true\"]", "4"));
    expect_conf(c, "containers", "env", "[\"2=true\",\"3=true\",\"4=true\"]");
    expect_success(add(&c, "[containers]\nenv=[\"5=true\", {append=false}]", "5"));
    expect_conf(c, "containers", "env", "[\"5=true\"]");
    expect_error(add(&c, "[containers]\nenv=[{append=1}]", "6"), ERR_INVALID, "6: env: {append=true}");
}

static void tables_are_joined(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = NULL;
    expect_success(add(&c, "[engine.runtimes]\ncrun = ['/a']\nrunc = ['/b']", "1"));
    expect_success(add(&c, "[engine.runtimes]\nrunc = ['/c']\nkata = ['/d']", "2"));
    expect_conf(c, "engine", "runtimes", "{\"crun\":[\"/a\"],\"runc\":[\"/c\"],\"kata\":[\"/d\"]}");
}

static void mistakes(void **state)
{
    (void)state;
    AUTO_CONF struct conf *c = NULL;
    expect_error(add(&c, "[containers]\ntz = ", "f"), ERR_INVALID, "f:2: ");
    expect_error(add(&c, "tz = 'UTC'", "f"), ERR_INVALID, "f: tz: not a table");
}

static void files_in_their_order(void **state)
{
    const struct tempdir *dir = *state;
    AUTO_CONF struct conf *c = NULL;
    AUTO_STRV struct strv modules = STRV_INIT;
    char path[96];
    tempdir_write(dir, "conf", "[containers]\ntz='1'\numask='1'\nuser='1'\n");
    tempdir_write(dir, "module", "[containers]\ntz='2'\numask='2'\n");
    tempdir_write(dir, "over", "[containers]\ntz='3'\n");
    (void)snprintf(path, sizeof(path), "%s/conf", dir->path);
    assert_int_equal(setenv("CONTAINERS_CONF", path, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/over", dir->path);
    assert_int_equal(setenv("CONTAINERS_CONF_OVERRIDE", path, 1), 0);
    expect_success(strv_addf(&modules, "%s/module", dir->path));
    expect_success(conf_load(&modules, &c));
    expect_conf(c, "containers", "tz", "\"3\"");
    expect_conf(c, "containers", "umask", "\"2\"");
    expect_conf(c, "containers", "user", "\"1\"");
    assert_string_equal(conf_file(c, "containers", "umask"), modules.items[0]);

    struct conf *none = NULL;
    strv_done(&modules);
    expect_success(strv_add(&modules, "no-such-module"));
    expect_error(conf_load(&modules, &none), ERR_NOT_FOUND, "could not resolve module \"no-such-module\"");
    assert_int_equal(setenv("CONTAINERS_CONF", "/nonexistent/containers.conf", 1), 0);
    expect_error(conf_load(NULL, &none), ERR_NOT_FOUND, "/nonexistent/containers.conf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_later_counts), cmocka_unit_test(lists_are_appended_where_asked_for),
        cmocka_unit_test(tables_are_joined),       cmocka_unit_test(mistakes),
        TEMPDIR_TEST(files_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
