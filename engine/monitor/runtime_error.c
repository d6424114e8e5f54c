/* What went wrong in an OCI runtime is only said in words, for people. Which of them mean "no such command" (127) and
 * "cannot be run" (126) follows Podman's reading, so that exit codes are the same. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/monitor/launch.h"

struct meaning {
    const char *words;
    enum err_kind kind;
    const char *says;
};

/* The first match counts. */
static const struct meaning meanings[] = {
    {"permission denied", ERR_CANNOT_EXEC, "OCI permission denied"},
    {"operation not permitted", ERR_CANNOT_EXEC, "OCI permission denied"},
    {"exec format error", ERR_CANNOT_EXEC, "OCI runtime error"},
    {"is a directory", ERR_CANNOT_EXEC, "OCI runtime error"},
    {"executable file not found in", ERR_NO_COMMAND, "OCI runtime attempted to invoke a command that was not found"},
    {"executable file `", ERR_NO_COMMAND, "OCI runtime attempted to invoke a command that was not found"},
    {"no such file or directory", ERR_NO_COMMAND, "OCI runtime attempted to invoke a command that was not found"},
};

struct err *runtime_error(const char *name, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (strcasestr(text, meanings[i].words))
            return ERR_NEW(meanings[i].kind, "%s: %s: %s", name, text, meanings[i].says);
    }
    return ERR_NEW(ERR_INTERNAL, "%s: %s: OCI runtime error", name, text);
}

/* A JSON string from behind its opening quote; good enough for messages (surrogate pairs come out as two U+FFFD). */
static struct err *unescape(const char *at, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    for (; *at && *at != '"' && *at != '\n'; at++) {
        if (*at != '\\') {
            TRY(strbuf_putc(&sb, *at));
            continue;
        }
        at++;
        unsigned code;
        if (!*at)
            break;
        if (*at == 'u' && sscanf(at + 1, "%4x", &code) == 1 && strnlen(at, 5) == 5) {
            TRY(strbuf_put_rune(&sb, code ? code : '?'));
            at += 4;
        } else {
            TRY(strbuf_putc(&sb, strchr("ntr", *at) ? ' ' : *at));
        }
    }
    return strbuf_take(&sb, ret);
}

/* One object in each line, with "level" and "msg" in any order. */
struct err *runtime_error_from_log(const char *log, char **ret)
{
    AUTO_FREE char *last = NULL;
    for (const char *line = log; line && *line;) {
        size_t len = strcspn(line, "\n");
        AUTO_FREE char *text = NULL;
        TRY(mem_strndup(line, len, &text));
        const char *msg = strstr(text, "\"msg\":\"");
        if (msg && (strstr(text, "\"level\":\"error\"") || !last)) {
            char *value = NULL;
            TRY(unescape(msg + strlen("\"msg\":\""), &value));
            mem_freep(&last);
            last = value;
        }
        line += len + (line[len] ? 1 : 0);
    }
    *ret = TAKE_PTR(last);
    return NULL;
}
