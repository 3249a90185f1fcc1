/* Heartbeats between guests: broadcast Ethernet frames with node, counter and checksum (docs/reference-guest.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { HEARTBEAT_PEERS_MOST = 8 };

struct heartbeat_state { uint64_t sent, heard, lost, damaged; int peers; };

bool heartbeat_start(int node, int peers, bool always);  /* false: there is no network card; always: see heartbeat_always */
bool heartbeat_started(void);
void heartbeat_tick(void);                      /* hears what came, sends one, misses who has been silent */
void heartbeat_always(void);                    /* at each tick of the free-running guest */
struct heartbeat_state heartbeat_state(void);
