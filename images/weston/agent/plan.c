/* The plan: commands that came with the initrd, carried out before the guest waits for the host (docs/weston.md).
 * Whatever they do happens at instants of the guest's own, so that a run in the virtual clock is the same each time. */
#define _GNU_SOURCE
#include "agent.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STILL_US UINT64_C(200000)           /* for the compositor to show what was committed: 12 frames */

static void refuse(unsigned number, const char *command, const char *why)
{
    say_console("plan: command %u is refused (%s): %s", number, why, command);
    rayos_marker(&kit, "KIT:PLAN:%u:refused", number);
    leave(NULL);                            /* a run without its input would prove nothing */
}

static void carry_out(unsigned number, char *command)
{
    static struct rayos_reply reply;
    char shown[120];
    snprintf(shown, sizeof shown, "%s", command);
    reply.refused = false;
    reply.length = 0;
    reply.afterwards = NULL;
    rayos_say(&reply, "ok");
    execute(NULL, command, &reply);
    reply.text[reply.length] = 0;
    if (reply.refused)
        refuse(number, shown, reply.text);
    if (reply.afterwards)
        reply.afterwards(NULL);
}

void carry_out_plan(void)
{
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    FILE *plan = fopen("/plan", "re");
    if (!plan)
        return;
    for (ssize_t n; (n = getline(&line, &size, plan)) > 0;) {
        line[strcspn(line, "\n")] = 0;
        if (n > RAYOS_PAYLOAD_MOST)
            refuse(number + 1, line, "length");
        carry_out(++number, line);
    }
    free(line);
    fclose(plan);
    hold_clients();                         /* or the picture would depend on when the host takes it */
    run_until(NULL, NULL, STILL_US);
    rayos_marker(&kit, "KIT:PLAN:%u:done", number);
}
