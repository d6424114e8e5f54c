/* Two passes: measure() gives every cell the width of its column, which is known when the column's run of lines has
 * ended; then the cells are written. Columns of neighbouring lines are independent of each other, so one row of open
 * columns is all the state there is. */
#include "cli/tabwriter.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define CELLS_MAX ((size_t)16 << 20)

struct cell {
    size_t start, len;
    size_t runes;
    size_t width; /* of its column; set once the column has ended */
    bool tab;     /* ends with one: belongs to a column */
    bool last;    /* of its line */
};
struct cells {
    struct cell *items;
    size_t count, cap;
};
/* A column while its run of lines goes on. */
struct column {
    size_t width;
    size_t *members; /* indexes of cells */
    size_t count, cap;
};
struct columns {
    struct column *items;
    size_t count, cap;
};

static void cells_done(struct cells *c)
{
    mem_freep(&c->items);
}

static void columns_done(struct columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        mem_freep(&c->items[i].members);
    mem_freep(&c->items);
}

static size_t count_runes(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static struct err *split(const char *text, size_t len, struct cells *cells)
{
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && text[i] != '\t' && text[i] != '\n')
            continue;
        if (i == len && start == len)
            break; /* nothing behind the last newline */
        TRY(mem_grow(&cells->items, cells->count, &cells->cap, sizeof *cells->items, CELLS_MAX));
        cells->items[cells->count++] = (struct cell){
            .start = start,
            .len = i - start,
            .runes = count_runes(text + start, i - start),
            .tab = i < len && text[i] == '\t',
            .last = i == len || text[i] == '\n',
        };
        start = i + 1;
    }
    return NULL;
}

/* The run of lines ends here: all columns from `first` on get their width. */
static void end_columns(struct cells *cells, struct columns *columns, size_t first)
{
    for (size_t c = first; c < columns->count; c++) {
        struct column *column = &columns->items[c];
        for (size_t i = 0; i < column->count; i++)
            cells->items[column->members[i]].width = column->width;
        column->count = 0;
        column->width = 0;
    }
}

static struct err *add_to_column(struct columns *columns, size_t index, size_t cell, size_t width)
{
    if (index == columns->count) {
        TRY(mem_grow(&columns->items, columns->count, &columns->cap, sizeof *columns->items, CELLS_MAX));
        columns->items[columns->count++] = (struct column){0};
    }
    struct column *column = &columns->items[index];
    TRY(mem_grow(&column->members, column->count, &column->cap, sizeof *column->members, CELLS_MAX));
    column->members[column->count++] = cell;
    if (width > column->width)
        column->width = width;
    return NULL;
}

static struct err *measure(struct cells *cells, struct columns *columns, struct tabwriter_opts opts)
{
    size_t index = 0;
    for (size_t i = 0; i < cells->count; i++) {
        const struct cell *cell = &cells->items[i];
        if (cell->tab) {
            size_t width = cell->runes + opts.padding;
            TRY(add_to_column(columns, index++, i, width < opts.min_width ? opts.min_width : width));
        } else {
            end_columns(cells, columns, index);
        }
        if (cell->last)
            index = 0;
    }
    end_columns(cells, columns, 0);
    return NULL;
}

struct err *tabwriter_format(const char *text, size_t len, struct tabwriter_opts opts, struct strbuf *out)
{
    __attribute__((cleanup(cells_done))) struct cells cells = {0};
    __attribute__((cleanup(columns_done))) struct columns columns = {0};
    TRY(split(text, len, &cells));
    TRY(measure(&cells, &columns, opts));
    for (size_t i = 0; i < cells.count; i++) {
        const struct cell *cell = &cells.items[i];
        TRY(strbuf_add(out, text + cell->start, cell->len));
        if (cell->tab)
            TRY(strbuf_printf(out, "%*s", (int)(cell->width - cell->runes), ""));
        else if (cell->start + cell->len < len)
            TRY(strbuf_putc(out, '\n'));
    }
    return NULL;
}

struct err *tabwriter_lines(const struct strv *lines, struct strbuf *out)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strv_join(lines, "\n", &text));
    TRY(strbuf_printf(&sb, "%s\n", text));
    return tabwriter_format(strbuf_str(&sb), sb.len, TABWRITER_LISTING, out);
}
