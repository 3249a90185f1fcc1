/* The guest's own account of a scenario: start, milestones, checks, completion. */
#include "scenario.h"
#include "format.h"
#include "markers.h"

enum { NAME_SIZE = 65 };

static bool running, failed;
static char running_name[NAME_SIZE];

bool scenario_running(void)
{
    return running;
}

void scenario_start(const char *name)
{
    running = true;
    failed = false;
    format(running_name, sizeof running_name, "%s", name);
    marker("INTEGRATION:SCENARIO_START:%s", name);
}

void scenario_milestone(const char *name)
{
    marker("INTEGRATION:MILESTONE:%s", name);
}

void scenario_verify(const char *check, bool good)
{
    failed |= !good;
    marker("INTEGRATION:VERIFY:%s:%s", check, good ? "pass" : "fail");
}

void scenario_complete(void)
{
    running = false;
    marker("INTEGRATION:SCENARIO_COMPLETE:%s:%s", running_name, failed ? "fail" : "pass");
}
