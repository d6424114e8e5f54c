/* A command line in one text, as labels of images have it: words and what stands for something else in them. Computes
 * only. */
#pragma once

#include "base/err.h"
#include "base/strv.h"

/* Split at blanks as a shell does: 'as it is', "with \" and \\", \c, and # up to the end of the line where a word would
 * begin. Nothing is expanded. Appends; ERR_INVALID for a quotation without an end. */
struct err *words_split(const char *text, struct strv *ret) ERR_RESULT;

/* $NAME and ${NAME} by their values among `values` ("NAME=VALUE"); others are nothing, as with Go's os.Expand. */
struct err *words_expand(const char *text, const struct strv *values, char **ret) ERR_RESULT;
