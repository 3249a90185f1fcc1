/* The verbs of the control protocol: finds the command and checks its arguments. */
#include "commands.h"
#include "string.h"

static const struct command *const tables[] = {
    desktop_commands, run_commands, crash_commands, tunnel_commands, client_commands, measure_commands, device_commands,
};

struct window *command_window(const struct argument *a, struct rayos_reply *r)
{
    struct window *w = window_by_id((int)a[0].number);
    if (!w)
        rayos_refuse(r, "id", a[0].word);
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

void commands_execute(char *payload, struct rayos_reply *r)
{
    char *words = payload;
    while (*words && *words != ' ')
        words++;
    if (*words)
        *words++ = 0;
    else
        words = NULL;
    const struct command *c = find(payload);
    if (!c)
        return rayos_refuse(r, "verb", payload);
    struct argument a[PARAMETERS_MOST];
    const char *detail, *reason = arguments_parse(words, c->parameters, a, &detail);
    if (reason)
        return rayos_refuse(r, reason, detail);
    c->run(a, r);
}
