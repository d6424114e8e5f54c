#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"

/* stderr replaced by a pipe or terminal, and back. */
struct capture {
    int read_fd;
    int saved_fd;
};

static void capture_begin(struct capture *c, int read_fd, int write_fd)
{
    c->read_fd = read_fd;
    c->saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(c->saved_fd >= 0);
    assert_int_equal(dup2(write_fd, STDERR_FILENO), STDERR_FILENO);
    fd_close(write_fd);
}

static void capture_pipe(struct capture *c)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    capture_begin(c, fds[0], fds[1]);
}

static void capture_terminal(struct capture *c)
{
    int controller, terminal;
    struct termios raw = {0};
    cfmakeraw(&raw);
    assert_int_equal(openpty(&controller, &terminal, NULL, &raw, NULL), 0);
    capture_begin(c, controller, terminal);
}

static void capture_end(struct capture *c, char *text, size_t cap)
{
    assert_null(fd_set_nonblock(c->read_fd, true));
    size_t len = 0;
    for (ssize_t n; (n = read(c->read_fd, text + len, cap - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    assert_int_equal(dup2(c->saved_fd, STDERR_FILENO), STDERR_FILENO);
    fd_close(c->saved_fd);
    fd_close(c->read_fd);
}

static int set_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC0", 1);
    log_set_level(LOG_LEVEL_WARN);
    return 0;
}

/* The line behind `time="…" `, after checking that part's shape. */
static const char *after_time(const char *line)
{
    static const char shape[] = "time=\"dddd-dd-ddTdd:dd:ddZ\" ";
    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape[i]);
    }
    return line + strlen(shape);
}

static void lines_are_logrus_text(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        const char *line;
    } cases[] = {
        {"two words", "level=warning msg=\"two words\"\n"},
        {"word", "level=warning msg=word\n"},
        {"a-b.c_d/e@f^+9", "level=warning msg=a-b.c_d/e@f^+9\n"},
        {"say \"x\\y\"", "level=warning msg=\"say \\\"x\\\\y\\\"\"\n"},
        {"a\nb\tc\rd\x1b[2Je\x7f", "level=warning msg=\"a\\nb\\tc\\rd\\x1b[2Je\\x7f\"\n"},
        {"gr\u00fcn", "level=warning msg=\"gr\u00fcn\"\n"},
        {"\302\2332J", "level=warning msg=\"\\u009b2J\"\n"},
        {"trailing\n", "level=warning msg=trailing\n"},
        {"", "level=warning msg=\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct capture c;
        char text[1024];
        capture_pipe(&c);
        errno = ENOTTY;
        log_write(LOG_LEVEL_WARN, "%s", cases[i].message);
        int errno_after = errno;
        capture_end(&c, text, sizeof(text));
        assert_string_equal(after_time(text), cases[i].line);
        assert_int_equal(errno_after, ENOTTY);
    }
}

static void terminal_lines_are_short_and_harmless(void **state)
{
    (void)state;
    struct capture c;
    char text[1024];
    capture_terminal(&c);
    log_write(LOG_LEVEL_ERROR, "bad \x1b[2J \xc2\x9b name\n");
    capture_end(&c, text, sizeof(text));
    assert_memory_equal(text, "\x1b[31mERRO\x1b[0m[000", 17);
    assert_string_equal(text + 18, "] bad ?[2J ? name\n");
}

static void level_filters(void **state)
{
    (void)state;
    struct capture c;
    char text[1024];
    assert_true(log_enabled(LOG_LEVEL_WARN));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    capture_pipe(&c);
    log_write(LOG_LEVEL_INFO, "unseen");
    log_debug("unseen %d", 1);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("seen %d", 2);
    log_write(LOG_LEVEL_TRACE, "unseen");
    capture_end(&c, text, sizeof(text));
    assert_string_equal(after_time(text), "level=debug msg=\"seen 2\"\n");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char message[8000];
    memset(message, '\x01', sizeof(message) - 1); /* grows fourfold when quoted */
    message[sizeof(message) - 1] = '\0';
    struct capture c;
    static char text[40000];
    capture_pipe(&c);
    log_write(LOG_LEVEL_ERROR, "%s", message);
    capture_end(&c, text, sizeof(text));
    size_t len = strlen(text);
    assert_in_range(len, 4 * 4095, 4 * 4096 + 100);
    assert_string_equal(text + len - 6, "\\x01\"\n");
}

static void level_names_are_podmans(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {
        {"trace", LOG_LEVEL_TRACE},  {"debug", LOG_LEVEL_DEBUG}, {"info", LOG_LEVEL_INFO},   {"warn", LOG_LEVEL_WARN},
        {"warning", LOG_LEVEL_WARN}, {"ERROR", LOG_LEVEL_ERROR}, {"fatal", LOG_LEVEL_ERROR}, {"panic", LOG_LEVEL_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum log_level level = LOG_LEVEL_INFO;
        assert_null(log_parse_level(names[i].name, &level));
        assert_int_equal(level, names[i].level);
    }
    enum log_level level = LOG_LEVEL_INFO;
    AUTO_ERR struct err *e = log_parse_level("loud", &level);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_INVALID);
    assert_non_null(strstr(err_text(e), "\"loud\" is not supported"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_logrus_text, set_utc),
        cmocka_unit_test_setup(terminal_lines_are_short_and_harmless, set_utc),
        cmocka_unit_test_setup(level_filters, set_utc),
        cmocka_unit_test_setup(long_messages_are_cut, set_utc),
        cmocka_unit_test_setup(level_names_are_podmans, set_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
