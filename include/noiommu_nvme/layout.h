/* SPDX-License-Identifier: MIT */
#ifndef NNVME_LAYOUT_H
#define NNVME_LAYOUT_H

/**
 * @file
 * The number of the layout that programs are built for.
 *
 * @internal
 * The number of what the inline functions of qpair.h and table.h compile into a program. The
 * library exports a symbol of that name, and each file that includes qpair.h needs it (a table
 * comes from a queue pair only): a program built for another layout fails to load, where it would
 * corrupt memory. That costs a pointer per file and nothing per I/O. What the number stands for,
 * and when it changes: docs/abi.md.
 */
#define NNVME_LAYOUT 1

#define NNVME_LAYOUT_NAME2(number) nnvme_layout_##number
#define NNVME_LAYOUT_NAME1(number) NNVME_LAYOUT_NAME2(number)
/* nnvme_layout_1 */
#define NNVME_LAYOUT_SYMBOL NNVME_LAYOUT_NAME1(NNVME_LAYOUT)

/* `retain` keeps it from the linker's --gc-sections, `used` from the compiler. */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define NNVME_RETAIN __attribute__((used, retain))
#endif
#endif
#ifndef NNVME_RETAIN
#define NNVME_RETAIN __attribute__((used))
#endif

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

extern const char NNVME_LAYOUT_SYMBOL;
static const char *const nnvme_layout_needed NNVME_RETAIN = &NNVME_LAYOUT_SYMBOL;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
