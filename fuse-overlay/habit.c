#include "fuse-overlay/habit.h"

#define HABIT_FIRST 4 /* listings before the first try: for a single small tree it doesn't matter */
#define HABIT_INTERVAL_MAX 256
#define HABIT_HITS 3 /* one or two files are opened for other reasons */

void habit_init(struct habit *h)
{
    *h = (struct habit){.left = HABIT_FIRST, .interval = HABIT_FIRST};
}

bool habit_list(struct habit *h)
{
    h->hits = 0;
    if (h->is_bare)
        return true;
    if (h->left > 0) {
        h->left--;
        return false;
    }
    h->is_bare = true;
    return true;
}

void habit_lookup(struct habit *h)
{
    if (!h->is_bare || ++h->hits < HABIT_HITS)
        return;
    h->is_bare = false;
    h->interval = h->interval < HABIT_INTERVAL_MAX / 2 ? h->interval * 2 : HABIT_INTERVAL_MAX;
    h->left = h->interval;
}
