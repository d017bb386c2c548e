// SPDX-License-Identifier: MIT
#include "place_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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
		return nnvme_fail(err, -errno, BENCH_STATE_DIR " cannot be made: %s", strerror(errno));
	for (;;) {
		/* Mode 0600, because anybody who can open a file can lock it. */
		*fd = open(BENCH_STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0)
			return nnvme_fail(err, -errno, BENCH_STATE " cannot be opened: %s", strerror(errno));
		fchmod(*fd, 0600);
		rc = lock(*fd);
		/* Its former holder may have removed it. */
		if (!rc && !fstat(*fd, &st) && st.st_nlink)
			return 0;
		close(*fd);
		*fd = -1;
		if (rc == -EWOULDBLOCK)
			return nnvme_fail(err, -EBUSY, "another noiommu-nvme-bench is running on this machine, and "
					  "they would disturb each other");
		if (rc)
			return nnvme_fail(err, rc, BENCH_STATE " cannot be locked: %s", strerror(-rc));
	}
}

static bool is_number(const char *text)
{
	return *text && strlen(text) < 10 && !text[strspn(text, "0123456789")];
}

static bool is_switch(const char *text)
{
	return !strcmp(text, "Y") || !strcmp(text, "N");
}

static const struct {
	const char *name;
	bool (*valid)(const char *text);
	size_t offset;
} parameters[] = {
	{ "poll_queues", is_number, offsetof(struct bench_places, poll_queues) },
	{ "noiommu", is_switch, offsetof(struct bench_places, noiommu) },
	{ "hugepages", is_number, offsetof(struct bench_places, hugepages) },
};
#define PARAMETERS (sizeof(parameters) / sizeof(*parameters))

void bench_state_format(const struct bench_places *p, char *text, size_t size)
{
	FILE *file = fmemopen(text, size, "w");

	text[0] = text[size - 1] = '\0';
	if (!file)
		return;
	fprintf(file, "boot %s\n", p->boot);
	for (size_t i = 0; i < p->nr_devices; i++)
		fprintf(file, "device %s %s %d\n", p->device[i].bdf, p->device[i].driver, p->device[i].iommu);
	for (size_t i = 0; i < PARAMETERS; i++) {
		const struct bench_parameter *parameter = (const void *)((const char *)p + parameters[i].offset);

		if (*parameter->set)
			fprintf(file, "%s %s %s\n", parameters[i].name, parameter->was, parameter->set);
	}
	fputs("end\n", file);
	fclose(file);
}

static int parse_device(const char *bdf, const char *driver, int iommu, struct bench_places *p)
{
	struct bench_device *device = &p->device[p->nr_devices];

	if (p->nr_devices == 2 || nnvme_bdf_parse(bdf, device->bdf, NULL) ||
	    (strcmp(driver, "nvme") != 0 && strcmp(driver, "vfio-pci") != 0) || (iommu != 0 && iommu != 1))
		return -EINVAL;
	strcpy(device->driver, driver);
	device->iommu = iommu;
	p->nr_devices++;
	return 0;
}

static int parse_line(const char *line, struct bench_places *p)
{
	char name[20], bdf[20], driver[20], was[20], set[20];
	int n = 0, iommu;

	if (sscanf(line, "device %19s %19s %d%n", bdf, driver, &iommu, &n) == 3 && !line[n])
		return parse_device(bdf, driver, iommu, p);
	n = 0;
	if (!*p->boot && sscanf(line, "boot %39[0-9a-f-]%n", p->boot, &n) == 1 && !line[n])
		return 0;
	n = 0;
	if (sscanf(line, "%19s %19s %19s%n", name, was, set, &n) != 3 || line[n])
		return -EINVAL;
	for (size_t i = 0; i < PARAMETERS; i++) {
		struct bench_parameter *parameter = (void *)((char *)p + parameters[i].offset);

		if (strcmp(name, parameters[i].name) != 0)
			continue;
		if (!parameters[i].valid(was) || !parameters[i].valid(set) || *parameter->set)
			return -EINVAL;
		strcpy(parameter->was, was);
		strcpy(parameter->set, set);
		return 0;
	}
	return -EINVAL;
}

int bench_state_parse(const char *text, struct bench_places *p)
{
	*p = (struct bench_places){ .state = -1 };
	while (*text) {
		size_t length = strcspn(text, "\n");
		char line[80];

		if (length >= sizeof(line) || text[length] != '\n')
			return -EINVAL;
		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		text += length + 1;
		if (!strcmp(line, "end"))
			return *text || !p->nr_devices || !*p->boot ? -EINVAL : 0;
		if (parse_line(line, p))
			return -EINVAL;
	}
	return -EINVAL;
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
		return nnvme_fail(err, -EINVAL, BENCH_STATE " is no state file of this program; look at it, put "
				  "back what it says by hand, and remove it");
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
	if (!ftruncate(p->state, 0) && pwrite(p->state, text, strlen(text), 0) == (ssize_t)strlen(text))
		return 0;
	return nnvme_fail(err, errno ? -errno : -EIO, BENCH_STATE " cannot be written: %s", strerror(errno));
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
