/* The INTEGRATION family: a scenario's milestones, and what the desktop says of itself. The same verbs as of the reference guest. */
#include "agent.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 65, TEXT_US = 5000000 };

static char story[NAME];                            /* the scenario that is told; empty: none */
static bool failed;

static bool name_of(struct rayos_reply *r, const char *p, const char *key, char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (rayos_word(p, key, name, NAME) && *name && strspn(name, allowed) == strlen(name))
        return true;
    rayos_refuse(r, "argument", key);
    return false;
}

void scenario(const char *p, struct rayos_reply *r)
{
    char name[NAME];
    if (!name_of(r, p, "name", name))
        return;
    if (*story) {
        rayos_refuse(r, "state", "running");
        return;
    }
    strcpy(story, name);
    failed = false;
    rayos_marker(&kit, "INTEGRATION:SCENARIO_START:%s", story);
}

void milestone(const char *p, struct rayos_reply *r)
{
    char name[NAME];
    if (!name_of(r, p, "name", name))
        return;
    if (*story)
        rayos_marker(&kit, "INTEGRATION:MILESTONE:%s", name);
    else
        rayos_refuse(r, "state", "none");
}

static bool has_text(const void *context)
{
    const uint32_t *wanted = context;               /* id, bytes */
    return clients[wanted[0]].text >= wanted[1];
}

void verify(const char *p, struct rayos_reply *r)
{
    char check[NAME];
    uint32_t want, got = 0, id = 0;
    if (!name_of(r, p, "check", check) || !number(r, p, "want", 0, UINT32_MAX, &want))
        return;
    bool known = !strcmp(check, "windows") || !strcmp(check, "compositor") || !strcmp(check, "focus");
    if (!known && sscanf(check, "shown_at_least.%u", &id) == 1 && id >= 1 && id <= CLIENT_LAST) {
        known = true;
        got = clients[id].pid ? clients[id].page->shown : 0;
    } else if (!known && sscanf(check, "text.%u", &id) == 1 && id >= 1 && id <= CLIENT_LAST) {
        uint32_t wanted[2] = { id, want };
        run_until(has_text, wanted, TEXT_US);       /* it is handed over when the two clients come to it */
        known = true;
        got = clients[id].text;
        id = 0;
    } else if (!strcmp(check, "windows")) {
        got = count_clients();
    } else if (!strcmp(check, "focus")) {
        for (uint32_t i = 1; i <= CLIENT_LAST; i++)
            got = clients[i].pid && clients[i].page->focused ? i : got;
    } else {
        got = compositor_is_up(NULL);
    }
    if (!known) {
        rayos_refuse(r, "argument", "check");
        return;
    }
    bool pass = id ? got >= want : got == want;
    failed = failed || !pass;
    rayos_marker(&kit, "INTEGRATION:VERIFY:%s:%s", check, pass ? "pass" : "fail");
    rayos_say(r, " got=%u result=%s", got, pass ? "pass" : "fail");
}

void complete(const char *p, struct rayos_reply *r)
{
    (void)p;
    if (!*story) {
        rayos_refuse(r, "state", "none");
        return;
    }
    rayos_marker(&kit, "INTEGRATION:SCENARIO_COMPLETE:%s:%s", story, failed ? "fail" : "pass");
    *story = 0;
}
