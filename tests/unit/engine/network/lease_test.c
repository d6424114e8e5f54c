/* Networks, places and addresses in a store. */
#include "tests/unit/engine/store/fixture.h"

#include "engine/network/network.h"

/* What this folder asks an engine for. */
struct engine {
    struct store *store;
};
struct engine;
struct store *engine_store(const struct engine *e);
struct store *engine_store(const struct engine *e)
{
    return e->store;
}

struct scene {
    struct tempdir *dir;
    struct engine e;
    struct network *net;
};

static void create_net(struct scene *s, const char *name, const char *subnet, const char *range)
{
    struct network_create_opts o = {.name = name};
    expect_success(strv_add(&o.subnets, subnet));
    if (range)
        expect_success(strv_add(&o.ranges, range));
    network_free(s->net);
    s->net = NULL;
    expect_success(network_create(&s->e, &o, &s->net));
    strv_done(&o.subnets);
    strv_done(&o.ranges);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    void *dir = NULL;
    if (!s || tempdir_setup(&dir))
        return -1;
    s->dir = dir;
    s->e.store = open_store(s->dir);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    void *dir = s->dir;
    expect_problem(s->e.store, true, NULL);
    network_free(s->net);
    store_close(s->e.store);
    free(s);
    return tempdir_teardown(&dir);
}

/* A container, as far as this folder looks at it; `id` is 64 digits of this one. */
static const char *container(struct scene *s, char digit, bool running, const char *options)
{
    static char id[65];
    AUTO_NETWORK_ATTACH_LIST struct network_attach_list l = {0};
    AUTO_TX struct store_tx_guard tx = {s->e.store};
    AUTO_FREE char *value = NULL;
    struct store_stmt *st;
    memset(id, digit, 64);
    expect_success(mem_asprintf(&value, "%s:%s", s->net->name, options));
    expect_success(network_attach_parse(value, &l));
    expect_success(store_begin(s->e.store, STORE_WRITE, false));
    expect_success(store_prepare(s->e.store,
                                 "INSERT INTO containers(id, name, created_nsec, started_nsec, finished_nsec, spec) "
                                 "VALUES(?1, ?1, 1, ?2, 1, '{}')",
                                 &st));
    expect_success(store_bind(st, "ti", id, (int64_t)(running ? 2 : 0)));
    expect_success(store_run(st));
    expect_success(network_place_add(&s->e, id, s->net, &l.items[0]));
    expect_success(store_commit(s->e.store));
    return id;
}

static struct err *lease(struct scene *s, const char *id, char ret_ip[64], char holder[65])
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    AUTO_TX struct store_tx_guard tx = {s->e.store};
    TRY(store_begin(s->e.store, STORE_WRITE, false));
    TRY(network_places(&s->e, id, &places));
    TRY(network_lease(&s->e, id, s->net, &places.items[0], holder));
    (void)snprintf(ret_ip, 64, "%s %s", places.items[0].ip, places.items[0].mac);
    return store_commit(s->e.store);
}

static void expect_lease(struct scene *s, const char *id, const char *want)
{
    char ip[64], holder[65];
    expect_success(lease(s, id, ip, holder));
    assert_string_equal(ip, want);
}

static void set_running(struct scene *s, char digit, bool running)
{
    AUTO_FREE char *sql = NULL;
    struct store_stmt *st;
    char id[65] = {0};
    memset(id, digit, 64);
    expect_success(store_prepare(s->e.store, "UPDATE containers SET started_nsec = ?2 WHERE id = ?1", &st));
    expect_success(store_bind(st, "ti", id, (int64_t)(running ? 2 : 0)));
    expect_success(store_run(st));
}

static void addresses_go_round(void **state)
{
    struct scene *s = *state;
    create_net(s, "n", "10.50.0.0/29", NULL); /* .1 is the gateway: .2 to .6 */
    expect_lease(s, container(s, 'a', true, ""), "10.50.0.2 02:42:0a:32:00:02");
    expect_lease(s, container(s, 'b', true, ""), "10.50.0.3 02:42:0a:32:00:03");
    set_running(s, 'a', false);
    /* Not .2 again, though nobody uses it: round about first. */
    expect_lease(s, container(s, 'c', true, ""), "10.50.0.4 02:42:0a:32:00:04");
    expect_lease(s, container(s, 'd', true, ""), "10.50.0.5 02:42:0a:32:00:05");
    expect_lease(s, container(s, 'e', true, ""), "10.50.0.6 02:42:0a:32:00:06");
    expect_lease(s, container(s, 'f', true, ""), "10.50.0.2 02:42:0a:32:00:02");
    char ip[64], holder[65];
    expect_kind(lease(s, container(s, '1', true, ""), ip, holder), ERR_IN_USE);
    assert_int_equal(strlen(holder), 64);
    /* The one that stopped lost its address and gets another once there is one. */
    set_running(s, 'd', false);
    expect_lease(s, "1111111111111111111111111111111111111111111111111111111111111111", "10.50.0.5 02:42:0a:32:00:05");
}

