/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_SYSFS_H
#define NNVME_BENCH_SYSFS_H

/* Small files of the kernel's. */

#include <stddef.h>
#include <stdint.h>

/* A file's text without white space at its end; returns the length, or -errno with "" in @text. */
int bench_sysfs_read(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The number that a file has; @otherwise if there is none. */
uint64_t bench_sysfs_number(uint64_t otherwise, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* 0 or -errno. */
int bench_sysfs_write(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
