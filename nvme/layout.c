// SPDX-License-Identifier: MIT
/*
 * What the inline functions compile into programs, checked: a number that differs here needs a new
 * NNVME_LAYOUT and a line in CHANGELOG.md (docs/abi.md). abidiff compares what the exported
 * functions take and return; it knows nothing of macros, of anonymous enums and of what only inline
 * functions use.
 */
#include "noiommu_nvme/layout.h"

#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/batch.h"
#include "noiommu_nvme/table.h"
#include "noiommu_nvme/wire.h"

const char NNVME_LAYOUT_SYMBOL = NNVME_LAYOUT;

#define FIXED(what) _Static_assert(what, "this is part of the layout: docs/abi.md")
#define SIZE(structure, bytes) FIXED(sizeof(struct structure) == (bytes))
#define AT(structure, field, offset, bytes) \
	FIXED(offsetof(struct structure, field) == (offset) && \
	      sizeof(((struct structure *)0)->field) == (bytes))

/* A queue pair: submission in one cache line, completion in the other. */
AT(nnvme_qpair, sq, 0, 8);
AT(nnvme_qpair, req, 8, 8);
AT(nnvme_qpair, table, 16, 8);
AT(nnvme_qpair, sq_doorbell, 24, 8);
AT(nnvme_qpair, tail, 32, 4);
AT(nnvme_qpair, stop, 36, 4);
AT(nnvme_qpair, generation, 40, 4);
AT(nnvme_qpair, end, 44, 4);
AT(nnvme_qpair, rung, 48, 4);
AT(nnvme_qpair, ring_slow, 52, 4);
AT(nnvme_qpair, beyond, 56, 4);
AT(nnvme_qpair, reserved, 60, 4);
AT(nnvme_qpair, cqe, 64, 8);
AT(nnvme_qpair, cq_doorbell_at, 72, 8);
AT(nnvme_qpair, cq, 80, 8);
AT(nnvme_qpair, cq_end, 88, 8);
AT(nnvme_qpair, phase, 96, 4);
AT(nnvme_qpair, depth, 100, 4);
AT(nnvme_qpair, batch_ns, 104, 8);
AT(nnvme_qpair, sq_rings, 112, 8);
AT(nnvme_qpair, reserved2, 120, 8);
SIZE(nnvme_qpair, 128);
FIXED(_Alignof(struct nnvme_qpair) == 64);

/* A namespace: only the library makes them, so fields may follow. */
AT(nnvme_ns, fast_blocks, 0, 4);
AT(nnvme_ns, block_shift, 4, 1);
AT(nnvme_ns, reserved, 5, 3);
AT(nnvme_ns, fast_end, 8, 8);
AT(nnvme_ns, head, 16, 8);
AT(nnvme_ns, blocks, 24, 8);
AT(nnvme_ns, nsid, 32, 4);
AT(nnvme_ns, reserved2, 36, 4);

/* A slot and its key, which is a CID or one of three others. */
AT(nnvme_req, tag, 0, 8);
AT(nnvme_req, key, 8, 4);
AT(nnvme_req, reserved, 12, 4);
SIZE(nnvme_req, 16);
FIXED(NNVME_KEY_FREE == -1 && NNVME_KEY_DIRTY == -2);
FIXED(NNVME_CID_GENERATION == 7 && NNVME_CID_SLOT == 0xfff8 && NNVME_SLOTS == 8192);

AT(nnvme_completion, tag, 0, 8);
AT(nnvme_completion, status, 8, 2);
AT(nnvme_completion, reserved, 10, 2);
AT(nnvme_completion, result, 12, 4);
AT(nnvme_completion, status_result, 8, 8);
SIZE(nnvme_completion, 16);

