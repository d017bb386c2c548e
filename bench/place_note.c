// SPDX-License-Identifier: MIT
#include "place_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

/* The load of a run that was killed may have it a moment longer. */
static int lock(int note)
{
	int rc = -EWOULDBLOCK;

	for (int tries = 0; rc == -EWOULDBLOCK && tries < 10; tries++) {
		if (tries)
			usleep(50000);
		rc = flock(note, LOCK_EX | LOCK_NB) ? -errno : 0;
	}
	return rc;
}

int bench_note_open(int *note, struct nnvme_err *err)
{
	struct stat st;
	int rc;

	if (mkdir(BENCH_NOTES, 0755) && errno != EEXIST)
		return nnvme_fail(err, -errno, BENCH_NOTES " cannot be made: %s", strerror(errno));
	for (;;) {
		/* Nobody else's: whoever can open a file can lock it. */
		*note = open(BENCH_NOTE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*note < 0)
			return nnvme_fail(err, -errno, BENCH_NOTE " cannot be opened: %s", strerror(errno));
		fchmod(*note, 0600);
		rc = lock(*note);
		/* Whoever had it before may have removed it. */
		if (!rc && !fstat(*note, &st) && st.st_nlink)
			return 0;
		close(*note);
		*note = -1;
		if (rc == -EWOULDBLOCK)
			return nnvme_fail(err, -EBUSY, "another noiommu-nvme-bench is running on this machine, and "
					  "each would disturb the other");
		if (rc)
			return nnvme_fail(err, rc, BENCH_NOTE " cannot be locked: %s", strerror(-rc));
	}
}

static size_t format_parameter(const char *name, const struct bench_parameter *p, char *text, size_t size)
{
	return *p->set ? (size_t)snprintf(text, size, "%s %s %s\n", name, p->was, p->set) : 0;
}

void bench_note_format(const struct bench_places *p, char *text, size_t size)
{
	size_t length = (size_t)snprintf(text, size, "boot %s\n", p->boot);

	for (size_t i = 0; i < p->nr_devices && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "device %s %s %d\n", p->device[i].bdf,
					   p->device[i].driver, p->device[i].iommu);
	if (length < size)
		length += format_parameter("poll_queues", &p->poll_queues, text + length, size - length);
	if (length < size)
		length += format_parameter("noiommu", &p->noiommu, text + length, size - length);
	if (length < size)
		length += format_parameter("hugepages", &p->hugepages, text + length, size - length);
	if (length < size)
		snprintf(text + length, size - length, "end\n");
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

static bool is_number(const char *text)
{
	return *text && strlen(text) < 10 && !text[strspn(text, "0123456789")];
}

static bool is_switch(const char *text)
{
	return !strcmp(text, "Y") || !strcmp(text, "N");
}

static int parse_parameter(const char *was, const char *set, bool (*valid)(const char *),
			   struct bench_parameter *p)
{
	if (!valid(was) || !valid(set) || *p->set)
		return -EINVAL;
	strcpy(p->was, was);
	strcpy(p->set, set);
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
	if (!strcmp(name, "poll_queues"))
		return parse_parameter(was, set, is_number, &p->poll_queues);
	if (!strcmp(name, "noiommu"))
		return parse_parameter(was, set, is_switch, &p->noiommu);
	if (!strcmp(name, "hugepages"))
		return parse_parameter(was, set, is_number, &p->hugepages);
	return -EINVAL;
}

int bench_note_parse(const char *text, struct bench_places *p)
{
	*p = (struct bench_places){ .note = -1, .hold.lock = -1 };
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

int bench_note_read(int note, struct bench_places *before, struct nnvme_err *err)
{
	char text[512], boot[sizeof(before->boot)];
	ssize_t length = pread(note, text, sizeof(text) - 1, 0);

	if (length < 0)
		return nnvme_fail(err, -errno, BENCH_NOTE " cannot be read: %s", strerror(errno));
	if (!length)
		return 0;
	text[length] = '\0';
	/* Cut off before its end: the writer was killed before it changed anything. */
	if (length < 4 || strcmp(text + length - 4, "end\n") != 0)
		return 0;
	if (bench_note_parse(text, before))
		return nnvme_fail(err, -EINVAL, BENCH_NOTE " is no note of this program's; look at it, put back "
				  "what it says by hand, and remove it");
	bench_note_boot(boot);
	return !strcmp(before->boot, boot);	/* of another boot, none of it is so any more */
}

void bench_note_boot(char boot[40])
{
	if (bench_sysfs_read(boot, 40, "/proc/sys/kernel/random/boot_id") <= 0)
		strcpy(boot, "0");
}

int bench_note_write(const struct bench_places *p, struct nnvme_err *err)
{
	char text[512];

	bench_note_format(p, text, sizeof(text));
	if (!ftruncate(p->note, 0) && pwrite(p->note, text, strlen(text), 0) == (ssize_t)strlen(text))
		return 0;
	return nnvme_fail(err, errno ? -errno : -EIO, BENCH_NOTE " cannot be written: %s", strerror(errno));
}

void bench_note_remove(void)
{
	unlink(BENCH_NOTE);
}

void bench_note_close(int *note)
{
	struct stat st;

	if (*note < 0)
		return;
	if (!fstat(*note, &st) && !st.st_size && st.st_nlink)
		unlink(BENCH_NOTE);
	close(*note);
	*note = -1;
}
