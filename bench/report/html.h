/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_HTML_H
#define NNVME_BENCH_HTML_H

/*
 * Text for a page. What a results file holds may come from anywhere, so all of it goes through these:
 * markup is escaped, and what would hide or turn text around becomes U+FFFD.
 */

#include <stddef.h>
#include <stdio.h>

/* As content, or inside a double-quoted attribute. */
void bench_html_text(FILE *out, const char *text);
void bench_html_textf(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* RFC 4648, section 4: for data: addresses. */
void bench_base64(FILE *out, const void *data, size_t size);

#endif