/* A batch is the program's own; its files may hand it to one another. */
AT(nnvme_batch, qp, 0, 8);
AT(nnvme_batch, table, 8, 8);
AT(nnvme_batch, sqe, 16, 8);
AT(nnvme_batch, req, 24, 8);
AT(nnvme_batch, read, 32, 8);
AT(nnvme_batch, write, 40, 8);
AT(nnvme_batch, fast_end, 48, 8);
AT(nnvme_batch, cid, 56, 4);
AT(nnvme_batch, stop, 60, 4);
AT(nnvme_batch, fast_blocks, 64, 4);
AT(nnvme_batch, block_shift, 68, 1);
SIZE(nnvme_batch, 72);

/* The bus-address table: how an address leads to its entry, and what that says. */
AT(nnvme_table, leaf, 0, 8 * NNVME_LEAVES);
#if defined(__aarch64__)
FIXED(NNVME_VA_BITS == 48);
#else
FIXED(NNVME_VA_BITS == 47);
#endif
FIXED(NNVME_PAGE_SHIFT == 12 && NNVME_LEAF_SHIFT == 30 && NNVME_GRANULE_SHIFT == 20);
FIXED(NNVME_ENTRY_PAGES_SHIFT == 52 && NNVME_ENTRY_BYTES_SHIFT == 40);
FIXED(NNVME_LIST_ENTRIES == 512 && NNVME_LEAF_LISTS == (1 << 18) + 512);
AT(nnvme_prp, prp1, 0, 8);
AT(nnvme_prp, prp2, 8, 8);
SIZE(nnvme_prp, 16);

/*
 * Queue entries are the specification's (Base 2.x, Common Command Format, Common Completion Queue
 * Entry).
 */
AT(nnvme_sqe, opcode, 0, 1);
AT(nnvme_sqe, flags, 1, 1);
AT(nnvme_sqe, cid, 2, 2);
AT(nnvme_sqe, nsid, 4, 4);
AT(nnvme_sqe, cdw0_nsid, 0, 8);
AT(nnvme_sqe, cdw2, 8, 4);
AT(nnvme_sqe, cdw3, 12, 4);
AT(nnvme_sqe, mptr, 16, 8);
AT(nnvme_sqe, prp1, 24, 8);
AT(nnvme_sqe, prp2, 32, 8);
AT(nnvme_sqe, cdw10, 40, 4);
AT(nnvme_sqe, cdw11, 44, 4);
AT(nnvme_sqe, slba, 40, 8);
AT(nnvme_sqe, cdw12, 48, 4);
AT(nnvme_sqe, cdw13, 52, 4);
AT(nnvme_sqe, cdw14, 56, 4);
AT(nnvme_sqe, cdw15, 60, 4);
SIZE(nnvme_sqe, 64);
AT(nnvme_cqe, result, 0, 4);
AT(nnvme_cqe, result2, 4, 4);
AT(nnvme_cqe, sq_head, 8, 2);
AT(nnvme_cqe, sq_id, 10, 2);
AT(nnvme_cqe, dw3, 12, 4);
SIZE(nnvme_cqe, 16);
SIZE(nnvme_sgl, 16);
FIXED(NNVME_OP_FLUSH == 0 && NNVME_OP_WRITE == 1 && NNVME_OP_READ == 2);
FIXED(NNVME_OP_WRITE_ZEROES == 8 && NNVME_OP_DSM == 9);

/* Numbers that programs put into fields and arguments. */
FIXED(NNVME_QUIRK_ALIGNED_LISTS == 1 && NNVME_QUIRK_CQ_DOORBELL_EACH_POLL == 2);
FIXED(NNVME_MODE_AUTO == 0 && NNVME_MODE_NOIOMMU == 1 && NNVME_MODE_IOMMU == 2);
FIXED(NNVME_HUGEPAGES_AUTO == 0 && NNVME_HUGEPAGES_OFF == 1 && NNVME_HUGEPAGES_2M == 2);
FIXED(NNVME_HUGEPAGES_1G == 3 && NNVME_SHADOW_AUTO == 0 && NNVME_SHADOW_OFF == 1);
FIXED(NNVME_LOG_ERROR == 0 && NNVME_LOG_WARNING == 1);
FIXED(NNVME_LOG_INFO == 2 && NNVME_LOG_DEBUG == 3);
