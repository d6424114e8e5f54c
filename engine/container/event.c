/* What happens to containers, as rows of the store: image, labels, exit code and health go along as attributes, since
 * whoever reads them may find the container gone. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/events.h"
#include "engine/container/internal.h"
#include "engine/engine.h"

static struct err *put_labels(struct strbuf *sb, const struct strv *labels)
{
    TRY(strbuf_puts(sb, ",\"labels\":{"));
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->items[i], *eq = strchr(label, '=');
        const char *value = eq ? eq + 1 : "";
        TRY(i ? strbuf_putc(sb, ',') : NULL);
        TRY(strbuf_put_json(sb, label, eq ? (size_t)(eq - label) : strlen(label)));
        TRY(strbuf_putc(sb, ':'));
        TRY(strbuf_put_json(sb, value, strlen(value)));
    }
    return strbuf_putc(sb, '}');
}

static struct err *put_text(struct strbuf *sb, const char *key, const char *text)
{
    TRY(strbuf_printf(sb, ",\"%s\":", key));
    return strbuf_put_json(sb, text, strlen(text));
}

static struct err *put_report(struct strbuf *sb, const struct event_report *r)
{
    if (r->has_exit)
        TRY(strbuf_printf(sb, ",\"exit\":%d", r->exit_code));
    if (*r->health)
        TRY(put_text(sb, "health", r->health));
    if (!r->has_streak)
        return NULL;
    TRY(strbuf_printf(sb, ",\"streak\":%d", r->failing_streak));
    return put_text(sb, "log", r->log);
}

struct err *event_attributes(const char *image, const struct strv *labels, const struct event_report *r,
                             struct strbuf *ret)
{
    TRY(strbuf_puts(ret, "{\"image\":"));
    TRY(strbuf_put_json(ret, image, strlen(image)));
    if (r)
        TRY(put_report(ret, r));
    if (labels && labels->count)
        TRY(put_labels(ret, labels));
    return strbuf_putc(ret, '}');
}

static struct err *put_event(struct engine *e, const struct container *c, const char *action, int64_t at_nsec,
                             const struct event_report *r)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    const struct strv *labels = c->has_spec ? &c->spec.labels : NULL;
    TRY(event_attributes(c->image_name ? c->image_name : "", labels, r, &sb));
    return store_event_at(engine_store(e), at_nsec, "container", action, c->id, c->name, strbuf_str(&sb));
}

struct err *container_event(struct engine *e, const struct container *c, const char *action)
{
    return put_event(e, c, action, timefmt_now(), NULL);
}

struct err *container_event_alone(struct engine *e, const struct container *c, const char *action)
{
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    TRY(store_begin(engine_store(e), STORE_WRITE, false));
    TRY(container_event(e, c, action));
    return store_commit(engine_store(e));
}

struct err *container_event_started(struct engine *e, struct container *c)
{
    int64_t at_nsec = c->started_nsec ? c->started_nsec : timefmt_now();
    if (c->untold & CT_INIT_UNTOLD)
        TRY(put_event(e, c, "init", at_nsec, NULL));
    if (c->untold & CT_START_UNTOLD)
        TRY(put_event(e, c, "start", at_nsec, NULL));
    if (c->untold & CT_ATTACH_UNTOLD)
        TRY(put_event(e, c, "attach", at_nsec, NULL));
    c->untold = CT_ALL_TOLD;
    return NULL;
}

struct err *container_event_died(struct engine *e, const struct container *c)
{
    const struct event_report end = {.has_exit = true, .exit_code = c->exit_code};
    TRY(put_event(e, c, "died", c->finished_nsec ? c->finished_nsec : timefmt_now(), &end));
    return put_event(e, c, "cleanup", timefmt_now(), NULL);
}

struct err *container_event_reported(struct engine *e, const struct container *c, const struct event_report *r)
{
    return put_event(e, c, r->action, r->at_nsec, r);
}
