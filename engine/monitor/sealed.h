/* The runtime's program as a sealed memory file.
 *
 * crun and runc, when started from an ordinary file, first copy or bind themselves to something that the container
 * cannot overwrite (CVE-2019-5736) and execute again, which loads the program twice. A program that already is a sealed
 * memory file they run as it is: the same protection for a third of the time. */
#pragma once

#include <stdbool.h>

/* *ret: a descriptor to execute, or -1 when that does not pay or cannot be (a script, a large program, no memory
 * files). */
void sealed_open(const char *path, int *ret);
