"""A boot sector that is a driver for virtio's memory balloon, and says what it does with it."""

from __future__ import annotations

# Virtio 0.9.5, "Virtio PCI" and appendix G. Ports from BP: 4 features, 8 queue's page, 14 queue, 16 notify, 18 status,
# 20 pages wanted, 24 pages given. The queue lies at 0x10000 (used ring: 0x11000), the list of pages at 0x20000.
DRIVER = """
        movw $0xb102, %ax               # find the device, by the BIOS
        movw $0x1002, %cx
        movw $0x1af4, %dx
        xorw %si, %si
        int $0x1a
        movw $0xb10a, %ax
        movw $0x10, %di
        int $0x1a
        andw $0xfffc, %cx
        movw %cx, %bp
        movw $0xb10c, %ax               # it may use its ports and our memory
        movw $4, %di
        movw $5, %cx
        int $0x1a
        movw $0x1000, %ax
        movw %ax, %es
        leaw 18(%bp), %dx
        movb $3, %al
        outb %al, %dx
        xorl %eax, %eax
        leaw 4(%bp), %dx
        outl %eax, %dx
        leaw 14(%bp), %dx
        outw %ax, %dx
        movb $0x10, %al
        leaw 8(%bp), %dx
        outl %eax, %dx
        leaw 18(%bp), %dx
        movb $7, %al
        outb %al, %dx
        movb $2, %es:2                  # the list of pages: the one descriptor of the queue
look:   leaw 20(%bp), %dx
        inl %dx, %eax
        movl %eax, %ebx
        leaw 24(%bp), %dx
        inl %dx, %eax
        cmpl %eax, %ebx
        je look
        movw $given, %si
        jb tell
        pushw %es
        movw $0x2000, %cx
        movw %cx, %es
        movl %ebx, %ecx
        subl %eax, %ecx
        addl $0x1000, %eax              # pages from 16 MiB on
        xorw %di, %di
1:      stosl
        incl %eax
        loop 1b
        popw %es
        movw %di, %es:8                 # bytes of the list
        incw %es:2050
        leaw 16(%bp), %dx
        xorw %ax, %ax
        outw %ax, %dx
        movw %es:2050, %ax
1:      cmpw %ax, %es:4098
        jne 1b
        movw $taken, %si
tell:   movl %ebx, %eax
        leaw 24(%bp), %dx
        outl %eax, %dx
        call puts
        jmp look
taken:  .asciz "RAYOS_BALLOON:TAKEN\\n"
given:  .asciz "RAYOS_BALLOON:GIVEN\\n"
"""
