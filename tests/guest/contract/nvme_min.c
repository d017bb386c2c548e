// SPDX-License-Identifier: MIT
/*
 * A controller kept busy, so that a process can be killed in the middle of DMA. See contract.h.
 * NVM Express Base 2.0: 3.1.3 (registers), 3.5.1 (enabling), 5.17 (Identify).
 */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"

enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, SQ_TAIL = 0x1000 };
enum { DEPTH = 32, BATCH = 8 };

struct queue {
	volatile uint8_t *bar;
	volatile uint32_t *sq_tail, *cq_head;
	uint32_t *sq;			/* 16 words an entry */
	volatile uint32_t *cq;		/* 4 words an entry */
	uint64_t data;
	unsigned tail, head, phase;
};

static volatile uint32_t *reg(struct queue *q, unsigned offset)
{
	return (volatile uint32_t *)(q->bar + offset);
}

static void set64(struct queue *q, unsigned offset, uint64_t value)
{
	*reg(q, offset) = value;
	*reg(q, offset + 4) = value >> 32;
}

/* BAR 0 mapped, memory decoding and bus mastering on. */
static int open_bar(const struct session *s, struct queue *q)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command;

	if (ioctl(s->cdev, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(s->cdev, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(s->cdev, &command, 2, config.offset + 4) != 2)
		return -errno;
	command |= 6;
	if (pwrite(s->cdev, &command, 2, config.offset + 4) != 2)
		return -errno;
	q->bar = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, s->cdev, bar.offset);
	return q->bar == MAP_FAILED ? -errno : 0;
}

static int bus_address(const struct session *s, uint64_t iova, uint64_t *phys)
{
	uint64_t length = PAGE;
	int ret = iommufd_get_pa(s->iommufd, s->ioas, iova, &length, phys);

	if (!ret && length != PAGE)
		ret = -ERANGE;
	return ret;
}

static int enable(const struct session *s, struct queue *q, uint8_t *memory, uint64_t iova)
{
	uint64_t sq, cq;
	unsigned stride;
	int ret;

	ret = bus_address(s, iova, &sq);
	if (!ret)
		ret = bus_address(s, iova + PAGE, &cq);
	if (!ret)
		ret = bus_address(s, iova + 2 * PAGE, &q->data);
	if (ret)
		return ret;
	memset(memory, 0, 3 * PAGE);
	*reg(q, CC) = 0;
	while (*reg(q, CSTS) & 1)
		;
	*reg(q, AQA) = (DEPTH - 1) << 16 | (DEPTH - 1);
	set64(q, ASQ, sq);
	set64(q, ACQ, cq);
	*reg(q, CC) = 4 << 20 | 6 << 16 | 1;
	while (!(*reg(q, CSTS) & 1))
		if (*reg(q, CSTS) & 2)
			return -EIO;
	stride = 4 << (*reg(q, 4) & 15);	/* CAP.DSTRD */
	q->sq = (uint32_t *)memory;
	q->cq = (volatile uint32_t *)(memory + PAGE);
	q->sq_tail = reg(q, SQ_TAIL);
	q->cq_head = reg(q, SQ_TAIL + stride);
	q->phase = 1;
	return 0;
}

static void submit_identify(struct queue *q)
{
	uint32_t *entry = q->sq + 16 * q->tail;

	memset(entry, 0, 64);
	entry[0] = 6 | q->tail << 16;
	entry[6] = q->data;
	entry[7] = q->data >> 32;
	entry[10] = 1;
	q->tail = (q->tail + 1) % DEPTH;
}

/* Waits for one completion. */
static int complete(struct queue *q)
{
	volatile uint32_t *entry = q->cq + 4 * q->head;
	uint32_t status;

	while (((status = entry[3]) >> 16 & 1) != q->phase)
		;
	q->head = (q->head + 1) % DEPTH;
	if (!q->head)
		q->phase ^= 1;
	return status >> 17 ? -EIO : 0;
}

int nvme_min_run(const struct session *s, void *memory, uint64_t iova, void (*done)(void *),
		 void *arg)
{
	struct queue q = { 0 };
	int ret;

	ret = open_bar(s, &q);
	if (!ret)
		ret = enable(s, &q, memory, iova);
	while (!ret) {
		for (unsigned i = 0; i < BATCH; i++)
			submit_identify(&q);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* entries before the doorbell */
		*q.sq_tail = q.tail;
		for (unsigned i = 0; i < BATCH && !ret; i++) {
			ret = complete(&q);
			if (!ret)
				done(arg);
		}
		*q.cq_head = q.head;
	}
	return ret;
}
