/* Ways to leave: ACPI power off, reset, QEMU's debug exit. */
#pragma once
#include <stdint.h>

__attribute__((noreturn)) void power_off(void);
__attribute__((noreturn)) void power_reset(void);
void power_exit(uint8_t code);      /* returns only without the device: QEMU's exit status is 2*code+1 */
