/* The verbs of the control protocol: finds the command and checks its arguments. */
#include "commands.h"
#include <stdarg.h>
#include "format.h"
#include "string.h"

/* Tables whose file is not part of the build are empty. */
__attribute__((weak)) const struct command client_commands[] = { { } };
__attribute__((weak)) const struct command measure_commands[] = { { } };
__attribute__((weak)) const struct command device_commands[] = { { } };

static const struct command *const tables[] = {
    desktop_commands, run_commands, crash_commands, tunnel_commands, client_commands, measure_commands, device_commands,
};

void reply_say(struct reply *r, const char *f, ...)
{
    va_list args;
    va_start(args, f);
    r->length += format_va(r->text + r->length, sizeof r->text - r->length, f, args);
    va_end(args);
}

void commands_refuse(struct reply *r, const char *reason, const char *detail)
{
    r->refused = true;
    format(r->reason, sizeof r->reason, "%s", reason);
    r->length = format(r->text, sizeof r->text, *detail ? "%s %s" : "%s", reason, detail);
}

struct window *command_window(const struct argument *a, struct reply *r)
{
    struct window *w = window_by_id((int)a[0].number);
    if (!w)
        commands_refuse(r, "id", a[0].word);
    return w;
}

static const struct command *find(const char *verb)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct command *c = tables[i]; c->verb; c++)
            if (same_text(c->verb, verb))
                return c;
    return NULL;
}

void commands_execute(char *payload, struct reply *r)
{
    r->refused = false;
    r->length = 0;
    r->afterwards = NULL;
    char *words = payload;
    while (*words && *words != ' ')
        words++;
    if (*words)
        *words++ = 0;
    else
        words = NULL;
    const struct command *c = find(payload);
    if (!c)
        return commands_refuse(r, "verb", payload);
    struct argument a[PARAMETERS_MOST];
    const char *detail, *reason = arguments_parse(words, c->parameters, a, &detail);
    if (reason)
        return commands_refuse(r, reason, detail);
    reply_say(r, "ok");
    c->run(a, r);
}
