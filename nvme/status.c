// SPDX-License-Identifier: MIT
#include <errno.h>
#include <libnvme.h>

#include "nvme/private.h"

/*
 * CRD, M and DNR (Base 2.x, Completion Queue Entry: Status Field) say how to proceed, not what
 * happened.
 */
#define SC_AND_SCT 0x7ffu

const char *nnvme_status_text(uint16_t status)
{
	return nvme_status_to_string(status & SC_AND_SCT, false);
}

int nnvme_status_errno(uint16_t status)
{
	int e;

	if (!(status & SC_AND_SCT))
		return 0;
	e = nvme_status_to_errno(status & SC_AND_SCT, false);
	return e > 0 ? e : EIO;
}

const char *nnvme_version(void)
{
	return NNVME_VERSION;
}
