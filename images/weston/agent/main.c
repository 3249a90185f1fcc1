#include "agent.h"
#include <time.h>

enum { UP_LIMIT_US = 60000000 };        /* a host with one busy core took 6 s from start to socket */

struct rayos_kit kit;

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t kit_now(void *context)
{
    (void)context;
    return now_us();
}

int main(void)
{
    unsigned width, height;
    start_system();
    open_ports();
    rayos_kit_init(&kit, &(struct rayos_host){
        .put_console = put_console, .put_control = put_control, .get_control = get_control, .now_us = kit_now,
        .execute = execute, .seal = true,
    });
    rayos_marker(&kit, "KIT:BOOT:1.0:release");
    screen_size(&width, &height);
    rayos_marker(&kit, "KIT:DESKTOP:%u:%u", width, height);
    watch_signals();
    start_compositor();
    if (!run_until(compositor_is_up, NULL, UP_LIMIT_US))
        rayos_marker(&kit, "FAILURE:DETECTED:compositor:%u", COMPOSITOR);
    start_tunnel();
    start_first_clients();
    load_modules(true);
    carry_out_plan();
    rayos_ready(&kit);
    run_commands();
}
