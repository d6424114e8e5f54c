/* The image that a container was made of, wherever that is. */
#include <string.h>

#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/image/image.h"

struct err *container_find_image(struct engine *e, const struct container *c, struct image **ret)
{
    struct image *i = NULL;
    if (!c->image_origin)
        return image_find(e, c->image_id, ret);
    TRY(image_find(e, c->image_origin, &i));
    if (strcmp(i->id, c->image_id) != 0) {
        image_free(i);
        return ERR_NEW(ERR_STATE, "container %s was made of image %.12s, and %s is another one by now", c->name,
                       c->image_id, c->image_origin);
    }
    *ret = i;
    return NULL;
}

struct err *container_release_image(struct engine *e, const struct container *c)
{
    struct store_stmt *st;
    bool row;
    if (!c->image_origin)
        return NULL;
    TRY(store_prepare(engine_store(e),
                      "SELECT 1 FROM containers WHERE started_nsec > finished_nsec AND id <> ?1 AND "
                      "json_extract(spec, '$.image_origin') IS NOT NULL LIMIT 1",
                      &st));
    TRY(store_bind(st, "t", c->id));
    TRY(store_step(st, &row));
    store_idle(engine_store(e));
    if (!row)
        image_layers_sweep(e);
    return NULL;
}

struct err *container_image_config(struct engine *e, const struct container *c, struct image_config *ret)
{
    struct image *i, gone = {.id = c->image_id, .config_text = c->spec.image_config};
    if (!c->image_id)
        return NULL;
    if (gone.config_text) /* whatever has become of it since the container was made */
        return image_read_config(e, &gone, ret);
    TRY(container_find_image(e, c, &i));
    struct err *err = image_read_config(e, i, ret);
    image_free(i);
    return err;
}
