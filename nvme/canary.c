// SPDX-License-Identifier: MIT
#include "nvme/canary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "kernel/pagemap.h"
#include "nvme/clock.h"
#include "nvme/log.h"
#include "nvme/sq.h"
#include "nvme/stop.h"

#define PAGE NNVME_PAGE_SIZE
#define BLOCK_MAX ((size_t)65536)		/* the largest that Identify accepts here */
#define NEAR (BLOCK_MAX + PAGE)
#define CANDIDATES 8
/* The memory: candidates for the first canary, the second canary, two neighbours. */
#define MEMORY ((CANDIDATES + 1) * PAGE + 2 * NEAR)
#define LIST_OFFSET 2048			/* in its first page: 8 KiB then touch three */
#define TIMEOUT_MS 30000

/* Indices of mapped[], in mapping order: IOVAs are given out in ascending order. */
enum { NEAR_0, GONE, NEAR_1, PIN_0, PIN_1 };

static size_t block_size(const struct nnvme_canaries *c)
{
	return (size_t)1 << c->ns->block_shift;
}

static int random_page(uint8_t *page, struct nnvme_err *err)
{
	for (size_t at = 0; at < PAGE; at += 256)	/* getrandom(2) never cuts so few */
		if (getrandom(page + at, 256, 0) != 256)
			return nnvme_fail(err, -EIO, "the kernel has no random numbers");
	return 0;
}

int nnvme_canary_fill(struct nnvme_canary *canary, struct nnvme_err *err)
{
	bool changed;
	int ret = random_page(canary->content, err);

	if (ret)
		return ret;
	memcpy(canary->va, canary->content, PAGE);
	return nnvme_canary_check(canary, &changed, err);
}

int nnvme_canary_fill_list(struct nnvme_canaries *c, struct nnvme_canary *canary,
			   struct nnvme_err *err)
{
	uint64_t *list = (uint64_t *)canary->content;
	bool changed;
	int ret = random_page(c->marker, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < PAGE / sizeof(*list); i++)
		list[i] = c->near[1].iova;
	memcpy(canary->va, canary->content, PAGE);
	memcpy(c->near[1].va, c->marker, PAGE);
	return nnvme_canary_check(canary, &changed, err);
}

bool nnvme_canary_list_used(const struct nnvme_canaries *c)
{
	return memcmp(c->marker, c->near[1].va, PAGE) != 0;
}

int nnvme_canary_check(struct nnvme_canary *canary, bool *changed, struct nnvme_err *err)
{
	uint64_t phys;
	int ret = nnvme_physical(canary->va, &phys, err);

	if (ret)
		return ret;
	if (phys != canary->phys)
		return nnvme_fail(err, -EIO, "a page of this program moved from physical address "
				  "0x%llx to 0x%llx although it is pinned; nothing can be proven",
				  (unsigned long long)canary->phys, (unsigned long long)phys);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* the device writes it: reload */
	*changed = memcmp(canary->va, canary->content, PAGE) != 0;
	return 0;
}

/* One command and its completion, whatever its status. */
int nnvme_canary_read(struct nnvme_canaries *c, struct nnvme_target target, uint16_t *status,
		      struct nnvme_err *err)
{
	struct nnvme_sqe cmd = {
		.opcode = NNVME_OP_READ, .nsid = c->ns->nsid,
		.prp1 = target.prp.prp1, .prp2 = target.prp.prp2,
		.cdw12 = (uint32_t)(target.len >> c->ns->block_shift) - 1,
	};
	uint64_t end = nnvme_now_ms() + TIMEOUT_MS;
	struct nnvme_completion done;
	int ret;

	nnvme_submit(c->qp, &cmd, c, 0, 0, false);
	nnvme_ring(c->qp);
	for (;;) {
		bool late = nnvme_now_ms() > end;

		if (nnvme_poll(c->qp, &done, 1) && done.tag == c) {
			*status = done.status;
			return 0;
		}
		ret = nnvme_ctrl_check(c->ctrl, err);
		if (!ret && late)
			ret = nnvme_fail(err, -ETIMEDOUT, "%s: a read was not answered within %d s",
					 c->ctrl->dev->name, TIMEOUT_MS / 1000);
		if (ret) {
			c->ctrl->dead = true;
			return ret;
		}
		nnvme_pause();
	}
}

/* @step: from one page's address to the next; 0: all the same. near[0] has the list, if any. */
static struct nnvme_target block_at(struct nnvme_canaries *c, uint64_t bus, uint64_t step)
{
	struct nnvme_target t = { .len = block_size(c), .prp = { .prp1 = bus } };
	uint64_t *list = (uint64_t *)(c->near[0].va + BLOCK_MAX);
	size_t pages = (t.len + PAGE - 1) / PAGE;

