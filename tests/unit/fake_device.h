/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_FAKE_DEVICE_H
#define NNVME_TESTS_FAKE_DEVICE_H

/*
 * A device for tests of dma/ alone: it maps anything. Its bus addresses are a function of the
 * virtual address that no test can mistake for one, contiguous for @run bytes.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device.h"

struct fake_device {
	struct nnvme_device dev;
	size_t run;			/* contiguous bytes; a power of two, 4096 or more */
	unsigned maps, unmaps, calls;
	int fail_map, fail_bus_addr;	/* fail after this many more calls; -1 never */
	size_t bad_len;			/* answer this length instead, when not 0 */
};

/* Reverses the order of the runs, so that neighbours are not neighbours on the bus. */
static inline uint64_t fake_bus(const struct fake_device *f, uint64_t va)
{
	return (((uint64_t)1 << 50) - (va & -(uint64_t)f->run)) + va % f->run;
}

static inline int fake_map(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
			   struct nnvme_err *err)
{
	struct fake_device *f = (struct fake_device *)dev;

	if (!f->fail_map--)
		return nnvme_fail(err, -ENOMEM, "fake: no map");
	f->maps++;
	*iova = (uintptr_t)va;
	return 0;
}

static inline int fake_unmap(struct nnvme_device *dev, uint64_t iova, size_t len)
{
	((struct fake_device *)dev)->unmaps++;
	return 0;
}

static inline int fake_bus_addr(struct nnvme_device *dev, uint64_t iova, size_t *len,
				nnvme_bus_t *bus, struct nnvme_err *err)
{
	struct fake_device *f = (struct fake_device *)dev;
	size_t most = f->run - iova % f->run;

	if (!f->fail_bus_addr--)
		return nnvme_fail(err, -EIO, "fake: no bus address");
	f->calls++;
	bus->v = fake_bus(f, iova);
	if (*len > most)
		*len = most;
	if (f->bad_len)
		*len = f->bad_len;
	return 0;
}

static inline void fake_init(struct fake_device *f, size_t run)
{
	static const struct nnvme_device_ops ops = {
		.map = fake_map, .unmap = fake_unmap, .bus_addr = fake_bus_addr,
	};

	*f = (struct fake_device){
		.dev = { .ops = &ops, .name = "fake" }, .run = run,
		.fail_map = -1, .fail_bus_addr = -1,
	};
}

#endif
