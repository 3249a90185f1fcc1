/* Heartbeats between guests: broadcast Ethernet frames with node, counter and checksum (docs/reference-guest.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { HEARTBEAT_PEERS_MOST = 8 };

struct heartbeat_state { uint64_t sent, heard, lost; int peers; };

bool heartbeat_start(int node, int peers);      /* false: there is no network card */
bool heartbeat_started(void);
void heartbeat_tick(void);                      /* hears what came, sends one, misses who has been silent */
struct heartbeat_state heartbeat_state(void);
