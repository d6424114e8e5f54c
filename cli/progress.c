/* The screen below the last line that was written is ours: `rows` lines, with the cursor behind the last. To draw, go
 * up by as many, erase to the end of the screen, write lines that stay, then those that don't (ECMA-48 CUU, ED). A
 * narrower terminal has wrapped what is there: rows are counted by the width of now, so a resize needs no signal
 * handler.
 */
#include "cli/progress.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define ROWS_MAX 16
#define ITEMS_MAX 512
#define WIDTH_MAX 500

/* What was learnt about one bar. */
struct item {
    char what[sizeof((struct image_bar *)0)->what];
    uint64_t first_bytes;
    int64_t first_msec;
    bool written; /* as a line that stays */
};

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static struct {
    struct item items[ITEMS_MAX];
    size_t n_items;
    size_t lengths[ROWS_MAX]; /* of the lines on the screen */
    size_t n_lines;
    bool handling;
    struct sigaction before[ARRAY_LEN(ending)];
    /* For the handler: what takes the bars away. */
    volatile sig_atomic_t erase_len;
    char erase[32];
} screen;

/* --- lines */

struct progress_size progress_size_of(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    struct progress_size r;
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1000 && u + 1 < ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    (void)snprintf(r.s, sizeof r.s, u ? "%.1f%s" : "%.0f%s", v, units[u]);
    return r;
}

/* "3s", "2m03s", "1h02m" */
static void put_time(char *buf, size_t cap, uint64_t sec)
{
    if (sec < 60)
        (void)snprintf(buf, cap, "%us", (unsigned)sec);
    else if (sec < 3600)
        (void)snprintf(buf, cap, "%um%02us", (unsigned)(sec / 60), (unsigned)(sec % 60));
    else
        (void)snprintf(buf, cap, "%lluh%02um", (unsigned long long)(sec / 3600 > 999 ? 999 : sec / 3600),
                       (unsigned)(sec / 60 % 60));
}

/* "[=====>----]" in `cells`. */
static void put_bar(char *buf, size_t cells, uint64_t done, uint64_t total)
{
    size_t inside = cells - 2;
    size_t full = total ? (size_t)((double)inside * (double)(done < total ? done : total) / (double)total) : inside;
    buf[0] = '[';
    for (size_t i = 0; i < inside; i++)
        buf[i + 1] = i < full ? '=' : i == full ? '>' : '-';
    buf[cells - 1] = ']';
    buf[cells] = '\0';
}

struct progress_line progress_line_of(const struct image_bar *bar, uint64_t speed, size_t width)
{
    struct progress_line line = {""};
    char part[128] = "", left[24] = "";
    size_t max = width < sizeof line.s - 1 ? width : sizeof line.s - 1, used;
    (void)snprintf(line.s, sizeof line.s, "%s", bar->what);
    if (bar->finished) {
        (void)snprintf(part, sizeof part, bar->existed ? " skipped: already exists" : " done | %s",
                       progress_size_of(bar->total_bytes).s);
        if (strlen(line.s) + strlen(part) <= max)
            strncat(line.s, part, sizeof line.s - strlen(line.s) - 1);
        line.s[max] = '\0';
        return line;
    }
    uint64_t missing = bar->total_bytes > bar->done_bytes ? bar->total_bytes - bar->done_bytes : 0;
    if (speed)
        put_time(left, sizeof left, (missing + speed - 1) / speed);
    (void)snprintf(part, sizeof part, " %s / %s%s%s%s%s", progress_size_of(bar->done_bytes).s,
                   progress_size_of(bar->total_bytes).s, speed ? " | " : "", speed ? progress_size_of(speed).s : "",
                   speed ? "/s | " : "", left);
    used = strlen(line.s) + strlen(part);
    if (used + 13 <= max) {
        size_t cells = max - used - 1 < 40 ? max - used - 1 : 40;
        size_t at = strlen(line.s);
        line.s[at] = ' ';
        put_bar(line.s + at + 1, cells, bar->done_bytes, bar->total_bytes);
    }
    if (strlen(line.s) + strlen(part) <= max)
        strncat(line.s, part, sizeof line.s - strlen(line.s) - 1);
    line.s[max] = '\0';
    return line;
}

/* --- signals */

/* Async-signal-safe: one write, and the signal again as if it had not been handled. */
static void on_ending(int sig)
{
    if (screen.erase_len > 0)
        (void)!write(STDERR_FILENO, screen.erase, (size_t)screen.erase_len);
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static void handle_signals(bool on)
{
    if (on == screen.handling)
        return;
    screen.handling = on;
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        struct sigaction a = {.sa_handler = on_ending};
        if (!on) {
            (void)sigaction(ending[i], &screen.before[i], NULL);
            continue;
        }
        (void)sigaction(ending[i], NULL, &screen.before[i]);
        if (screen.before[i].sa_handler == SIG_DFL) /* not what nohup ignores */
            (void)sigaction(ending[i], &a, NULL);
    }
}

