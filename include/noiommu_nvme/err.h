/* SPDX-License-Identifier: MIT */
#ifndef NNVME_ERR_H
#define NNVME_ERR_H

/*
 * Errors of all functions but those of the I/O path: they return -errno, and the text is one line
 * that says what went wrong, with which value, and what to do next. The caller decides whether
 * anybody sees it; the library itself never prints.
 *
 * Every `struct nnvme_err *` parameter may be NULL. The text is written on failure only, ends
 * with NUL and holds no newline.
 *
 * Thread rule: an object belongs to the call that it was passed to.
 */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct nnvme_err {
	int code;	/* the -errno that the function returned */
	char text[500];
};

/* Fill @err (which may be NULL) and return @code, which is a negative errno. */
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
