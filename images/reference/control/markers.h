/* RAYOS_* markers on the console, sealed when the option asks for it. */
#pragma once

/* The text without the "RAYOS_" in front, which is added. */
__attribute__((format(printf, 1, 2))) void marker(const char *format, ...);
