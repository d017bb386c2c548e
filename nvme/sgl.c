// SPDX-License-Identifier: MIT
/*
 * Scatter gather lists, for data that PRPs can't describe: one descriptor for each piece that is
 * contiguous on the bus, all in one segment (Base 2.x, Scatter Gather List).
 */
#include "nvme/sgl.h"

#include <errno.h>

#include "dma/table_build.h"
#include "nvme/prp_pool.h"
#include "nvme/slot_list.h"

#define PAGE NNVME_PAGE_SIZE
#define MAX_SGLS ((unsigned)(NNVME_PAGE_SIZE / sizeof(struct nnvme_sgl)))

_Static_assert(sizeof(struct nnvme_sgl) == 16, "an SGL descriptor is 16 bytes");

/*
 * Write the descriptors of @want bytes from @c, at most @most; neighbours on the bus share one.
 * @to may be NULL. Returns the number of bytes described, which is lower if another thread
 * unregisters the memory meanwhile.
 */
static size_t write_descriptors(const struct nnvme_qpair *qp, struct nnvme_iov_cursor c,
				size_t want, struct nnvme_sgl *to, unsigned most,
				unsigned *count)
{
	uint64_t next = 0;
	size_t done = 0;

	*count = 0;
	while (done < want) {
		uintptr_t va = nnvme_iov_va(&c);
		uint64_t page = nnvme_table_page(qp->table, va).v, bus = page + va % PAGE;
		size_t len = PAGE - va % PAGE, left = c.iov->iov_len - c.skip;
		bool joins = *count && bus == next;

		if (!page)
			break;
		if (len > left)
			len = left;
		if (len > want - done)
			len = want - done;
		if (!joins && *count == most)
			break;
		if (!joins && to)
			to[*count] = (struct nnvme_sgl){ .addr = bus, .type = NNVME_SGL_DATA };
		*count += !joins;
		if (to)
			to[*count - 1].len += (uint32_t)len;
		next = bus + len;
		done += len;
		nnvme_iov_skip(&c, len);
	}
	return done;
}

/*
 * A single descriptor goes into the command; several go into a list that it points to, the only
 * and last segment.
 */
int nnvme_map_iov_sgl(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set)
{
	struct nnvme_sgl *head = (struct nnvme_sgl *)&cmd->prp1;
	struct nnvme_slot_list *own;
	unsigned count, most = NNVME_SLOT_LIST_SGLS;
	nnvme_bus_t bus;
	void *list;
	int ret;

	if (write_descriptors(qp, c, len, NULL, MAX_SGLS, &count) < len)
		return -EFAULT;
	cmd->flags = NNVME_PSDT_SGL;
	if (count == 1)
		return write_descriptors(qp, c, len, head, 1, &count) < len ? -EFAULT : 0;
	own = count <= NNVME_SLOT_LIST_SGLS ? nnvme_slot_list(qp) : NULL;
	if (own) {
		list = own->va;
		bus.v = own->bus;
	} else {
		most = MAX_SGLS;
		ret = nnvme_prp_pool_get(qp, set, &list, &bus);
		if (ret)
			return ret;
	}
	if (write_descriptors(qp, c, len, list, most, &count) < len) {
		nnvme_prp_pool_put(qp, *set);
		*set = 0;
		return -EFAULT;
	}
	*head = (struct nnvme_sgl){
		.addr = bus.v, .len = count * (uint32_t)sizeof(*head),
		.type = NNVME_SGL_LAST_SEGMENT,
	};
	return 0;
}

size_t nnvme_sgl_bytes(const struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t want)
{
	unsigned count;

	return write_descriptors(qp, c, want, NULL, MAX_SGLS, &count);
}
