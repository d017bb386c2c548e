// SPDX-License-Identifier: MIT
/*
 * device VERB BDF [MODE]: what kernel/device.h gives on a real kernel. MODE is auto, noiommu or
 * iommu. A failure to open or map is one line on stderr, in the library's words, and exit status 1.
 *
 *	open	open and close
 *	why	open and print the mode, and why
 *	hold	open, print that, stay until killed
 *	pin	open and map 16 MiB
 *	check	everything that a device can do, as TAP
 *
 * device map FILE: map a page of a file of any kind, close it, print that, stay until killed.
 * device ring FILE: register it with an io_uring, and the same.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/device.h"
#include "noiommu_nvme/pci.h"

static void tap(bool good, const char *name)
{
	printf("%s %s\n", good ? "ok" : "not ok", name);
}

static void *pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(3);
	return p;
}

/* The physical address of a resident page, from the kernel's other source; 0 when it won't say. */
static uint64_t physical(const void *va)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	ssize_t n = pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)va / 4096 * sizeof(entry)));

	close(fd);
	if (n != sizeof(entry) || !(entry >> 63))
		return 0;
	return (entry & ((1ull << 55) - 1)) * 4096 + (uintptr_t)va % 4096;
}

/* Walk [va, va + len) in runs: each where pagemap says that it is. */
static bool addresses_right(struct nnvme_device *d, char *va, uint64_t iova, size_t len)
{
	struct nnvme_err err;

	for (size_t at = 0, run; at < len; at += run) {
		nnvme_bus_t bus;

		run = len - at;
		if (d->ops->bus_addr(d, iova + at, &run, &bus, &err)) {
			printf("# %s\n", err.text);
			return false;
		}
		if (run < 1 || run > len - at)
			return false;
		if (d->mode == NNVME_MODE_IOMMU) {
			if (bus.v != iova + at)
				return false;
			continue;
		}
		for (size_t i = 0; i < run; i += 4096 - (size_t)(va + at + i) % 4096)
			if (bus.v + i != physical(va + at + i))
				return false;
	}
	return true;
}

/* Each mapping lies where the IOMMU can map. */
static bool within_reach(struct nnvme_device *d, uint64_t iova, size_t len)
{
	struct nnvme_dma_limits r;

	if (d->ops->dma_limits(d, &r, NULL))
		return false;
	for (size_t i = 0; i < r.nr_iova_ranges; i++)
		if (iova >= r.iova_ranges[i].first && iova + (len - 1) <= r.iova_ranges[i].last)
			return true;
	return d->mode == NNVME_MODE_NOIOMMU && !r.nr_iova_ranges;
}

/* As many as fill the range below the interrupts' window: they continue above it. */
static void check_many(struct nnvme_device *d)
{
	static uint64_t iova[5000];
	size_t len = 1 << 20, n, beyond = 0;
	char *va = pages(len);
	bool good = true;
	struct nnvme_err err;

	for (n = 0; n < sizeof(iova) / sizeof(iova[0]) && good; n++) {
		good = !d->ops->map(d, va, len, &iova[n], &err) && within_reach(d, iova[n], len);
		beyond += good && iova[n] > 0xfee00000;
	}
	tap(good, "5000 mappings of 1 MiB, each within the IOVA ranges");
	tap(beyond > 0, "some of them past the interrupts' window");
	while (n--)
		good = !d->ops->unmap(d, iova[n], len) && good;
	tap(good, "unmap them");
	munmap(va, len);
}

static void check_memory(struct nnvme_device *d)
{
	size_t len = 2 << 20, one = 1;
	char *va = pages(len);
	struct nnvme_err err;
	uint64_t iova, other;
	nnvme_bus_t bus;
	int rc = d->ops->map(d, va, len, &iova, &err);

	tap(!rc && iova, "map 2 MiB");
	if (rc) {
		printf("# %s\n", err.text);
		return;
	}
	tap(within_reach(d, iova, len), "mapped where it can be");
	tap(addresses_right(d, va, iova, len), "bus addresses are those of the pages");
	tap(addresses_right(d, va + 5, iova + 5, 4096), "bus addresses inside pages, too");
	if (d->mode == NNVME_MODE_NOIOMMU) {
		one = 4096;
		tap(d->ops->bus_addr(d, iova + len, &one, &bus, &err) < 0, "none past the mapping");
	}
	tap(!d->ops->map(d, va, 4096, &other, &err) && other != iova, "map the same page again");
	tap(!d->ops->unmap(d, other, 4096), "unmap the second mapping");
	tap(addresses_right(d, va, iova, len), "the first is still there");
	tap(!d->ops->unmap(d, iova, len), "unmap");
	tap(d->ops->unmap(d, iova, len) < 0, "unmapping it twice fails");
	munmap(va, len);
}

