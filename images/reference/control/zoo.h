/* The zoo build's defects of presenting (lie=NAME). The release build has none of this. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef ZOO

#define BUILD_NAME "zoo"
/* True: the defect has put on this band of the screen what it wants to be there. */
bool zoo_presents_band(unsigned band, uint32_t frame, uint32_t identity);
void zoo_presented(uint32_t frame, uint32_t identity);

#else

#define BUILD_NAME "release"
static inline bool zoo_presents_band(unsigned band, uint32_t frame, uint32_t identity)
{
    (void)band, (void)frame, (void)identity;
    return false;
}
static inline void zoo_presented(uint32_t frame, uint32_t identity)
{
    (void)frame, (void)identity;
}

#endif