static void a_container_keeps_its_address(void **state)
{
    struct scene *s = *state;
    create_net(s, "n", "10.50.0.0/24", NULL);
    char id[65];
    memcpy(id, container(s, 'a', true, ""), sizeof(id));
    expect_lease(s, id, "10.50.0.2 02:42:0a:32:00:02");
    set_running(s, 'a', false);
    expect_lease(s, container(s, 'b', true, ""), "10.50.0.3 02:42:0a:32:00:03");
    expect_lease(s, id, "10.50.0.2 02:42:0a:32:00:02");
}

static void asked_for_addresses(void **state)
{
    struct scene *s = *state;
    char ip[64], holder[65], id[65];
    create_net(s, "n", "10.50.0.0/24", NULL);
    memcpy(id, container(s, 'a', true, "ip=10.50.0.77,mac=02:00:00:00:00:09"), sizeof(id));
    expect_lease(s, id, "10.50.0.77 02:00:00:00:00:09");
    struct err *e = lease(s, container(s, 'b', true, "ip=10.50.0.77"), ip, holder);
    assert_string_equal(err_text(e), "IPAM error: requested ip address 10.50.0.77 is already allocated to container ID "
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(holder, id);
    expect_kind(e, ERR_IN_USE);
    set_running(s, 'a', false);
    expect_lease(s, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "10.50.0.77 02:42:0a:32:00:4d");
}

static void ranges_are_kept(void **state)
{
    struct scene *s = *state;
    char ip[64], holder[65];
    create_net(s, "n", "10.50.0.0/24", "10.50.0.200-10.50.0.201");
    expect_lease(s, container(s, 'a', true, ""), "10.50.0.200 02:42:0a:32:00:c8");
    expect_lease(s, container(s, 'b', true, ""), "10.50.0.201 02:42:0a:32:00:c9");
    struct err *e = lease(s, container(s, 'c', true, ""), ip, holder);
    assert_string_equal(err_text(e), "IPAM error: failed to find free IP in range: 10.50.0.200 - 10.50.0.201");
    err_free(e);
}

/* The table itself refuses what a race would bring. */
static void the_same_address_twice(void **state)
{
    struct scene *s = *state;
    create_net(s, "n", "10.50.0.0/24", NULL);
    (void)container(s, 'a', true, "");
    (void)container(s, 'b', true, "");
    expect_kind(run_sql(s->e.store, "UPDATE container_networks SET ip = '10.50.0.9'"), ERR_EXISTS);
}

static void networks_in_use_stay(void **state)
{
    struct scene *s = *state;
    AUTO_STRV struct strv names = STRV_INIT;
    create_net(s, "n", "10.50.0.0/24", NULL);
    (void)container(s, 'a', false, "alias=x");
    struct err *e = network_remove(&s->e, s->net);
    assert_string_equal(err_text(e), "\"n\" has associated containers with it. Use -f to forcibly delete containers "
                                     "and pods: network is being used");
    expect_kind(e, ERR_IN_USE);
    expect_success(network_prune(&s->e, &names, &names));
    assert_int_equal(names.count, 0);
    /* With the container its place goes. */
    expect_success(run_sql(s->e.store, "DELETE FROM containers"));
    expect_success(network_prune(&s->e, &(const struct strv)STRV_INIT, &names));
    assert_int_equal(names.count, 1);
    expect_kind(network_remove(&s->e, s->net), ERR_NOT_FOUND);
}

static void finding(void **state)
{
    struct scene *s = *state;
    struct network *n = NULL;
    char prefix[13];
    create_net(s, "n", "10.50.0.0/24", NULL);
    (void)snprintf(prefix, sizeof(prefix), "%.12s", s->net->id);
    expect_success(network_find(&s->e, prefix, &n));
    assert_string_equal(n->name, "n");
    network_free(n);
    expect_success(network_find(&s->e, "2f259bab93aa", &n));
    assert_true(n->builtin);
    expect_kind(network_remove(&s->e, n), ERR_INVALID);
    network_free(n);
    struct err *e = network_find(&s->e, "nope", &n);
    assert_string_equal(err_text(e), "unable to find network with name or ID nope: network not found");
    expect_kind(e, ERR_NOT_FOUND);
    const struct network_create_opts again = {.name = "n"};
    e = network_create(&s->e, &again, &n);
    assert_string_equal(err_text(e), "network name n already used: network already exists");
    expect_kind(e, ERR_EXISTS);
    const struct network_create_opts ignore = {.name = "n", .ignore_existing = true};
    expect_success(network_create(&s->e, &ignore, &n));
    network_free(n);
}

#define SCENE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(addresses_go_round),
        SCENE_TEST(a_container_keeps_its_address),
        SCENE_TEST(asked_for_addresses),
        SCENE_TEST(ranges_are_kept),
        SCENE_TEST(the_same_address_twice),
        SCENE_TEST(networks_in_use_stay),
        SCENE_TEST(finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
