// SPDX-License-Identifier: MIT
#include "kernel/phys_addr.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/sys.h"

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n)
		if (p > line && p[-1] == ' ' && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

/*
 * The first processor's flags. Linux shows "sme" only if it has switched it on, and "sev" only in a
 * guest that runs under it (early_detect_mem_encrypt() in arch/x86/kernel/cpu/amd.c).
 */
static const char *encryption(char *cpuinfo)
{
	char *flags = strstr(cpuinfo, "\nflags");

	if (!flags)
		return NULL;
	flags[strcspn(flags + 1, "\n") + 1] = 0;
	if (has_word(flags, "sme"))
		return "memory encryption (SME) adds a bit to its addresses; boot with "
		       "mem_encrypt=off";
	if (has_word(flags, "tdx_guest") ||
	    (has_word(flags, "hypervisor") && has_word(flags, "sev")))
		return "this is a confidential virtual machine, whose memory the device can't read";
	return NULL;
}

int nnvme_phys_addr_check(const char *name, struct nnvme_err *err)
{
	const char *why = NULL;
	char text[16384];
	int n;

	n = nnvme_sys_read(text, sizeof(text), "/sys/hypervisor/type");
	if (n >= 0 && !strcmp(text, "xen"))
		why = "a Xen domain's physical addresses are not the machine's";
	if (n >= 0 || n == -ENOENT)
		n = nnvme_sys_read(text, sizeof(text), "/proc/cpuinfo");
	if (n < 0 && n != -ENOENT)
		return nnvme_fail(err, n, "cannot find out whether %s takes physical addresses: %s",
				  name, strerror(-n));
	if (!why && n >= 0)
		why = encryption(text);
	return why ? nnvme_fail(err, -EOPNOTSUPP, "cannot use %s without an IOMMU: %s",
				name, why) : 0;
}
