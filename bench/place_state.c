// SPDX-License-Identifier: MIT
#include "place_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

/* The load of a killed run may hold it a moment longer. */
static int lock(int fd)
{
	int rc = -EWOULDBLOCK;

	for (int tries = 0; rc == -EWOULDBLOCK && tries < 10; tries++) {
		if (tries)
			usleep(50000);
		rc = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	}
	return rc;
}

int bench_state_open(int *fd, struct nnvme_err *err)
{
	struct stat st;
	int rc;

	if (mkdir(BENCH_STATE_DIR, 0755) && errno != EEXIST)
		return nnvme_fail(err, -errno, BENCH_STATE_DIR " "
				  "cannot be made: %s", strerror(errno));
	for (;;) {
		/* Mode 0600, because anybody who can open a file can lock it. */
		*fd = open(BENCH_STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0)
			return nnvme_fail(err, -errno, BENCH_STATE " cannot "
					  "be opened: %s", strerror(errno));
		fchmod(*fd, 0600);
		rc = lock(*fd);
		/* Its former holder may have removed it. */
		if (!rc && !fstat(*fd, &st) && st.st_nlink)
			return 0;
		close(*fd);
		*fd = -1;
		if (rc == -EWOULDBLOCK)
			return nnvme_fail(err, -EBUSY, "another noiommu-nvme-bench is running on "
					  "this machine, and they would disturb each other");
		if (rc)
			return nnvme_fail(err, rc, BENCH_STATE " cannot "
					  "be locked: %s", strerror(-rc));
	}
}

/* Their names in the file, and the characters and length of their values. */
static const struct {
	const char *name, *of;
	size_t most;
} parameters[BENCH_PARAMETERS] = {
	[BENCH_POLL_QUEUES] = { "poll_queues", "0123456789", 9 },
	[BENCH_NOIOMMU] = { "noiommu", "YN", 1 },
	[BENCH_HUGEPAGES] = { "hugepages", "0123456789", 9 },
};

void bench_state_format(const struct bench_places *p, char *text, size_t size)
{
	FILE *file = fmemopen(text, size, "w");

	text[0] = text[size - 1] = '\0';
	if (!file)
		return;
	fprintf(file, "boot %s\n", p->boot);
	for (size_t i = 0; i < p->nr_devices; i++)
		fprintf(file, "device %s %s %d\n", p->device[i].bdf, p->device[i].driver,
			p->device[i].iommu);
	for (size_t i = 0; i < BENCH_PARAMETERS; i++)
		if (*p->parameter[i].set)
			fprintf(file, "%s %s %s\n", parameters[i].name, p->parameter[i].was,
				p->parameter[i].set);
	fputs("end\n", file);
	fclose(file);
}

/* The device at *@text, which moves past it. */
static bool parse_device(const char **text, struct bench_device *device)
{
	char bdf[20];
	int n, iommu;

	if (sscanf(*text, " device %19s %31s %d%n", bdf, device->driver, &iommu, &n) != 3 ||
	    nnvme_bdf_parse(bdf, device->bdf, NULL) ||
	    (strcmp(device->driver, "nvme") != 0 && strcmp(device->driver, "vfio-pci") != 0))
		return false;
	device->iommu = iommu;
	*text += n;
	return true;
}

static bool is_value(size_t i, const char *text)
{
	return strlen(text) <= parameters[i].most && !text[strspn(text, parameters[i].of)];
}

static void parse_parameter(const char **text, size_t i, struct bench_parameter *p)
{
	struct bench_parameter found;
	char name[20];
	int n;

	if (sscanf(*text, " %19s %23s %23s%n", name, found.was, found.set, &n) != 3 ||
	    strcmp(name, parameters[i].name) != 0 || !is_value(i, found.was) ||
	    !is_value(i, found.set))
		return;
	*p = found;
	*text += n;
}

/* A text that we would write differently was not written by a run. */
int bench_state_parse(const char *text, struct bench_places *p)
{
	const char *at = text;
	char again[512];
	int n;

	*p = (struct bench_places){ .state = -1 };
	if (sscanf(at, "boot %39[0-9a-f-]%n", p->boot, &n) != 1)
		return -EINVAL;
	at += n;
	while (p->nr_devices < 2 && parse_device(&at, &p->device[p->nr_devices]))
		p->nr_devices++;
	for (size_t i = 0; i < BENCH_PARAMETERS; i++)
		parse_parameter(&at, i, &p->parameter[i]);
	bench_state_format(p, again, sizeof(again));
	return p->nr_devices && !strcmp(text, again) ? 0 : -EINVAL;
}

int bench_state_read(int fd, struct bench_places *before, struct nnvme_err *err)
{
	char text[512], boot[sizeof(before->boot)];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length < 0)
		return nnvme_fail(err, -errno, BENCH_STATE " cannot be read: %s", strerror(errno));
	if (!length)
		return 0;
	text[length] = '\0';
	/* Incomplete: its writer was killed before it changed anything. */
	if (length < 4 || strcmp(text + length - 4, "end\n") != 0)
		return 0;
	if (bench_state_parse(text, before))
		return nnvme_fail(err, -EINVAL, BENCH_STATE " is no state file of this program; "
				  "look at it, put back what it says by hand, and remove it");
	bench_state_boot(boot);
	return !strcmp(before->boot, boot);	/* of another boot: none of it is true any more */
}

void bench_state_boot(char boot[40])
{
	if (bench_sysfs_read(boot, 40, "/proc/sys/kernel/random/boot_id") <= 0)
		strcpy(boot, "0");
}

int bench_state_write(const struct bench_places *p, struct nnvme_err *err)
{
	char text[512];

	bench_state_format(p, text, sizeof(text));
	if (!ftruncate(p->state, 0) &&
	    pwrite(p->state, text, strlen(text), 0) == (ssize_t)strlen(text))
		return 0;
	return nnvme_fail(err, errno ? -errno : -EIO, BENCH_STATE " cannot "
			  "be written: %s", strerror(errno));
}

void bench_state_remove(void)
{
	unlink(BENCH_STATE);
}

void bench_state_close(int *fd)
{
	struct stat st;

	if (*fd < 0)
		return;
	if (!fstat(*fd, &st) && !st.st_size && st.st_nlink)
		unlink(BENCH_STATE);
	close(*fd);
	*fd = -1;
}