/* Bus Master Enable, from the kernel's other source; -1: can't tell. */
static int bus_master(const struct nnvme_device *d)
{
	char path[128];
	uint16_t command = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", d->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = pread(fd, &command, sizeof(command), 4);
	close(fd);
	return n == sizeof(command) ? command >> 2 & 1 : -1;
}

static int check(struct nnvme_device *d, const char *bdf)
{
	const volatile uint32_t *reg = d->bar;
	struct nnvme_device *second;
	struct nnvme_err err;

	/* VS (Base 2.x, Version): 1.0 to 2.x; CSTS.RDY is clear after the reset of opening. */
	tap(reg[2] >> 16 >= 1 && reg[2] >> 16 <= 2, "BAR0 shows an NVMe version");
	tap(!(reg[7] & 1), "the controller is not enabled");
	tap(d->bar_len >= 8192, "BAR0 is mapped whole");
	tap(bus_master(d) == 0, "bus mastering is off after opening");
	tap(!d->ops->bus_master(d, true, &err) && bus_master(d) == 1, "bus mastering on");
	tap(!d->ops->bus_master(d, false, &err) && bus_master(d) == 0, "bus mastering off");
	tap(nnvme_device_open(bdf, NNVME_MODE_AUTO, &second, &err) < 0 &&
	    strstr(err.text, "already open in this program"), "a second opening is refused");
	check_memory(d);
	if (d->mode == NNVME_MODE_IOMMU)
		check_many(d);
	tap(!d->ops->bus_master(d, true, &err), "bus mastering on before a reset");
	tap(!d->ops->reset(d, &err), "reset");
	tap(reg[2] != ~0u, "BAR0 is there after the reset");
	d->ops->close(d);
	tap(!nnvme_device_open(bdf, NNVME_MODE_AUTO, &d, &err), "open again");
	tap(bus_master(d) == 0, "bus mastering is off again");
	d->ops->close(d);
	return 0;
}

static int fail(const struct nnvme_err *err)
{
	fprintf(stderr, "device: %s\n", err->text);
	return 1;
}

static int map_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0 || mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) {
		perror(file);
		return 1;
	}
	close(fd);
	puts("mapped");
	pause();
	return 0;
}

static int ring_file(const char *file)
{
	struct io_uring_params params = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	int fds[] = { -1, open(file, O_RDWR | O_CLOEXEC) };

	if (ring < 0 || fds[1] < 0 ||
	    syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, fds, 2)) {
		perror(file);
		return 1;
	}
	close(fds[1]);
	puts("registered");
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "auto", "noiommu", "iommu" };
	int mode = NNVME_MODE_AUTO;
	struct nnvme_device *d;
	struct nnvme_err err;
	uint64_t iova;
	int rc = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3 || argc > 4)
		return 2;
	if (!strcmp(argv[1], "map"))
		return map_file(argv[2]);
	if (!strcmp(argv[1], "ring"))
		return ring_file(argv[2]);
	if (argc == 4)
		for (mode = 2; mode > 0 && strcmp(argv[3], modes[mode]) != 0; mode--)
			;
	if (nnvme_device_open(argv[2], (enum nnvme_mode)mode, &d, &err))
		return fail(&err);
	if (!strcmp(argv[1], "check"))
		return check(d, argv[2]);
	if (!strcmp(argv[1], "why"))
		puts(d->mode_reason);
	if (!strcmp(argv[1], "hold")) {
		puts("open");
		pause();
	}
	if (!strcmp(argv[1], "pin")) {
		rc = d->ops->map(d, pages(16 << 20), 16 << 20, &iova, &err);
		if (!rc)
			d->ops->unmap(d, iova, 16 << 20);
	}
	d->ops->close(d);
	return rc ? fail(&err) : 0;
}
