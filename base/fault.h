/* Fault injection for tests: make the Nth allocation or wrapped system call fail.
 *
 * Off in production: one predictable branch. Tests set it with fault_arm() or the environment variable
 * CORACLE_FAULT="mem:N" / "sys:N" (read once by programs built with -Dfaults=true). Not thread-safe by design.
 */
#pragma once

#include <stdbool.h>

enum fault_point { FAULT_MEM, FAULT_SYS, FAULT_POINT_MAX };

/* Let the `nth` (from 1) pass of `point` fail, once; 0 disarms. */
void fault_arm(enum fault_point point, unsigned nth);
/* How often `point` was passed since fault_arm(). */
unsigned fault_count(enum fault_point point);
/* Called at the point: true means "fail now". */
bool fault_hit(enum fault_point point);
/* Arms from CORACLE_FAULT when the build allows it. */
void fault_from_env(void);
