/* The first virtio network card: raw Ethernet frames. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ETHERNET_MOST = 1514 };

bool   net_init(void);              /* false: there is none */
bool   net_carrier(void);           /* whether its link is up, as the card says */
extern uint8_t net_address[6];
/* Neither waits: what comes in waits in memory and raises no interrupt, so that a peer cannot disturb a run. */
bool   net_send(const void *frame, size_t n);           /* false: the card has not taken the last ones yet */
size_t net_receive(void *frame);    /* its length, up to ETHERNET_MOST; 0: none waits */
