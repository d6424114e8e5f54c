/* Id maps as text: /proc/PID/uid_map and the values of --uidmap. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "userns/idmap.h"

/* A word: decimal digits and nothing else, as the kernel writes them. Moves *s behind it. */
static struct err *idmap_scan(const char **s, uint32_t *ret)
{
    char digits[12];
    size_t n = strspn(*s, "0123456789");
    if (n == 0 || n >= sizeof(digits))
        return ERR_NEW(ERR_INVALID, "id map: a number was expected at \"%.20s\"", *s);
    memcpy(digits, *s, n);
    digits[n] = '\0';
    uint64_t value = 0;
    TRY(number_parse_u64(digits, UINT32_MAX, &value));
    *s += n;
    *ret = (uint32_t)value;
    return NULL;
}

static struct err *idmap_parse_line(const char **s, struct idmap *m)
{
    uint32_t field[3];
    for (size_t i = 0; i < ARRAY_LEN(field); i++) {
        *s += strspn(*s, " \t");
        TRY(idmap_scan(s, &field[i]));
    }
    *s += strspn(*s, " \t");
    if (**s != '\n' && **s != '\0')
        return ERR_NEW(ERR_INVALID, "id map: more than three numbers in a line");
    return idmap_add(m, field[0], field[1], field[2]);
}

struct err *idmap_parse(const char *text, struct idmap *ret)
{
    AUTO_IDMAP struct idmap m = {0};
    const char *s = text;
    while (*(s += strspn(s, " \t\n")))
        TRY(idmap_parse_line(&s, &m));
    *ret = m;
    m = (struct idmap){0};
    return NULL;
}

struct err *idmap_text(const struct idmap *m, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    for (size_t i = 0; i < m->count; i++)
        TRY(strbuf_printf(&sb, "%u %u %u\n", m->ranges[i].ct, m->ranges[i].host, m->ranges[i].count));
    return strbuf_take(&sb, ret);
}

struct err *idmap_parse_flag(const char *flag, struct idmap *m)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    uint64_t field[3] = {0, 0, 1}; /* the amount may be left out */
    TRY(strv_split(flag, ':', &parts));
    if (parts.count < 2 || parts.count > 3)
        return ERR_NEW(ERR_INVALID, "id map \"%s\" is not of the form CONTAINER:HOST[:AMOUNT]", flag);
    for (size_t i = 0; i < parts.count; i++)
        TRY_WRAP(number_parse_u64(parts.items[i], UINT32_MAX, &field[i]), "id map \"%s\"", flag);
    return ERR_WRAP(idmap_add(m, (uint32_t)field[0], (uint32_t)field[1], (uint32_t)field[2]), "id map \"%s\"", flag);
}
