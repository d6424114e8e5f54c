/* Values of -p, --expose and --network. What is accepted of ports must mean the same after it was put in order and
 * written down, or a container would publish something else at its next start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/network/attach.h"
#include "engine/network/options.h"
#include "engine/network/publish.h"
#include "tests/fuzz/fuzz.h"

static void check_again(const struct publish_list *l)
{
    AUTO_PUBLISH struct publish_list again = {0};
    struct err *e = NULL;
    for (size_t i = 0; i < l->count; i++) {
        const struct publish *p = &l->items[i];
        FUZZ_CHECK(p->count >= 1 && p->ct_port >= 1 && p->ct_port + p->count <= 65536);
        FUZZ_CHECK(!p->host_port ? p->count == 1 : p->host_port + p->count <= 65536);
        e = publish_parse(publish_text(p).s, &again);
        FUZZ_CHECK(!e);
    }
    e = publish_settle(&again);
    FUZZ_CHECK(!e && again.count == l->count);
    for (size_t i = 0; i < l->count; i++)
        FUZZ_CHECK(strcmp(publish_text(&l->items[i]).s, publish_text(&again.items[i]).s) == 0);
}

/* Values are separated by blanks. */
static void try_ports(const char *value)
{
    AUTO_PUBLISH struct publish_list l = {0};
    AUTO_STRV struct strv values = STRV_INIT;
    struct err *e = strv_split(value, ' ', &values);
    if (!e)
        e = publish_parse_all(&values, &l);
    if (!e)
        e = publish_settle(&l);
    if (!e)
        check_again(&l);
    else
        FUZZ_CHECK(err_text(e)[0] != '\0');
    err_drop(e);
}

static void try_exposed(const char *value)
{
    AUTO_PUBLISH struct publish_list l = {0};
    struct err *e = publish_parse_exposed(value, &l);
    for (size_t i = 0; !e && i < l.count; i++)
        FUZZ_CHECK(l.items[i].count == 1 && !l.items[i].host_port);
    err_drop(e);
}

static void try_options(const char *value)
{
    AUTO_NETWORK_OPTIONS struct network_options o = {0};
    struct err *e = network_options_parse(value, NULL, NULL, NULL, &o);
    if (!e) {
        struct err *bad = slirp_config_check(&o.config);
        FUZZ_CHECK(!bad);
    }
    err_drop(e);
}

/* Named networks: what was accepted reads back as the same. */
static void try_names(const char *value)
{
    AUTO_NETWORK_ATTACH_LIST struct network_attach_list l = {0}, again = {0};
    struct err *e = network_attach_parse(value, &l);
    for (size_t i = 0; !e && i < l.count; i++) {
        AUTO_FREE char *text = NULL, *same = NULL;
        struct err *bad = network_attach_text(&l.items[i], &text);
        FUZZ_CHECK(!bad);
        bad = network_attach_parse(text, &again);
        FUZZ_CHECK(!bad && again.count == i + 1);
        bad = network_attach_text(&again.items[i], &same);
        FUZZ_CHECK(!bad && strcmp(text, same) == 0);
    }
    if (e)
        FUZZ_CHECK(err_text(e)[0] != '\0');
    err_drop(e);
}

/* Subnets and ranges. */
static void try_subnets(const char *value)
{
    struct subnet n, same;
    struct ip_addr first, last;
    struct err *e = subnet_parse(value, &n);
    if (!e) {
        struct err *bad = subnet_parse(subnet_text(&n).s, &same);
        FUZZ_CHECK(!bad && ip_equal(&n.first, &same.first) && n.prefix_len == same.prefix_len);
        last = subnet_last(&n);
        FUZZ_CHECK(subnet_contains(&n, &last) && subnet_overlaps(&n, &same));
    }
    err_drop(e);
    e = subnet_parse_range(value, &first, &last);
    if (!e)
        FUZZ_CHECK(first.family == last.family);
    err_drop(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = NULL;
    if (size == 0 || size > 4096 || mem_strndup((const char *)data + 1, size - 1, &value))
        return 0;
    if (data[0] == 'p')
        try_ports(value);
    else if (data[0] == 'e')
        try_exposed(value);
    else if (data[0] == 'n')
        try_names(value);
    else if (data[0] == 's')
        try_subnets(value);
    else
        try_options(value);
    return 0;
}
