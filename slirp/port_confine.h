/* What the maker gives up once its namespace is prepared. */
#pragma once

#include "base/err.h"

/* No new privileges; of capabilities only those that transparent sockets and routes need; of system calls those that
 * make sockets and talk over them (seccomp). The filter is a handful of instructions of our own, as the program that
 * forks makers links no library for it. Other calls answer EPERM. */
struct err *port_confine(void) ERR_RESULT;
