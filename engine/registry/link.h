/* The Link header, for lists in pages (RFC 8288; OCI distribution specification, "Listing Tags"). Pure computation. */
#pragma once

#include "base/err.h"

/* The target whose relation is "next", as it stands there; *ret stays NULL when there is none. Malformed rest is none.
 */
struct err *link_next(const char *text, char **ret) ERR_RESULT;
