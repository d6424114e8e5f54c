/* Many layers, one after the other: a coracle-layer that only makes copies of itself.
 *
 * Loading libarchive and what it needs takes longer than unpacking a small layer. The starter has loaded it, and never
 * reads an archive itself: for each job it forks a child, which then does what a coracle-layer of its own would do
 * (descriptors, confinement, one answer). The children are made with CLONE_PARENT, so they are children of the asking
 * process, which waits for them and kills them like those that it spawns.
 */
#pragma once

#include "base/err.h"
#include "base/proc.h"

struct layer_starter;
struct err *layer_starter_new(struct layer_starter **ret) ERR_RESULT;
/* What it has started goes on. */
void layer_starter_free(struct layer_starter *take_s);
/* argv as of coracle-layer; fds for the numbers WIRE_RESULT and on. Both borrowed. */
struct err *layer_starter_fork(struct layer_starter *s, char *const *argv, const int *fds, size_t n_fds,
                               struct proc *ret) ERR_RESULT;
