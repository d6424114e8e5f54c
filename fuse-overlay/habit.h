/* Whether programs that list directories also ask for the attributes of what they find there.
 *
 * The kernel's first request for a directory always offers to take attributes along (READDIRPLUS). They cost a system
 * call here and an inode in the kernel for each entry, and save a LOOKUP request, which costs more, if they are wanted.
 * That they were not shows only where they were not given: so now and then a directory is listed without (bare). If
 * lookups of its entries follow, attributes are given again, and it is tried more rarely. Directories always get
 * theirs, for whoever descends needs them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct habit {
    bool is_bare;
    uint32_t hits;     /* lookups since the last bare listing */
    uint32_t left;     /* listings with attributes until the next try */
    uint32_t interval; /* of tries */
};

void habit_init(struct habit *h);
/* A listing begins; true: without attributes. */
bool habit_list(struct habit *h);
/* An entry was looked up that had been listed without. */
void habit_lookup(struct habit *h);
