/* PCI configuration space of bus 0. */
#include "pci.h"
#include "io.h"

enum { ADDRESS = 0xCF8, DATA = 0xCFC };

static void select(struct pci_device d, uint8_t offset)
{
    outl(ADDRESS, 0x80000000u | (uint32_t)d.slot << 11 | (uint32_t)d.function << 8 | offset);
}

uint32_t pci_read(struct pci_device d, uint8_t offset)
{
    select(d, offset);
    return inl(DATA);
}

void pci_write(struct pci_device d, uint8_t offset, uint32_t value)
{
    select(d, offset);
    outl(DATA, value);
}

bool pci_find(uint16_t vendor, uint16_t device, struct pci_device *found)
{
    for (uint8_t slot = 0; slot < 32; slot++)
        for (uint8_t function = 0; function < 8; function++) {
            struct pci_device d = { slot, function };
            uint32_t id = pci_read(d, 0);
            if (id == 0xFFFFFFFFu) {
                if (function == 0)
                    break;
                continue;
            }
            if (id == ((uint32_t)device << 16 | vendor)) {
                *found = d;
                return true;
            }
            if (function == 0 && !(pci_read(d, 0x0C) & 0x00800000u))
                break;                  /* not a multi-function device */
        }
    return false;
}
