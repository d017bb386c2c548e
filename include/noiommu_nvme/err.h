/* SPDX-License-Identifier: MIT */
#ifndef NNVME_ERR_H
#define NNVME_ERR_H

/**
 * @file
 * Errors of all functions but those of the I/O path.
 *
 * They return -errno, and the text is one line that says what went wrong, with which value, and
 * what to do next. The caller decides whether anybody sees it; the library itself never prints.
 *
 * Every `struct nnvme_err *` parameter may be NULL. The text is written on failure only, ends
 * with NUL and holds no newline.
 *
 * @threads an object belongs to the call that it was passed to.
 */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Why a call failed. */
struct nnvme_err {
	int code;	/* the -errno that the function returned */
	char text[500];
};

/**
 * Fill in an error, for programs that report their own in the same way.
 *
 * @param err   what to fill; may be NULL
 * @param code  a negative errno
 * @param fmt   as of printf(3)
 * @return `code`.
 */
int nnvme_fail(struct nnvme_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* it sees one file at a time: tell it that a failure never returns 0 */
#define nnvme_fail(err, code, ...) ((nnvme_fail)(err, code, __VA_ARGS__), (code))
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
