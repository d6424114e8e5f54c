#include "engine/image/sniff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* Bytes at `offset`; where `mask` is given, those that are 0 in it don't matter. */
struct magic {
    const char *type;
    size_t offset, len;
    const char *bytes, *mask;
};

#define M(type, offset, bytes)                       \
    {                                                \
        type, offset, sizeof(bytes) - 1, bytes, NULL \
    }
#define MASKED(type, bytes, mask)               \
    {                                           \
        type, 0, sizeof(bytes) - 1, bytes, mask \
    }
static const struct magic magics[] = {
    M("application/pdf", 0, "%PDF-"),
    M("application/postscript", 0, "%!PS-Adobe-"),
    M("text/plain; charset=utf-16be", 0, "\xfe\xff"),
    M("text/plain; charset=utf-16le", 0, "\xff\xfe"),
    M("text/plain; charset=utf-8", 0, "\xef\xbb\xbf"),
    M("image/x-icon", 0, "\0\0\1\0"),
    M("image/x-icon", 0, "\0\0\2\0"),
    M("image/bmp", 0, "BM"),
    M("image/gif", 0, "GIF87a"),
    M("image/gif", 0, "GIF89a"),
    MASKED("image/webp", "RIFF\0\0\0\0WEBPVP", "\1\1\1\1\0\0\0\0\1\1\1\1\1\1"),
    M("image/png", 0, "\x89PNG\r\n\x1a\n"),
    M("image/jpeg", 0, "\xff\xd8\xff"),
    MASKED("audio/aiff", "FORM\0\0\0\0AIFF", "\1\1\1\1\0\0\0\0\1\1\1\1"),
    M("audio/mpeg", 0, "ID3"),
    M("application/ogg", 0, "OggS\0"),
    M("audio/midi", 0, "MThd\0\0\0\6"),
    MASKED("video/avi", "RIFF\0\0\0\0AVI ", "\1\1\1\1\0\0\0\0\1\1\1\1"),
    MASKED("audio/wave", "RIFF\0\0\0\0WAVE", "\1\1\1\1\0\0\0\0\1\1\1\1"),
    M("video/webm", 0, "\x1a\x45\xdf\xa3"),
    M("font/ttf", 0, "\0\1\0\0"),
    M("font/otf", 0, "OTTO"),
    M("font/collection", 0, "ttcf"),
    M("font/woff", 0, "wOFF"),
    M("font/woff2", 0, "wOF2"),
    M("application/x-gzip", 0, "\x1f\x8b\x08"),
    M("application/zip", 0, "PK\3\4"),
    M("application/x-rar-compressed", 0, "Rar!\x1a\7\0"),
    M("application/x-rar-compressed", 0, "Rar!\x1a\7\1\0"),
    M("application/wasm", 0, "\0asm"),
};

static bool fits(const struct magic *m, const char *data, size_t len)
{
    if (len < m->offset + m->len)
        return false;
    for (size_t i = 0; i < m->len; i++)
        if (data[m->offset + i] != m->bytes[i] && (!m->mask || m->mask[i]))
            return false;
    return true;
}

/* A tag of HTML, in any case, with a blank or ">" behind it; blanks in front are skipped by the caller. */
static bool is_html(const char *data, size_t len)
{
    static const char *const tags[] = {
        "<!DOCTYPE HTML", "<HTML", "<HEAD",  "<SCRIPT", "<IFRAME", "<H1",   "<DIV", "<FONT",
        "<TABLE",         "<A",    "<STYLE", "<TITLE",  "<B",      "<BODY", "<BR",  "<P"};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        size_t n = strlen(tags[i]);
        if (len > n && strncasecmp(data, tags[i], n) == 0 && (data[n] == ' ' || data[n] == '>'))
            return true;
    }
    return len >= 4 && memcmp(data, "<!--", 4) == 0;
}

/* Bytes that no text has. */
static bool is_binary(unsigned char c)
{
    return c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f);
}

const char *sniff_type(const void *data, size_t len)
{
    const char *s = data;
    size_t blank = 0;
    len = len < SNIFF_BYTES ? len : SNIFF_BYTES;
    while (blank < len && s[blank] && strchr("\t\n\x0c\r ", s[blank]))
        blank++;
    if (is_html(s + blank, len - blank))
        return "text/html; charset=utf-8";
    if (len - blank >= 5 && memcmp(s + blank, "<?xml", 5) == 0)
        return "text/xml; charset=utf-8";
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (fits(&magics[i], s, len))
            return magics[i].type;
    if (len >= 12 && memcmp(s + 4, "ftypmp4", 7) == 0)
        return "video/mp4";
    for (size_t i = 0; i < len; i++)
        if (is_binary((unsigned char)s[i]))
            return "application/octet-stream";
    return "text/plain; charset=utf-8";
}
