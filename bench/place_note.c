// SPDX-License-Identifier: MIT
#include "bench/place_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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
		*note = open(BENCH_NOTE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (*note < 0)
			return nnvme_fail(err, -errno, BENCH_NOTE " cannot be opened: %s", strerror(errno));
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

void bench_note_format(const struct bench_places *p, char *text, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < p->nr_devices && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "device %s %s %d\n", p->device[i].bdf,
					   p->device[i].driver, p->device[i].iommu);
	if (length < size && *p->poll_queues)
		length += (size_t)snprintf(text + length, size - length, "poll_queues %s %d\n", p->poll_queues,
					   p->poll_queues_set);
	if (length < size && *p->noiommu)
		length += (size_t)snprintf(text + length, size - length, "noiommu %s\n", p->noiommu);
	if (length < size && *p->hugepages)
		length += (size_t)snprintf(text + length, size - length, "hugepages %s\n", p->hugepages);
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

static int parse_line(const char *line, struct bench_places *p)
{
	char bdf[20], driver[20], word[8];
	unsigned queues, set, pages;
	int n = 0, iommu;

	if (sscanf(line, "device %19s %19s %d%n", bdf, driver, &iommu, &n) == 3 && !line[n])
		return parse_device(bdf, driver, iommu, p);
	n = 0;
	if (sscanf(line, "poll_queues %5u %1u%n", &queues, &set, &n) == 2 && !line[n]) {
		snprintf(p->poll_queues, sizeof(p->poll_queues), "%u", queues);
		p->poll_queues_set = set;
		return 0;
	}
	n = 0;
	if (sscanf(line, "hugepages %9u%n", &pages, &n) == 1 && !line[n]) {
		snprintf(p->hugepages, sizeof(p->hugepages), "%u", pages);
		return 0;
	}
	n = 0;
	if (sscanf(line, "noiommu %7s%n", word, &n) == 1 && !line[n] && !word[1] && strchr("YN", word[0])) {
		strcpy(p->noiommu, word);
		return 0;
	}
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
			return *text || !p->nr_devices ? -EINVAL : 0;
		if (parse_line(line, p))
			return -EINVAL;
	}
	return -EINVAL;
}

int bench_note_read(int note, struct bench_places *before, struct nnvme_err *err)
{
	char text[512];
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
	return 1;
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
