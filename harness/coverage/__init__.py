"""Which lines of a kernel's source ran: from the blocks that QEMU translated, by DWARF, to LCOV and Cobertura."""
