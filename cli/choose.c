/* The prompt is drawn on stderr, so that stdout keeps what scripts read. Lines are cut to the terminal's width, and
 * drawn anew in place: up by as many as were drawn, erase to the end of the screen (ECMA-48 CUU and ED). */
#include "cli/choose.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define PROMPT "Please select an image"
#define ROWS_MAX 10

enum choose_result choose_key(struct choose_state *s, const char *key, size_t len)
{
    bool arrow = len == 3 && key[0] == '\033' && (key[1] == '[' || key[1] == 'O');
    char c = arrow ? key[2] : key[0];
    if (len != 1 && !arrow)
        return CHOOSE_GO_ON;
    if (!arrow && c >= '0' && c <= '9') {
        size_t n = s->number * 10 + (size_t)(c - '0');
        s->number = n >= 1 && n <= s->count ? n : (size_t)(c - '0');
        if (s->number >= 1 && s->number <= s->count)
            s->at = s->number - 1;
        else
            s->number = 0;
        return CHOOSE_GO_ON;
    }
    s->number = 0;
    if (arrow ? c == 'A' : c == 'k' || c == '\020') {
        s->at -= s->at > 0;
    } else if (arrow ? c == 'B' : c == 'j' || c == '\016') {
        s->at += s->at + 1 < s->count;
    } else if (!arrow && (c == '\r' || c == '\n')) {
        return CHOOSE_DONE;
    } else if (!arrow && (c == '\003' || c == '\004' || c == 'q')) {
        return CHOOSE_CANCEL;
    }
    return CHOOSE_GO_ON;
}

static size_t columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 10 ? w.ws_col : 80;
}

/* The part of the list around the cursor. *ret_rows: how many lines the cursor is below the first afterwards. */
static struct err *draw(const struct choose_state *s, const struct strv *names, size_t *ret_rows)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    size_t shown = s->count < ROWS_MAX ? s->count : ROWS_MAX;
    size_t first = s->at < shown ? 0 : s->at - shown + 1;
    int width = (int)columns() - 8;
    if (*ret_rows)
        TRY(strbuf_printf(&sb, "\033[%zuA", *ret_rows));
    TRY(strbuf_puts(&sb, "\r\033[J? " PROMPT " (arrow keys or a number, then Enter):\r\n"));
    for (size_t i = first; i < first + shown; i++)
        TRY(strbuf_printf(&sb, "%s%2zu %.*s\r\n", i == s->at ? " > " : "   ", i + 1, width, names->items[i]));
    *ret_rows = shown + 1;
    return fd_write_all(STDERR_FILENO, sb.data, sb.len);
}

static struct err *erase(size_t rows)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_printf(&sb, "\033[%zuA\r\033[J", rows));
    return fd_write_all(STDERR_FILENO, sb.data, sb.len);
}

static struct err *run(struct choose_state *s, const struct strv *names, bool *ret_chosen)
{
    enum choose_result result = CHOOSE_GO_ON;
    size_t rows = 0;
    while (result == CHOOSE_GO_ON) {
        char key[8];
        TRY(draw(s, names, &rows));
        ssize_t n = read(STDIN_FILENO, key, sizeof key);
        if (n < 0 && errno == EINTR)
            continue;
        /* Keys that were typed quickly come together; a sequence that begins with ESC is one key. */
        for (ssize_t i = 0; i < n && result == CHOOSE_GO_ON;) {
            size_t len = key[i] == '\033' ? (n - i >= 3 ? 3 : (size_t)(n - i)) : 1;
            result = choose_key(s, key + i, len);
            i += (ssize_t)len;
        }
        if (n <= 0)
            result = CHOOSE_CANCEL;
    }
    *ret_chosen = result == CHOOSE_DONE;
    return erase(rows);
}

static struct err *choose(void *arg, const struct strv *names, size_t *ret_index)
{
    struct choose_state s = {.count = names->count};
    struct termios before, raw;
    bool chosen = false;
    (void)arg;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return ERR_SYS(errno, "ask the terminal");
    raw = before;
    /* No signals either: the terminal must be as it was when we end. */
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return ERR_SYS(errno, "ask the terminal");
    struct err *e = run(&s, names, &chosen);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    TRY(e);
    if (!chosen)
        return ERR_NEW(ERR_INVALID, "no image was selected");
    *ret_index = s.at;
    return NULL;
}

choose_fn choose_function(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? choose : NULL;
}