/* --- drawing */

static void terminal_size(size_t *ret_rows, size_t *ret_columns)
{
    struct winsize w = {.ws_row = 0};
    bool ok = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0;
    *ret_rows = ok && w.ws_row > 0 ? w.ws_row : 24;
    *ret_columns = ok && w.ws_col > 0 ? w.ws_col : 80;
    if (*ret_columns > WIDTH_MAX)
        *ret_columns = WIDTH_MAX;
}

/* How many rows of the terminal are ours, at this width. */
static size_t rows_of(size_t columns)
{
    size_t rows = 0;
    for (size_t i = 0; i < screen.n_lines; i++)
        rows += screen.lengths[i] ? (screen.lengths[i] + columns - 1) / columns : 1;
    return rows;
}

static struct err *put_erase(struct strbuf *sb, size_t columns)
{
    size_t rows = rows_of(columns);
    return rows ? strbuf_printf(sb, "\r\033[%zuA\033[J", rows) : NULL;
}

static void write_out(const struct strbuf *sb)
{
    err_drop(fd_write_all(STDERR_FILENO, sb->data, sb->len)); /* nobody is there to be told */
}

/* What the handler would have to write. */
static void remember_erase(size_t columns)
{
    size_t rows = rows_of(columns);
    screen.erase_len = 0;
    int n = snprintf(screen.erase, sizeof screen.erase, "\r\033[%zuA\033[J", rows);
    screen.erase_len = rows ? n : 0;
}

void progress_hide(void)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    size_t rows, columns;
    if (screen.n_lines == 0)
        return;
    terminal_size(&rows, &columns);
    struct err *e = put_erase(&sb, columns);
    if (!e)
        write_out(&sb);
    err_drop(e);
    screen.n_lines = 0;
    screen.erase_len = 0;
}

void progress_end(void)
{
    progress_hide();
    handle_signals(false);
    screen.n_items = 0;
}

static int64_t now_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* NULL when there are too many. */
static struct item *item_of(const struct image_bar *bar)
{
    for (size_t i = 0; i < screen.n_items; i++)
        if (strcmp(screen.items[i].what, bar->what) == 0)
            return &screen.items[i];
    if (screen.n_items == ITEMS_MAX)
        return NULL;
    struct item *item = &screen.items[screen.n_items++];
    *item = (struct item){.first_bytes = bar->done_bytes, .first_msec = now_msec()};
    memcpy(item->what, bar->what, sizeof item->what);
    return item;
}

static uint64_t speed_of(const struct item *item, const struct image_bar *bar)
{
    int64_t msec = now_msec() - item->first_msec;
    if (msec < 200 || bar->done_bytes <= item->first_bytes)
        return 0;
    return (uint64_t)((double)(bar->done_bytes - item->first_bytes) * 1000 / (double)msec);
}

static struct err *put_bars(struct strbuf *sb, const struct image_bar *bars, size_t n, size_t rows, size_t columns)
{
    screen.n_lines = 0;
    for (size_t i = 0; i < n; i++) { /* what stays, first */
        struct item *item = item_of(&bars[i]);
        if (!item || !bars[i].finished || bars[i].passing || item->written)
            continue;
        item->written = true;
        TRY(strbuf_printf(sb, "%s\n", progress_line_of(&bars[i], 0, columns - 1).s));
    }
    for (size_t i = 0; i < n && screen.n_lines + 1 < rows && screen.n_lines < ROWS_MAX; i++) {
        const struct item *item = item_of(&bars[i]);
        if (!item || bars[i].finished)
            continue;
        struct progress_line line = progress_line_of(&bars[i], speed_of(item, &bars[i]), columns - 1);
        screen.lengths[screen.n_lines++] = strlen(line.s);
        TRY(strbuf_printf(sb, "%s\n", line.s));
    }
    return NULL;
}

static void show(void *arg, const struct image_bar *bars, size_t n)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    size_t rows, columns;
    (void)arg;
    terminal_size(&rows, &columns);
    handle_signals(true);
    struct err *e = put_erase(&sb, columns);
    if (!e)
        e = put_bars(&sb, bars, n, rows, columns);
    if (!e)
        write_out(&sb);
    err_drop(e);
    remember_erase(columns);
}

const struct image_bars *progress_bars(void)
{
    static const struct image_bars bars = {.show = show};
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && term[0] && strcmp(term, "dumb") != 0 ? &bars : NULL;
}
