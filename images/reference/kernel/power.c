/* Ways to leave: ACPI power off, reset, QEMU's debug exit. */
#include "power.h"
#include "io.h"
#include "pci.h"

enum {
    INTEL = 0x8086, ICH9_LPC = 0x2918, PIIX4_PM = 0x7113,
    PM_BASE_REGISTER = 0x40, PM_BASE = 0x600, PM1_CONTROL = PM_BASE + 4, SLEEP_ENABLE_S5 = 0x2000,     /* QEMU's S5 is type 0 */
    ICH9_ACPI_CONTROL = 0x44, ICH9_ACPI_ENABLE = 0x80, PIIX4_PM_CONTROL = 0x80, PIIX4_PM_ENABLE = 0x01,
    KEYBOARD_COMMAND = 0x64, PULSE_RESET = 0xFE, DEBUG_EXIT = 0x501,
};

/* The power management block is where we put it: small firmwares do not. */
void power_off(void)
{
    struct pci_device d;
    if (pci_find(INTEL, ICH9_LPC, &d)) {
        pci_write(d, PM_BASE_REGISTER, PM_BASE | 1);
        pci_write(d, ICH9_ACPI_CONTROL, pci_read(d, ICH9_ACPI_CONTROL) | ICH9_ACPI_ENABLE);
    } else if (pci_find(INTEL, PIIX4_PM, &d)) {
        pci_write(d, PM_BASE_REGISTER, PM_BASE | 1);
        pci_write(d, PIIX4_PM_CONTROL, pci_read(d, PIIX4_PM_CONTROL) | PIIX4_PM_ENABLE);
        pci_write(d, PCI_COMMAND, pci_read(d, PCI_COMMAND) | PCI_COMMAND_IO);
    }
    outw(PM1_CONTROL, SLEEP_ENABLE_S5);
    halt_for_ever();
}

void power_reset(void)
{
    outb(KEYBOARD_COMMAND, PULSE_RESET);
    halt_for_ever();
}

void power_exit(uint8_t code)
{
    outb(DEBUG_EXIT, code);
}
