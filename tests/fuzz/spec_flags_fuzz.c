/* Values of run's flags: the first byte says which flag, the rest is the value. What is accepted must survive the way
 * to JSON and back, or the container could be created and never started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/spec.h"
#include "tests/fuzz/fuzz.h"

static struct err *set_userns(struct container_spec *s, const char *value)
{
    return spec_set_ns(s, "userns", value);
}

static struct err *set_network(struct container_spec *s, const char *value)
{
    return spec_set_ns(s, "network", value);
}

static struct err *add_env_file(struct container_spec *s, const char *value)
{
    return spec_add_env_file(s, value, strlen(value), NULL);
}

static struct err *add_security_opt(struct container_spec *s, const char *value)
{
    return strv_add(&s->security_opt, value);
}

static struct err *add_sysctl(struct container_spec *s, const char *value)
{
    return strv_add(&s->sysctl, value);
}

static struct err *add_host(struct container_spec *s, const char *value)
{
    return strv_add(&s->add_host, value);
}

static struct err *(*const flags[])(struct container_spec *s, const char *value) = {
    spec_add_volume,  spec_add_mount,      spec_add_tmpfs, spec_add_device,     spec_add_ulimit, spec_add_publish,
    spec_set_restart, spec_set_entrypoint, spec_add_label, add_env_file,        set_userns,      set_network,
    add_security_opt, add_sysctl,          add_host,       spec_add_annotation,
};

/* Bytes that are not UTF-8 change once, on the way into the JSON, and never again. */
static void check_round_trip(const struct container_spec *s)
{
    struct container_spec back, again;
    AUTO_FREE char *first = NULL, *second = NULL, *third = NULL;
    struct err *e = container_spec_to_json(s, &first);
    FUZZ_CHECK(!e);
    e = container_spec_from_json(first, strlen(first), &back);
    FUZZ_CHECK(!e);
    e = container_spec_to_json(&back, &second);
    FUZZ_CHECK(!e);
    e = container_spec_from_json(second, strlen(second), &again);
    FUZZ_CHECK(!e);
    e = container_spec_to_json(&again, &third);
    FUZZ_CHECK(!e && strcmp(second, third) == 0);
    container_spec_done(&back);
    container_spec_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    AUTO_FREE char *value = NULL;
    if (mem_strndup((const char *)data + 1, size - 1, &value))
        return 0;
    struct container_spec s;
    container_spec_init(&s);
    struct err *e = flags[data[0] % ARRAY_LEN(flags)](&s, value);
    if (e) {
        FUZZ_CHECK(err_text(e)[0] != '\0');
        FUZZ_CHECK(s.n_mounts == 0 && s.n_devices == 0 && s.n_ulimits == 0 && s.publish.count == 0);
        err_free(e);
    } else {
        for (size_t i = 0; i < s.n_mounts; i++)
            FUZZ_CHECK(s.mounts[i].target[0] == '/' && s.mounts[i].target[1] != '\0' &&
                       !strstr(s.mounts[i].target, "/../"));
        check_round_trip(&s);
        err_drop(mem_strdup("i", &s.image));
        err_drop(container_spec_check(&s));
    }
    container_spec_done(&s);
    return 0;
}
