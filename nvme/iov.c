// SPDX-License-Identifier: MIT
/*
 * The data of a vectored request, told to the controller in general: any segments, any part of them. The
 * plain cases are in vector.c.
 *
 * Two ways. PRPs, when the segments join at page borders: a PRP list has no lengths, so each of its pages
 * but the first and the last is whole (Base 2.x, PRP Entry Layout). Else, where the controller has them,
 * a scatter gather list: one descriptor a piece that is contiguous on the bus, in one segment.
 */
#include <errno.h>

#include "dma/table_build.h"
#include "nvme/private.h"

#define PAGE NNVME_PAGE_SIZE
#define MAX_SGLS ((unsigned)(NNVME_PAGE_SIZE / sizeof(struct nnvme_sgl)))

_Static_assert(sizeof(struct nnvme_sgl) == 16, "an SGL descriptor is 16 bytes");

void nnvme_iov_skip(struct nnvme_iov_cursor *c, size_t len)
{
	c->skip += len;
	while (c->n && c->skip >= c->iov->iov_len) {
		c->skip -= c->iov->iov_len;
		c->iov++;
		c->n--;
	}
}

int nnvme_iov_sum(const struct iovec *iov, unsigned n, uint64_t *sum)
{
	*sum = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t len = iov[i].iov_len;

		if (len && ((uintptr_t)iov[i].iov_base | len) % 4)
			return -EINVAL;
		if (__builtin_add_overflow(*sum, len, sum))
			return -EINVAL;
	}
	return 0;
}

int nnvme_iov_check(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (iov[i].iov_len &&
		    nnvme_table_check(qp->table, (uintptr_t)iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
	return 0;
}

/* Bytes from @c that join at page borders, @want or fewer. */
static size_t prp_reach(struct nnvme_iov_cursor c, size_t want)
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
 * Descriptors of the @want bytes from @c, neighbours on the bus made one, @most of them; @to may be
 * NULL. Returns the bytes that they describe: fewer also where another thread unregisters what is described.
 */
static size_t write_sgls(const struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t want,
			 struct nnvme_sgl *to, unsigned most, unsigned *count)
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

uint32_t nnvme_map_blocks(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			      struct nnvme_iov_cursor c, uint32_t most)
{
	size_t want = (size_t)most << ns->block_shift, len;
	unsigned count;

	if (c.skip >= c.iov->iov_len)
		nnvme_iov_skip(&c, 0);	/* empty ones in front */
	len = prp_reach(c, want);
	if (len < want && nnvme_qp(qp)->ctrl->can_sgl)
		len = write_sgls(qp, c, want, NULL, MAX_SGLS, &count);
	return (uint32_t)(len >> ns->block_shift);
}

/* The PRPs of @len bytes: in the command, in the slot's list, or in a set. */
static int point_prps(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set)
{
	uintptr_t va = nnvme_iov_va(&c);
	size_t more = (va % PAGE + len - 1) >> NNVME_PAGE_SHIFT;
	struct nnvme_slot_list *own = more <= NNVME_SLOT_LIST_PRPS ? nnvme_slot_list(qp) : NULL;
	struct nnvme_prp prp = { 0 };
	uint64_t *entry, bus;

	if (more > 1 && !own) {
		int ret = nnvme_prp_build(qp, c, len, &prp, set);

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

/* One descriptor stands in the command; more in a list that it points to, the only and last segment. */
static int point_sgls(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set)
{
	struct nnvme_sgl *head = (struct nnvme_sgl *)&cmd->prp1;
	struct nnvme_slot_list *own;
	unsigned count, most = NNVME_SLOT_LIST_SGLS;
	nnvme_bus_t bus;
	void *list;
	int ret;

	if (write_sgls(qp, c, len, NULL, MAX_SGLS, &count) < len)
		return -EFAULT;
	cmd->flags = NNVME_PSDT_SGL;
	if (count == 1)
		return write_sgls(qp, c, len, head, 1, &count) < len ? -EFAULT : 0;
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
	if (write_sgls(qp, c, len, list, most, &count) < len) {
		nnvme_prp_pool_put(qp, *set);
		*set = 0;
		return -EFAULT;
	}
	*head = (struct nnvme_sgl){
		.addr = bus.v, .len = count * (uint32_t)sizeof(*head), .type = NNVME_SGL_LAST_SEGMENT,
	};
	return 0;
}

int nnvme_map_iov(struct nnvme_qpair *qp, const struct nnvme_ns *ns, struct nnvme_iov_cursor c,
			 uint32_t blocks, struct nnvme_sqe *cmd, uint16_t *set)
{
	size_t len = (size_t)blocks << ns->block_shift;

	nnvme_iov_skip(&c, 0);	/* empty ones in front */
	if (prp_reach(c, len) == len)
		return point_prps(qp, c, len, cmd, set);
	return point_sgls(qp, c, len, cmd, set);
}
