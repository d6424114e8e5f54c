/* Columns from tabs, as Go's text/tabwriter makes them. Pure.
 *
 * A cell ends with a tab; what stands behind the last tab of a line belongs to no column. A column is a run of
 * neighbouring lines that have that cell; it is as wide as its widest cell and the padding. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

struct tabwriter_opts {
    size_t min_width, padding;
};
/* What Podman's listings use. */
#define TABWRITER_LISTING ((struct tabwriter_opts){.min_width = 12, .padding = 2})

/* Appends to `out`. Widths are counted in code points. */
struct err *tabwriter_format(const char *text, size_t len, struct tabwriter_opts opts, struct strbuf *out) ERR_RESULT;
/* Lines without their ends, as a listing. */
struct err *tabwriter_lines(const struct strv *lines, struct strbuf *out) ERR_RESULT;
