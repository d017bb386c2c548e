// SPDX-License-Identifier: MIT
/*
 * PRP lists for transfers that no list of the bus-address table describes. A PRP list has no
 * lengths, so all its pages but the first and the last are whole (Base 2.x, PRP Entry Layout).
 */
#include "nvme/prp.h"

#include <errno.h>

#include "dma/table_build.h"
#include "nvme/prp_pool.h"
#include "nvme/slot_list.h"

#define PAGE NNVME_PAGE_SIZE

size_t nnvme_prp_bytes(struct nnvme_iov_cursor c, size_t want)
{
	size_t done = 0;

	while (done < want) {
		uintptr_t va = nnvme_iov_va(&c);
		size_t len = c.iov->iov_len - c.skip;

		if (done && va % PAGE)
			break;
		if (len > want - done)
			len = want - done;
		done += len;
		if ((va + len) % PAGE)
			break;
		nnvme_iov_skip(&c, len);
	}
	return done;
}

/*
 * Write the entries of @len bytes from @c, which begin on a page, and chain the list pages.
 * -EFAULT if another thread has unregistered the memory meanwhile.
 */
static int fill(struct nnvme_qpair *qp, struct nnvme_list_set *l, struct nnvme_iov_cursor c,
		size_t len)
{
	uint64_t *entry = l->va[0], *last = entry + NNVME_LIST_ENTRIES - 1;
	unsigned i = 0;

	while (len) {
		size_t step = len < NNVME_PAGE_SIZE ? len : NNVME_PAGE_SIZE;

		if (entry == last && len > NNVME_PAGE_SIZE) {
			if (++i == nnvme_qp(qp)->prp_pool->pages)
				return -E2BIG;
			*entry = l->bus[i].v;
			entry = l->va[i];
			last = entry + NNVME_LIST_ENTRIES - 1;
		}
		*entry = nnvme_table_page(qp->table, nnvme_iov_va(&c)).v;
		if (!*entry++)
			return -EFAULT;
		len -= step;
		nnvme_iov_skip(&c, step);
	}
	return 0;
}

static int build(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_prp *prp, uint16_t *set)
{
	uintptr_t va = nnvme_iov_va(&c);
	uint64_t page = nnvme_table_page(qp->table, va).v;
	size_t first = NNVME_PAGE_SIZE - va % NNVME_PAGE_SIZE;
	nnvme_bus_t bus;
	void *list;
	int ret;

	if (!page)
		return -EFAULT;
	ret = nnvme_prp_pool_get(qp, set, &list, &bus);
	if (ret)
		return ret;
	prp->prp1 = page + va % NNVME_PAGE_SIZE;
	prp->prp2 = bus.v;
	if (len > first) {
		nnvme_iov_skip(&c, first);
		ret = fill(qp, &nnvme_qp(qp)->prp_pool->set[*set - 1], c, len - first);
	}
	if (ret) {
		nnvme_prp_pool_put(qp, *set);
		*set = 0;
	}
	return ret;
}

int nnvme_map_prp_slow(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_prp *prp,
		       uint16_t *set)
{
	bool aligned = nnvme_qp(qp)->ctrl->opts.quirks & NNVME_QUIRK_ALIGNED_LISTS;
	size_t more = (va % PAGE + len - 1) >> NNVME_PAGE_SHIFT;
	struct iovec iov = { (void *)va, len };
	int ret = nnvme_table_prp(qp->table, va, len, prp);

	if (ret == -E2BIG || (!ret && more > 1 && aligned))
		ret = build(qp, (struct nnvme_iov_cursor){ &iov, 0, 1 }, len, prp, set);
	return ret;
}

int nnvme_map_iov_prp(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set)
{
	uintptr_t va = nnvme_iov_va(&c);
	size_t more = (va % PAGE + len - 1) >> NNVME_PAGE_SHIFT;
	struct nnvme_slot_list *own = more <= NNVME_SLOT_LIST_PRPS ? nnvme_slot_list(qp) : NULL;
	struct nnvme_prp prp = { 0 };
	uint64_t *entry, bus;

	if (more > 1 && !own) {
		int ret = build(qp, c, len, &prp, set);

		cmd->prp1 = prp.prp1;
		cmd->prp2 = prp.prp2;
		return ret;
	}
	bus = nnvme_table_page(qp->table, va).v;
	cmd->prp1 = bus + va % PAGE;
	cmd->prp2 = more > 1 ? own->bus : 0;
	nnvme_iov_skip(&c, PAGE - va % PAGE);
	entry = more > 1 ? own->va : &cmd->prp2;
	while (bus && more--) {
		bus = nnvme_table_page(qp->table, nnvme_iov_va(&c)).v;
		*entry++ = bus;
		nnvme_iov_skip(&c, PAGE);
	}
	return bus ? 0 : -EFAULT;
}
