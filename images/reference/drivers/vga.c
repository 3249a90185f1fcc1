/* The screen: QEMU's standard VGA in a 32-bit linear mode, set through the Bochs DISPI registers. */
#include "vga.h"
#include <stddef.h>
#include "io.h"
#include "pci.h"

enum {
    VENDOR = 0x1234, DEVICE = 0x1111,
    FREE_ADDRESS = 0xE0000000u,         /* in the PCI hole of pc and q35, clear of MMCONFIG (0xB0000000) and the APICs */
    DISPI_INDEX = 0x1CE, DISPI_DATA = 0x1CF,
    DISPI_ID = 0, DISPI_XRES = 1, DISPI_YRES = 2, DISPI_BPP = 3, DISPI_ENABLE = 4,
    DISPI_VIRT_WIDTH = 6, DISPI_X_OFFSET = 8, DISPI_Y_OFFSET = 9,
    ENABLED = 0x01, LINEAR = 0x40,
    VGA_MISC = 0x3C2, MISC_COLOR_PORTS = 0x01, VGA_STATUS = 0x3DA, VGA_ATTRIBUTE = 0x3C0, ATTRIBUTE_SCREEN_ON = 0x20,
};

uint32_t *screen;

static void dispi(uint16_t index, uint16_t value)
{
    outw(DISPI_INDEX, index);
    outw(DISPI_DATA, value);
}

bool vga_init(void)
{
    struct pci_device d;
    if (!pci_find(VENDOR, DEVICE, &d))
        return false;
    /* Small firmwares (qboot) leave the BARs at 0. */
    uint32_t bar = pci_read(d, PCI_BAR0) & ~0xFu;
    if (!bar) {
        bar = FREE_ADDRESS;
        pci_write(d, PCI_BAR0, bar);
    }
    pci_write(d, PCI_COMMAND, (pci_read(d, PCI_COMMAND) & 0xFFFF) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    screen = (uint32_t *)(uintptr_t)bar;

    outw(DISPI_INDEX, DISPI_ID);
    if ((inw(DISPI_DATA) & 0xFFF0) != 0xB0C0)
        return false;
    dispi(DISPI_ENABLE, 0);
    dispi(DISPI_XRES, SCREEN_WIDTH);
    dispi(DISPI_YRES, SCREEN_HEIGHT);
    dispi(DISPI_BPP, 32);
    dispi(DISPI_ENABLE, ENABLED | LINEAR);      /* clears the memory */
    dispi(DISPI_VIRT_WIDTH, SCREEN_WIDTH);
    dispi(DISPI_X_OFFSET, 0);
    dispi(DISPI_Y_OFFSET, 0);

    /* Without a VGA BIOS the attribute controller still blanks the screen. */
    outb(VGA_MISC, MISC_COLOR_PORTS);
    inb(VGA_STATUS);                            /* next attribute write is an index */
    outb(VGA_ATTRIBUTE, ATTRIBUTE_SCREEN_ON);
    return true;
}
