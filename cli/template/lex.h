/* Tokens of a template: text, and what stands inside "{{" and "}}". After Go's text/template/parse/lex.go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum token_type {
    TOKEN_EOF,
    TOKEN_TEXT,     /* outside of actions */
    TOKEN_LEFT,     /* "{{" or "{{- " */
    TOKEN_RIGHT,    /* "}}" or " -}}" */
    TOKEN_SPACE,    /* inside an action: it separates operands */
    TOKEN_FIELD,    /* ".Name" */
    TOKEN_VARIABLE, /* "$" or "$name" */
    TOKEN_IDENT,    /* a function, a keyword, true, false, nil */
    TOKEN_DOT,
    TOKEN_STRING, /* "…" with escapes */
    TOKEN_RAW,    /* `…` */
    TOKEN_NUMBER,
    TOKEN_CHAR, /* '…' */
    TOKEN_PIPE,
    TOKEN_DECLARE, /* ":=" */
    TOKEN_ASSIGN,  /* "=" */
    TOKEN_COMMA,
    TOKEN_OPEN,  /* "(" */
    TOKEN_CLOSE, /* ")" */
    TOKEN_BAD    /* what can't be; see problem */
};
/* Where it stands in the text. */
struct token {
    enum token_type type;
    size_t pos, len;
    unsigned line;
};
/* State between two calls of lexer_next(). */
struct lexer {
    const char *text;
    size_t len, pos;
    unsigned line;
    unsigned parens;
    bool inside;         /* of an action */
    bool trim_next;      /* the text to come loses its leading space */
    const char *problem; /* behind TOKEN_BAD: what is wrong, "%s" is where */
    char detail[32];
};
/* `text` is borrowed. */
void lexer_start(struct lexer *l, const char *text, size_t len);
/* The next token; TOKEN_EOF for ever at the end, and behind TOKEN_BAD. Comments are skipped here. */
struct token lexer_next(struct lexer *l);
