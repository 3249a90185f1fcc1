/* A command's key=value words, checked against what the command takes. */
#include "arguments.h"
#include <stddef.h>
#include "string.h"

enum { NAME_MOST = 64, DIGITS_MOST = 18 };

static bool parse_integer(const char *s, int64_t *v)
{
    bool negative = *s == '-';
    if (negative)
        s++;
    size_t n = strlen(s);
    if (!n || n > DIGITS_MOST)
        return false;
    for (*v = 0; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        *v = *v * 10 + (*s - '0');
    }
    if (negative)
        *v = -*v;
    return true;
}

static bool parse_color(const char *s, int64_t *v)
{
    if (strlen(s) != 6)
        return false;
    for (*v = 0; *s; s++) {
        int digit = *s >= '0' && *s <= '9' ? *s - '0' : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10 : *s >= 'A' && *s <= 'F' ? *s - 'A' + 10 : -1;
        if (digit < 0)
            return false;
        *v = *v << 4 | digit;
    }
    return true;
}

static bool is_name(const char *s)
{
    size_t n = strlen(s);
    for (; *s; s++)
        if (!((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || *s == '.' || *s == '-'))
            return false;
    return n >= 1 && n <= NAME_MOST;
}

static bool accept(const struct parameter *p, const char *value, struct argument *a)
{
    a->given = true;
    a->word = value;
    switch (p->kind) {
    case INTEGER:
        return parse_integer(value, &a->number) && a->number >= p->low && a->number <= p->high;
    case COLOR:
        return parse_color(value, &a->number);
    case NAME:
        return is_name(value);
    default:
        return *value != 0;
    }
}

/* Cuts the next word off, at one space. */
static char *next_word(char **rest)
{
    char *word = *rest, *p = word;
    while (*p && *p != ' ')
        p++;
    *rest = *p ? p + 1 : NULL;
    *p = 0;
    return word;
}

const char *arguments_parse(char *words, const struct parameter *parameters, struct argument *out, const char **detail)
{
    *detail = "";
    for (size_t i = 0; parameters[i].key; i++)
        out[i] = (struct argument){ 0 };
    /* Form first: a word without = anywhere is a syntax error, whatever else is wrong. */
    for (const char *p = words; p;) {
        size_t equals = 0, n = 0;
        for (; p[n] && p[n] != ' '; n++)
            if (p[n] == '=' && !equals)
                equals = n;
        if (!equals)
            return "syntax";
        p = p[n] ? p + n + 1 : NULL;
    }
    while (words) {
        char *key = next_word(&words), *value = key;
        while (*value != '=')
            value++;
        *value++ = 0;
        size_t i = 0;
        while (parameters[i].key && !same_text(parameters[i].key, key))
            i++;
        if (!parameters[i].key || out[i].given || !accept(&parameters[i], value, &out[i])) {
            *detail = key;
            return "argument";
        }
    }
    for (size_t i = 0; parameters[i].key; i++)
        if (!out[i].given && !parameters[i].optional) {
            *detail = parameters[i].key;
            return "argument";
        }
    return NULL;
}
