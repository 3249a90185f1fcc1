/* The guest's version, as it reports it. */
#pragma once
#define GUEST_VERSION "1.0"
