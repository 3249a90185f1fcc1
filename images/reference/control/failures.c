/* Failures of the system itself, with their markers. */
#include "failures.h"
#include "clients.h"
#include "connection.h"
#include "integrity.h"
#include "markers.h"
#include "scene.h"
#include "seat.h"
#include "server.h"
#include "trap.h"

static uint32_t nmis_told, repaired;
static bool guarded, compositor_recovers;

static void detected(const char *what, enum part part)
{
    marker("FAILURE:DETECTED:%s:%d", what, part);
}

bool failures_waiting(void)
{
    return nmis_told != trap_nmis;
}

void failures_tell(void)
{
    for (; failures_waiting(); nmis_told++)
        detected("nmi", PART_NMI);
}

void failures_crash_compositor(void)
{
    marker("FAILURE:INJECT:compositor:%d", PART_COMPOSITOR);
    server_restart();
    seat_reset();
    scene_reset();
    detected("compositor", PART_COMPOSITOR);
    struct connection *connection;
    for (int i = 0; (connection = connection_at(i)); i++)
        clients_left(connection->client);
    if (!compositor_recovers)
        marker("FAILURE:RECOVERY_START:%d", PART_COMPOSITOR);
    compositor_recovers = true;
    clients_settle();
}

uint32_t failures_guard(bool on)
{
    guarded = on;
    return integrity_sum();
}

uint32_t failures_repaired(void)
{
    return repaired;
}

void failures_before_frame(void)
{
    enum integrity found = guarded ? integrity_check() : INTEGRITY_KEPT;
    if (found == INTEGRITY_KEPT)
        return;
    repaired += found == INTEGRITY_REPAIRED;
    detected("memory", PART_MEMORY);
    marker("FAILURE:RECOVERY_START:%d", PART_MEMORY);
    marker("FAILURE:RECOVERY_COMPLETE:%d:%s", PART_MEMORY, found == INTEGRITY_REPAIRED ? "success" : "timeout");
}

void failures_after_frame(void)
{
    if (compositor_recovers)
        marker("FAILURE:RECOVERY_COMPLETE:%d:success", PART_COMPOSITOR);
    compositor_recovers = false;
}
