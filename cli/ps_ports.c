/* The ports of `ps`: a column, and a list of objects. */
#include "cli/ps.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "engine/network/publish.h"

static struct err *read_ports(const struct ps_row *row, struct publish_list *ret)
{
    AUTO_STRV struct strv published = STRV_INIT;
    TRY(container_published(row->container, &published));
    return publish_parse_all(&published, ret);
}

struct err *ps_ports_text(const struct ps_row *row, json_t **ret)
{
    AUTO_PUBLISH struct publish_list list = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(read_ports(row, &list));
    for (size_t i = 0; i < list.count; i++)
        TRY(strbuf_printf(&sb, "%s%s", i ? ", " : "", publish_arrow(&list.items[i]).s));
    *ret = json_string_nocheck(strbuf_str(&sb));
    return *ret ? NULL : err_oom();
}

struct err *ps_ports_list(const struct ps_row *row, json_t **ret)
{
    AUTO_PUBLISH struct publish_list list = {0};
    TRY(read_ports(row, &list));
    AUTO_JSON json_t *arr = list.count ? json_array() : json_null();
    if (!arr)
        return err_oom();
    for (size_t i = 0; i < list.count; i++) {
        const struct publish *p = &list.items[i];
        json_t *o;
        TRY(json_push_obj(arr, &o));
        TRY(json_put_str(o, "host_ip", p->host_ip));
        TRY(json_put_int(o, "container_port", p->ct_port));
        TRY(json_put_int(o, "host_port", p->host_port));
        TRY(json_put_int(o, "range", p->count));
        TRY(json_put_str(o, "protocol", publish_proto_name(p->proto)));
    }
    *ret = json_incref(arr);
    return NULL;
}
