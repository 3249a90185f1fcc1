/* The guest's own account of a scenario: start, milestones, checks, completion. */
#pragma once
#include <stdbool.h>

bool scenario_running(void);
void scenario_start(const char *name);
void scenario_milestone(const char *name);
void scenario_verify(const char *check, bool good);
void scenario_complete(void);
