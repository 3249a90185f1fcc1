/* Interrupt and exception entry: one stub per vector, one common path into trap_dispatch(). */

    .section .text
    .cfi_sections .debug_frame

    /* Vectors where the CPU pushes an error code itself: 8, 10-14, 17, 21. */
    .set vector, 0
    .rept 48
    .balign 16
    .if vector == 0
    .globl trap_stubs
trap_stubs:
    .endif
    .if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21))
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    /* Stack here: vector, error code, RIP, CS, RFLAGS, RSP, SS. The copy of RIP makes, with RBP, an
     * ordinary frame, so that a debugger walks the frame pointers from the handler into the interrupted code. */
    .type trap_common, @function
trap_common:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa %rsp, 24
    .cfi_offset %rip, -8
    .cfi_offset %rsp, 16
    pushq 16(%rsp)
    pushq %rbp
    .cfi_def_cfa %rsp, 40
    .cfi_offset %rbp, -40
    movq %rsp, %rbp
    .cfi_def_cfa %rbp, 40
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq %rsp, %rdi
    cld
    call trap_dispatch
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    popq %rbp
    addq $24, %rsp
    iretq
    .cfi_endproc
    .size trap_common, . - trap_common

    /* The local APIC's spurious vector. */
    .balign 16
    .globl trap_spurious
    .type trap_spurious, @function
trap_spurious:
    iretq
    .size trap_spurious, . - trap_spurious

    .section .note.GNU-stack, "", @progbits