	for (size_t i = 1; i < pages; i++)
		list[i - 1] = bus + i * step;
	if (pages == 2)
		t.prp.prp2 = list[0];
	else if (pages > 2)
		t.prp.prp2 = c->near[0].iova + BLOCK_MAX;
	return t;
}

struct nnvme_target nnvme_canary_prp_data(struct nnvme_canaries *c, uint64_t bus)
{
	return block_at(c, bus, 0);
}

struct nnvme_target nnvme_canary_prp_list(struct nnvme_canaries *c, uint64_t bus)
{
	size_t len = block_size(c) > 2 * PAGE ? block_size(c) : 2 * PAGE;

	return (struct nnvme_target){
		.len = len, .prp = { .prp1 = c->near[0].iova + LIST_OFFSET, .prp2 = bus },
	};
}

/* Read a block to mapped memory and compare it with @expected, or, when that is NULL, just read. */
static int read_mapped(struct nnvme_canaries *c, struct nnvme_neighbour *n, const uint8_t *expected,
		       struct nnvme_err *err)
{
	uint16_t status;
	int ret;

	for (size_t i = 0; expected && i < block_size(c); i++)
		n->va[i] = (uint8_t)~expected[i];
	ret = nnvme_canary_read(c, block_at(c, n->iova, PAGE), &status, err);
	if (ret)
		return ret;
	if (status)
		return nnvme_fail(err, -EIO, "%s: reading the first block of namespace %u to "
				  "mapped memory failed: %s (status %#x)",
				  c->ctrl->dev->name, c->ns->nsid,
				  nnvme_status_text(status), status);
	if (expected && memcmp(n->va, expected, block_size(c)) != 0)
		return nnvme_fail(err, -EIO, "%s: a read to mapped memory did not arrive there; "
				  "nothing can be proven", c->ctrl->dev->name);
	return 0;
}

int nnvme_canary_neighbours(struct nnvme_canaries *c, struct nnvme_err *err)
{
	uint8_t block[BLOCK_MAX];
	int ret = read_mapped(c, &c->near[0], NULL, err);

	memcpy(block, c->near[0].va, block_size(c));
	ret = ret ? ret : read_mapped(c, &c->near[0], block, err);
	return ret ? ret : read_mapped(c, &c->near[1], block, err);
}

/*
 * A read to where a canary is mapped must change it; otherwise an unchanged canary would prove
 * nothing.
 */
static int prove_sight(struct nnvme_canaries *c, struct nnvme_err *err)
{
	for (int i = 0; i < 2; i++) {
		uint16_t status = 0;
		bool changed = false;
		int ret = nnvme_canary_fill(&c->canary[i], err);

		ret = ret ? ret : nnvme_canary_read(c, block_at(c, c->canary[i].iova, 0), &status,
						    err);
		ret = ret ? ret : nnvme_canary_check(&c->canary[i], &changed, err);
		if (ret)
			return ret;
		if (status || !changed)
			return nnvme_fail(err, -EIO, "%s: a read to a page that is mapped did not "
					  "change it (status %#x); nothing can be proven",
					  c->ctrl->dev->name, status);
	}
	return 0;
}

static uint8_t *memory_of(const struct nnvme_canaries *c, int which, size_t *len)
{
	uint8_t *near = c->memory + (CANDIDATES + 1) * PAGE;

	*len = which == NEAR_0 || which == NEAR_1 ? NEAR : PAGE;
	return which == NEAR_0 ? near : which == NEAR_1 ? near + NEAR :
	       which == PIN_0 ? c->canary[0].va : c->canary[1].va;
}

static int map(struct nnvme_canaries *c, int which, struct nnvme_err *err)
{
	struct nnvme_device *dev = c->ctrl->dev;
	size_t len;
	void *va = memory_of(c, which, &len);

	return dev->ops->map(dev, va, len, &c->mapped[which], err);
}

static int unmap(struct nnvme_canaries *c, int which)
{
	struct nnvme_device *dev = c->ctrl->dev;
	uint64_t iova = c->mapped[which];
	size_t len;

	memory_of(c, which, &len);
	c->mapped[which] = 0;
	return iova ? dev->ops->unmap(dev, iova, len) : 0;
}

/* Is any of the page at @bus mapped for the controller? */
static bool is_mapped(const struct nnvme_canaries *c, uint64_t bus)
{
	for (int i = 0; i < 5; i++) {
		size_t len;

		memory_of(c, i, &len);
		if (c->mapped[i] && c->mapped[i] < bus + PAGE && bus < c->mapped[i] + len)
			return true;
	}
	return nnvme_space_maps(c->ctrl->space, bus, PAGE);
}

