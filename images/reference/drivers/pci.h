/* PCI configuration space of bus 0. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pci_device { uint8_t slot, function; };

enum { PCI_COMMAND = 0x04, PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_BAR0 = 0x10 };

bool     pci_find(uint16_t vendor, uint16_t device, struct pci_device *found);
uint32_t pci_read(struct pci_device d, uint8_t offset);
void     pci_write(struct pci_device d, uint8_t offset, uint32_t value);
