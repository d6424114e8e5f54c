/* What logs and pod logs share. */
#pragma once

#include "cli/cli.h"

struct logs_flags {
    bool color, follow, latest, names, timestamps;
    const char *since, *until;
    int64_t tail;
};
/* Of the containers that are the command's arguments; `prefix`: each line begins with the name or the id of its own. */
struct err *logs_show(struct cli *c, const struct logs_flags *o, bool prefix, int *exit_code) ERR_RESULT;
