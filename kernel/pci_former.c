// SPDX-License-Identifier: MIT
#include "kernel/pci_former.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/state_file.h"
#include "kernel/pci_disks.h"
#include "kernel/sys.h"

#define STATE_SIZE (NNVME_OVERRIDE_SIZE + 3 * NNVME_DRIVER_SIZE + 8)

/* A line each: the driver or "-", the driver_override, the two marks. */
int nnvme_former_write(const char *bdf, const struct nnvme_former *former)
{
	char text[STATE_SIZE];

	snprintf(text, sizeof(text), "%s\n%s\n%s\n%s%s", *former->driver ? former->driver : "-",
		 former->override, former->mark[0], former->mark[1], *former->mark[1] ? "\n" : "");
	return nnvme_state_file_write(bdf, text);
}

/* The next line of *text into @field. False if there is none, or if it is too long. */
static bool take_line(const char **text, char *field, size_t size)
{
	size_t n = strcspn(*text, "\n");

	if (!n || n >= size)
		return false;
	memcpy(field, *text, n);
	field[n] = 0;
	*text += n + ((*text)[n] == '\n');
	return true;
}

int nnvme_former_read(const char *bdf, struct nnvme_former *former, struct nnvme_err *err)
{
	char text[STATE_SIZE];
	const char *rest = text;
	int rc = nnvme_state_file_read(text, sizeof(text), bdf);

	*former = (struct nnvme_former){ 0 };
	if (rc == -ENOENT || !rc)
		return -ENOENT;
	if (rc < 0)
		return nnvme_fail(err, rc == -EACCES ? -EPERM : rc, "cannot read "
				  NNVME_STATE_DIR "/%s: %s%s", bdf, strerror(-rc),
				  rc == -EACCES ? "; run as root" : "");
	if (!take_line(&rest, former->driver, sizeof(former->driver)) ||
	    !take_line(&rest, former->override, sizeof(former->override)) ||
	    !take_line(&rest, former->mark[0], sizeof(former->mark[0])) ||
	    (*rest && !take_line(&rest, former->mark[1], sizeof(former->mark[1]))) || *rest ||
	    strchr(former->driver, '/'))
		return nnvme_fail(err, -EBADMSG, "the state file " NNVME_STATE_DIR "/%s, which "
				  "records the device's former driver, is damaged; remove it (rm "
				  NNVME_STATE_DIR "/%s) and try again: the kernel then chooses the "
				  "driver", bdf, bdf);
	if (!strcmp(former->driver, "-"))
		former->driver[0] = 0;
	return 0;
}

bool nnvme_former_has_mark(const struct nnvme_former *former, const char *override)
{
	return !strcmp(override, former->mark[0]) || !strcmp(override, former->mark[1]);
}

int nnvme_override_read(const char *bdf, char override[NNVME_OVERRIDE_SIZE], struct nnvme_err *err)
{
	int rc = nnvme_sys_read(override, NNVME_OVERRIDE_SIZE,
				NNVME_PCI_DEVICES "/%s/driver_override", bdf);

	if (rc < 0)
		return nnvme_fail(err, rc == -EACCES ? -EPERM : rc, "cannot read the "
				  "driver_override of %s: %s%s",
				  bdf, strerror(-rc), rc == -EACCES ? "; run as root" : "");
	if (!rc)
		strcpy(override, NNVME_NO_OVERRIDE);
	return 0;
}
