// SPDX-License-Identifier: MIT
/*
 * Implements kernel/device.h. Every call first looks at the registers: a store made before the call
 * must have taken effect.
 */

#include <errno.h>
#include <string.h>

#include "model_private.h"

static struct model *enter(struct nnvme_device *dev)
{
	struct model *m = (struct model *)dev;	/* its first member */

	model_lock(m);
	model_look(m);
	return m;
}

static int map(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
	       struct nnvme_err *err)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_MAP);

	m->counts.map++;
	if (ret)
		nnvme_fail(err, ret, "model: map told to fail");
	else
		ret = model_map(m, va, len, iova, err);
	model_unlock(m);
	return ret;
}

static int unmap(struct nnvme_device *dev, uint64_t iova, size_t len)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_UNMAP);

	m->counts.unmap++;
	if (!ret)
		ret = model_unmap(m, iova, len);
	model_unlock(m);
	return ret;
}

static int bus_addr(struct nnvme_device *dev, uint64_t iova, size_t *len, nnvme_bus_t *bus,
		    struct nnvme_err *err)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_BUS_ADDR);

	m->counts.bus_addr++;
	if (!ret)
		ret = model_bus_addr(m, iova, len, &bus->v);
	if (ret)
		nnvme_fail(err, ret, "model: no bus address for iova 0x%llx, %zu bytes",
			   (unsigned long long)iova, *len);
	model_unlock(m);
	return ret;
}

static int dma_limits(struct nnvme_device *dev, struct nnvme_dma_limits *r, struct nnvme_err *err)
{
	struct model *m = enter(dev);

	*r = (struct nnvme_dma_limits){ .alignment = MODEL_PAGE };
	if (m->config.mode == NNVME_MODE_IOMMU)
		*r = (struct nnvme_dma_limits){
			.iova_ranges = &m->range, .nr_iova_ranges = 1, .alignment = MODEL_PAGE,
			.coherency_enforced = NNVME_HAVE,
			.interrupts_isolated = m->config.unsafe_interrupts ? NNVME_HAVE_UNKNOWN :
									     NNVME_HAVE,
		};
	model_unlock(m);
	return 0;
}

static int bus_master(struct nnvme_device *dev, bool on, struct nnvme_err *err)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_BUS_MASTER);

	m->counts.bus_master++;
	if (ret)
		nnvme_fail(err, ret, "model: bus mastering can't "
			   "be switched %s", on ? "on" : "off");
	else
		m->bus_master = on;
	model_unlock(m);
	return ret;
}

static int reset(struct nnvme_device *dev, struct nnvme_err *err)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_RESET);

	m->counts.reset++;
	if (ret) {
		nnvme_fail(err, ret, "model: reset failed");
	} else {
		/* VFIO keeps the command register, bus mastering included, across a reset */
		model_registers_reset(m);
		m->frozen = false;
	}
	model_unlock(m);
	return ret;
}

static unsigned vectors(struct nnvme_device *dev)
{
	return ((struct model *)dev)->config.vectors;
}

static int interrupts_on(struct nnvme_device *dev, const int *fds, unsigned *count,
			 struct nnvme_err *err)
{
	struct model *m = enter(dev);
	int ret = model_call_fails(m, MODEL_INTERRUPTS_ON);

	if (!ret)
		ret = model_interrupts_on(m, fds, count);
	if (ret)
		nnvme_fail(err, ret, "model: no interrupts");
	model_unlock(m);
	return ret;
}

/* Wrong order of death: the controller can still interrupt, and nobody listens. */
static void interrupts_off(struct nnvme_device *dev)
{
	struct model *m = enter(dev);

	if (m->vectors && model_live(m) && !NVME_CSTS_CFS(m->csts) && !m->frozen)
		model_violation(m, "interrupts switched off while the controller runs");
	model_interrupts_off(m);
	model_unlock(m);
}

/* VFIO resets the function and clears bus mastering when the last file is closed. */
static void close_device(struct nnvme_device *dev)
{
	struct model *m = enter(dev);

	m->counts.close++;
	if (m->vectors)
		model_violation(m, "closed with %u interrupts on", m->vectors);
	if (m->counts.mapped)
		model_violation(m, "closed with %llu bytes mapped",
				(unsigned long long)m->counts.mapped);
	m->bus_master = false;
	if (!m->vanished)
		model_registers_reset(m);
	m->open = false;
	model_unlock(m);
	if (!m->config.manual)
		model_stop(m);
}

const struct nnvme_device_ops model_ops = {
	.map = map,
	.unmap = unmap,
	.bus_addr = bus_addr,
	.dma_limits = dma_limits,
	.bus_master = bus_master,
	.reset = reset,
	.vectors = vectors,
	.interrupts_on = interrupts_on,
	.interrupts_off = interrupts_off,
	.close = close_device,
};
