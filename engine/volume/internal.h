/* What the files of this folder share. */
#pragma once

#include "engine/store/store.h"
#include "engine/volume/options.h"
#include "engine/volume/volume.h"

#define VOLUME_SELECT                                                                              \
    "SELECT v.name, v.driver, v.created_nsec, v.anonymous, v.needs_copy_up, v.labels, v.options, " \
    "(SELECT count(*) FROM container_volumes c WHERE c.volume = v.name) FROM volumes v"

/* The current row of a VOLUME_SELECT statement. */
struct err *volume_from_row(struct engine *e, struct store_stmt *st, struct volume **ret) ERR_RESULT;
/* place.c: unmount what is mounted for it. */
void volume_leave_place(struct engine *e, const char *name);
