/* PVH entry (32-bit, flat, no paging), interrupt entry. */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long start

    .text
    .globl start, on_interrupt
start:
    cli
    lgdt gdt_pointer
    ljmp $8, $1f
1:  movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $stack_top, %esp
    call kernel_main

    /* Takes one byte of COM2, ends the interrupt, and returns with IF=0: each halt serves one interrupt, and what runs between
     * two halts does not depend on when the host's next byte arrives. */
on_interrupt:
    pushl %eax
    pushl %edx
    movw $0x2F8, %dx
    xorl %eax, %eax
    inb %dx, %al
    movl %eax, received
    popl %edx
    movb $0x20, %al
    outb %al, $0x20
    popl %eax
    andl $~0x200, 8(%esp)
    iret

    .balign 8
gdt: .quad 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF    /* 8: code, 16: data, 0-4 GiB */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .bss
    .skip 16384
stack_top:
    .section .note.GNU-stack, "", @progbits
