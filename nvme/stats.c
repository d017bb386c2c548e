// SPDX-License-Identifier: MIT
#include "noiommu_nvme/stats.h"

#include "kernel/sized.h"
#include "nvme/private.h"

/* NNVME_COUNT() stores each number at once. */
static uint64_t read_count(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

int nnvme_qpair_stats(const struct nnvme_qpair *qp, struct nnvme_qpair_stats *stats)
{
	const struct nnvme_qpair_stats now = {
		.sq_doorbells = read_count(&qp->sq_rings),
		.cq_doorbells = read_count(&nnvme_qp(qp)->cq_rings),
		.sq_wraps = read_count(&nnvme_qp(qp)->sq_wraps),
		.spare_slots = read_count(&nnvme_qp(qp)->spare_slots),
		.split_transfers = read_count(&nnvme_qp(qp)->split_transfers),
		.bad_completions = read_count(&nnvme_qp(qp)->bad_completions),
		.missed_interrupts = read_count(&nnvme_qp(qp)->missed_interrupts),
	};
	int ret = nnvme_sized_check("struct nnvme_qpair_stats", stats->size,
				    NNVME_SIZE_UP_TO(struct nnvme_qpair_stats, missed_interrupts),
				    NULL);

	if (!ret)
		nnvme_sized_out(stats, stats->size, &now, sizeof(now));
	return ret;
}
