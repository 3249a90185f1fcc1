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

    /* The end of a time slice, and the system call. */
    .balign 16
    .globl trap_slice
trap_slice:
    pushq $0
    pushq $64
    jmp trap_common
    .balign 16
    .globl trap_system_call
trap_system_call:
    pushq $0
    pushq $128
    jmp trap_common

    /* Stack here: vector, error code, RIP, CS, RFLAGS, RSP, SS. The copy of RIP makes, with RBP, an
     * ordinary frame, so that a debugger walks the frame pointers from the handler into the interrupted code. */
    .type trap_common, @function
trap_common:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa %rsp, 24
    .cfi_offset %rip, -8
    .cfi_offset %rsp, 16
    testb $3, 24(%rsp)
    jnz trap_from_task
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

    /* unsigned task_enter(struct registers *): from the kernel into ring 3, as a call that returns at the next trap
     * from there, with the registers of then in the structure and its vector as the value; interrupts are off.
     * The stack of such a trap is the structure itself (segments_trap_stack()). */
    .globl task_enter
    .type task_enter, @function
task_enter:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, kernel_stack
    movq %rdi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq
    .cfi_endproc
    .size task_enter, . - task_enter

    .type trap_from_task, @function
trap_from_task:
    .cfi_startproc simple
    .cfi_undefined %rip
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq 15 * 8(%rsp), %rax         /* vector */
    movq kernel_stack, %rsp
    cld
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size trap_from_task, . - trap_from_task

    /* An NMI comes between any two instructions, those of task_enter included: it has a stack of its own, and only counts. */
    .balign 16
    .globl trap_nmi
    .type trap_nmi, @function
trap_nmi:
    incl trap_nmis
    iretq
    .size trap_nmi, . - trap_nmi

    /* The local APIC's spurious vector. */
    .balign 16
    .globl trap_spurious
    .type trap_spurious, @function
trap_spurious:
    iretq
    .size trap_spurious, . - trap_spurious

    .section .bss
    .balign 8
kernel_stack:
    .skip 8

    .section .note.GNU-stack, "", @progbits
