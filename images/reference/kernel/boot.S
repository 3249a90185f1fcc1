/* Entry: from the PVH loader's 32-bit protected mode to 64-bit C. */

    /* ELF note "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY): where a PVH loader enters. */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_entry

    .section .text.boot, "ax"
    .code32
    .globl pvh_entry
    .type pvh_entry, @function
pvh_entry:
    cli
    cld
    movl %ebx, %ebp                 /* EBX = physical address of hvm_start_info */

    /* A warm reset does not clear RAM. */
    movl $__bss_start, %edi
    movl $__bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    /* Identity map of 0-4 GiB in 2 MiB pages: PML4[0] -> PDPT[0..3] -> 4 page directories. */
    movl $page_directories, %edi
    movl $0x83, %eax                /* present, writable, 2 MiB */
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    movl $page_directories + 3, %eax
    movl $pdpt, %edi
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b

    movl $pdpt + 3, pml4

    movl %cr4, %eax
    orl $0x20, %eax                 /* PAE */
    movl %eax, %cr4
    movl $pml4, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx          /* EFER */
    rdmsr
    orl $0x100, %eax                /* LME */
    wrmsr
    movl %cr0, %eax
    orl $0x80010005, %eax           /* PG, WP, EM (nobody may use x87 or SSE), PE */
    movl %eax, %cr0

    lgdt gdt_pointer
    ljmp $8, $long_mode
    .size pvh_entry, . - pvh_entry

    .code64
    .cfi_sections .debug_frame
    .type long_mode, @function
long_mode:
    .cfi_startproc
    .cfi_undefined %rip             /* nobody called */
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movl $stack_top, %esp
    movl %ebp, %edi
    xorl %ebp, %ebp                 /* end of the frame-pointer chain */
    call kernel_main
3:  cli
    hlt
    jmp 3b
    .cfi_endproc
    .size long_mode, . - long_mode

    .section .rodata
    .balign 8
gdt:
    .quad 0
    .quad 0x00AF9A000000FFFF        /* 8: 64-bit code */
    .quad 0x00CF92000000FFFF        /* 16: data */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
    .long 0

    .section .bss
    .balign 4096
    .globl pml4, pdpt
pml4:
    .skip 4096
pdpt:
    .skip 4096
page_directories:
    .skip 4 * 4096
    .skip 65536
stack_top:

    .section .note.GNU-stack, "", @progbits
