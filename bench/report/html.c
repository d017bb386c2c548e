// SPDX-License-Identifier: MIT
#include "html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the UTF-8 character at @s and its number; 0 bytes when there is none (RFC 3629, section 4). */
static unsigned decode(const unsigned char *s, uint32_t *number)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned bytes = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;

	*number = bytes == 1 ? *s : *s & (0x7fu >> bytes);
	for (unsigned i = 1; i < bytes; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*number = *number << 6 | (s[i] & 0x3f);
	}
	if (*number < least[bytes] || *number > 0x10ffff || (*number >= 0xd800 && *number <= 0xdfff))
		return 0;
	return bytes;
}

/* Control characters, and those that change the direction of text or take no room. */
static bool unwanted(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c & 0xfffe) == 0xfffe;
}

void bench_html_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c;

	for (unsigned bytes; *s; s += bytes ? bytes : 1) {
		bytes = decode(s, &c);
		if (!bytes || unwanted(c))
			fputs(REPLACEMENT, out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else
			fwrite(s, 1, bytes, out);
	}
}

void bench_html_textf(FILE *out, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0) {
		bench_html_text(out, text);
		free(text);
	}
	va_end(ap);
}

void bench_base64(FILE *out, const void *data, size_t size)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *from = data;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)from[i] << 16;

		bits |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
		bits |= left > 2 ? from[i + 2] : 0;
		putc(digit[bits >> 18], out);
		putc(digit[bits >> 12 & 63], out);
		putc(left > 1 ? digit[bits >> 6 & 63] : '=', out);
		putc(left > 2 ? digit[bits & 63] : '=', out);
	}
}
