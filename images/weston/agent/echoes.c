/* What clients say of their input and their texts: counted, for commands that wait for it; keys also as the reference guest tells them. */
#include "agent.h"
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

/* Keys that write a character, shift or not. */
static bool writes(unsigned code)
{
    return (code >= KEY_1 && code <= KEY_EQUAL) || (code >= KEY_Q && code <= KEY_ENTER) || (code >= KEY_A && code <= KEY_GRAVE)
        || (code >= KEY_BACKSLASH && code <= KEY_SLASH) || code == KEY_SPACE || code == KEY_102ND;
}

static void take_key(unsigned id, unsigned code, unsigned down)
{
    static uint32_t keys;
    struct client *c = &clients[id];
    rayos_marker(&kit, "INPUT:KEY:%u:%s:%02x:%u", ++keys, down ? "down" : "up", code, id);
    if (down && writes(code))
        c->text++;
    else if (down && code == KEY_BACKSPACE && c->text)
        c->text--;
}

void take_echo(unsigned id, const char *echo)
{
    struct client *c = &clients[id];
    const char *text = strrchr(echo, ':');
    unsigned code, down;
    if (sscanf(echo, "KEY:%*u:%u:%u", &code, &down) == 2)
        take_key(id, code, down);
    else if (!strncmp(echo, "POINTER:", 8))
        c->pointed++;
    else if (!strncmp(echo, "BUTTON:", 7))
        c->pressed++;
    else if (!strncmp(echo, "COPIED:", 7))
        c->copied++;
    else if (!strncmp(echo, "PASTED:", 7))
        c->pasted++;
    else if (!strncmp(echo, "DROPPED:", 8))
        c->dropped++;
    else if (!strncmp(echo, "DRAGGED:", 8) || !strncmp(echo, "UNDROPPED:", 10))
        c->dragged++;
    if ((!strncmp(echo, "PASTED:", 7) || !strncmp(echo, "DROPPED:", 8)) && strcmp(text, ":-"))
        c->text += (uint32_t)strlen(text + 1);
}