/*
 * The first canary: a page whose physical address is not a mapped bus address. It is pinned before
 * its address is read, and the mapping that pins it must not be at that address either.
 */
static int choose_first(struct nnvme_canaries *c, struct nnvme_err *err)
{
	for (int i = 0; i < CANDIDATES; i++) {
		int ret;

		c->canary[0].va = c->memory + i * PAGE;
		ret = map(c, PIN_0, err);
		c->canary[0].iova = c->mapped[PIN_0];
		ret = ret ? ret : nnvme_physical(c->canary[0].va, &c->canary[0].phys, err);
		if (ret || !is_mapped(c, c->canary[0].phys))
			return ret;
		unmap(c, PIN_0);
	}
	return nnvme_fail(err, -EAGAIN, "%s: the physical addresses of all pages tried are mapped "
			  "bus addresses too; try again", c->ctrl->dev->name);
}

static int map_all(struct nnvme_canaries *c, struct nnvme_err *err)
{
	int ret = map(c, NEAR_0, err);

	ret = ret ? ret : map(c, GONE, err);
	ret = ret ? ret : map(c, NEAR_1, err);
	ret = ret ? ret : map(c, PIN_1, err);
	ret = ret ? ret : nnvme_physical(c->canary[1].va, &c->canary[1].phys, err);
	ret = ret ? ret : choose_first(c, err);
	c->near[0].iova = c->mapped[NEAR_0];
	c->near[1].iova = c->mapped[NEAR_1];
	c->canary[1].iova = c->mapped[PIN_1];
	return ret;
}

/* Let the controller use it until now, so that its caches and the IOMMU's hold the translation. */
static int let_go(struct nnvme_canaries *c, struct nnvme_err *err)
{
	uint64_t gone = c->mapped[GONE];
	uint16_t status;
	int ret = nnvme_canary_read(c, block_at(c, gone, 0), &status, err);

	if (ret)
		return ret;
	ret = status ? -EIO : unmap(c, GONE);
	if (ret)
		return nnvme_fail(err, ret, "%s: cannot unmap a page that was read to "
				  "(status %#x): %s", c->ctrl->dev->name, status, strerror(-ret));
	c->gone = gone;
	return is_mapped(c, gone) ? nnvme_fail(err, -EIO, "%s: bus address 0x%llx is mapped twice",
					       c->ctrl->dev->name, (unsigned long long)gone) : 0;
}

static int set_up(struct nnvme_canaries *c, struct nnvme_err *err)
{
	c->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (c->memory == MAP_FAILED) {
		c->memory = NULL;
		return nnvme_fail(err, -ENOMEM, "no memory for canaries");
	}
	memset(c->memory, 0, MEMORY);
	c->canary[1].va = c->memory + CANDIDATES * PAGE;
	c->near[0].va = c->memory + (CANDIDATES + 1) * PAGE;
	c->near[1].va = c->near[0].va + NEAR;
	if (mlock(c->memory, MEMORY))
		return nnvme_fail(err, -errno, "cannot lock %zu KiB of memory: %s; raise "
				  "RLIMIT_MEMLOCK (ulimit -l unlimited)", MEMORY / 1024,
				  strerror(errno));
	return map_all(c, err);
}

int nnvme_canaries_create(struct nnvme_ctrl *ctrl, struct nnvme_qpair *qp,
			  const struct nnvme_ns *ns, struct nnvme_canaries **canaries,
			  struct nnvme_err *err)
{
	struct nnvme_canaries *c = calloc(1, sizeof(*c));
	int ret;

	*canaries = c;
	if (!c)
		return nnvme_fail(err, -ENOMEM, "no memory for canaries");
	c->ctrl = ctrl;
	c->qp = qp;
	c->ns = ns;
	if (nnvme_canary_prp_list(c, 0).len >> ns->block_shift > ns->blocks)
		return nnvme_fail(err, -ENODEV, "%s: namespace %u is too small", ctrl->dev->name,
				  ns->nsid);
	ret = set_up(c, err);
	ret = ret ? ret : nnvme_canary_neighbours(c, err);
	ret = ret ? ret : prove_sight(c, err);
	return ret ? ret : let_go(c, err);
}

void nnvme_canaries_destroy(struct nnvme_canaries *c)
{
	bool stopped = true;

	if (!c)
		return;
	/* Only a dead controller can still have a command: it has to be stopped first. */
	nnvme_lock(&c->ctrl->lock);
	if (c->ctrl->dead)
		stopped = nnvme_stop(c->ctrl);
	nnvme_unlock(&c->ctrl->lock);
	if (stopped) {
		for (int i = 0; i < 5; i++)
			unmap(c, i);
		if (c->memory)
			munmap(c->memory, MEMORY);
	}
	free(c);
}
