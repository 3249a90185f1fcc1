/* A command's key=value words, checked against what the command takes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { PARAMETERS_MOST = 8 };

enum parameter_kind {
    ANY_WORD,       /* as it is */
    NAME,           /* letters, digits, _ . -, up to 64 */
    INTEGER,        /* low ... high */
    COLOR,          /* rrggbb */
};

struct parameter {
    const char *key;
    enum parameter_kind kind;
    bool optional;
    int64_t low, high;
};

struct argument {
    bool given;
    int64_t number;         /* INTEGER, COLOR */
    const char *word;       /* the value's text, in the parsed line */
};

/* Parses `words` (changed: cut at spaces and =) into out[], one for each parameter up to the one without a key.
 * NULL: good. Else the reason, and in *detail the key or "". */
const char *arguments_parse(char *words, const struct parameter *parameters, struct argument *out, const char **detail);
