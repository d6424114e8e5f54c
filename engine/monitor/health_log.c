#include "engine/monitor/health_log.h"

#include <string.h>

#include "base/timefmt.h"

void health_log_done(struct health_log *l)
{
    strv_done(&l->results);
    *l = (struct health_log){0};
}

static struct err *put_result(struct strbuf *sb, const struct health_result *r)
{
    TRY(strbuf_printf(
        sb, "{\"Start\":\"%s\",\"End\":\"%s\",\"ExitCode\":%d,\"Output\":", timefmt_rfc3339(r->started_nsec, 0).s,
        timefmt_rfc3339(r->finished_nsec, 0).s, (int)r->exit_code));
    TRY(strbuf_put_json(sb, r->output, r->output_len));
    return strbuf_putc(sb, '}');
}

static void drop_oldest(struct health_log *l)
{
    l->bytes -= strlen(l->results.items[0]);
    strv_remove(&l->results, 0);
}

struct err *health_log_add(struct health_log *l, const struct health_result *r, uint32_t max)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(put_result(&sb, r));
    TRY(strv_add(&l->results, strbuf_str(&sb)));
    l->bytes += sb.len;
    while (l->results.count > 1 && ((max && l->results.count > max) || l->bytes > HEALTH_LOG_BYTES_MAX))
        drop_oldest(l);
    return NULL;
}

struct err *health_log_put(const struct health_log *l, struct strbuf *sb)
{
    if (!l->results.count)
        return strbuf_puts(sb, "null");
    for (size_t i = 0; i < l->results.count; i++) {
        TRY(strbuf_putc(sb, i ? ',' : '['));
        TRY(strbuf_puts(sb, l->results.items[i]));
    }
    return strbuf_putc(sb, ']');
}
