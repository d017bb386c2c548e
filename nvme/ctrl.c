// SPDX-License-Identifier: MIT
#include "nvme/ctrl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sized.h"
#include "noiommu_nvme/pci.h"
#include "nvme/admin.h"
#include "nvme/buffer.h"
#include "nvme/identify.h"
#include "nvme/in_flight.h"
#include "nvme/io_queues.h"
#include "nvme/irq.h"
#include "nvme/log.h"
#include "nvme/qpair.h"
#include "nvme/registers.h"
#include "nvme/shadow.h"
#include "nvme/stop.h"

#define QUIRKS ((uint32_t)(NNVME_QUIRK_ALIGNED_LISTS | NNVME_QUIRK_CQ_DOORBELL_EACH_POLL))

static int choose_memory(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	switch (ctrl->opts.hugepages) {
	case NNVME_HUGEPAGES_OFF:
		ctrl->page_size = 0;
		return 0;
	case NNVME_HUGEPAGES_2M:
		ctrl->page_size = (size_t)2 << 20;
		return 0;
	case NNVME_HUGEPAGES_1G:
		ctrl->page_size = (size_t)1 << 30;
		return 0;
	case NNVME_HUGEPAGES_AUTO:
		break;
	}
	ctrl->page_size = nnvme_hugepage_smallest();
	if (!ctrl->page_size)
		return nnvme_fail(err, -ENOMEM, "this kernel has no huge pages; use hugepages=off");
	return 0;
}

static int create_space(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	int ret = choose_memory(ctrl, err);

	return ret ? ret : nnvme_space_create(ctrl->dev, ctrl->page_size, &ctrl->space, err);
}

static int enable(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	int ret = ctrl->dev->ops->bus_master(ctrl->dev, true, err);

	if (ret)
		return ret;
	ctrl->stopped = false;		/* from here on it may use our memory */
	return nnvme_admin_create(ctrl, err);
}

/* In this order. Each step is logged so that slow steps can be identified. */
static int bring_up(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	static const struct {
		const char *done;
		int (*step)(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
	} steps[] = {
		{ "capabilities read", nnvme_read_cap },
		{ "disabled", nnvme_take_over },	/* a former user may have left it running */
		{ "memory reserved", create_space },
		{ "enabled and ready", enable },
		{ "identified", nnvme_identify_all },
		{ "shadow doorbells set up", nnvme_shadow_create },
		{ "queues granted", nnvme_negotiate_queues },
		{ "interrupts set up", nnvme_irq_create },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int ret = steps[i].step(ctrl, err);

		if (ret)
			return ret;
		nnvme_log(ctrl, NNVME_LOG_DEBUG, "%s", steps[i].done);
	}
	return 0;
}

/*
 * Controllers that could neither be brought up nor stopped. The caller has no handle to close
 * them with, so the next attempt to open the same device closes them.
 */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nnvme_ctrl *kept;

static void keep(struct nnvme_ctrl *ctrl)
{
	ctrl->opts.log = NULL;		/* the log's listener may be gone */
	nnvme_lock(&kept_lock);
	ctrl->next = kept;
	kept = ctrl;
	nnvme_unlock(&kept_lock);
}

static void close_kept(const char *text)
{
	struct nnvme_ctrl **link = &kept, *next;
	char bdf[NNVME_BDF_SIZE];

	if (nnvme_bdf_parse(text, bdf, NULL))
		return;
	nnvme_lock(&kept_lock);
	while (*link) {
		next = (*link)->next;
		if (!strcmp((*link)->dev->name, bdf) && !nnvme_ctrl_close(*link))
			*link = next;
		else
			link = &(*link)->next;
	}
	nnvme_unlock(&kept_lock);
}

int nnvme_ctrl_open_device(struct nnvme_device *dev, const struct nnvme_options *opts,
			   struct nnvme_ctrl **out, struct nnvme_err *err)
{
	struct nnvme_ctrl *ctrl = calloc(1, sizeof(*ctrl));
	int ret;

	if (!ctrl) {
		dev->ops->close(dev);
		return nnvme_fail(err, -ENOMEM, "no memory for a controller");
	}
	ctrl->dev = dev;
	ctrl->stopped = true;
	ctrl->opts = *opts;
	pthread_mutex_init(&ctrl->lock, NULL);
	pthread_mutex_init(&ctrl->buffer_lock, NULL);
	nnvme_log(ctrl, NNVME_LOG_DEBUG, "device opened");
	ret = bring_up(ctrl, err);
	if (ret) {
		if (nnvme_ctrl_close(ctrl))
			keep(ctrl);
		return ret;
	}
	nnvme_log(ctrl, NNVME_LOG_INFO, "%s %s, firmware %s, %s; %zu namespaces, %u queue pairs, "
		  "%u KiB a command",
		  ctrl->model, ctrl->serial, ctrl->firmware, dev->mode_reason, ctrl->nr_ns,
		  ctrl->max_qpairs, ctrl->max_transfer >> 10);
	*out = ctrl;
	return 0;
}

/*
 * Constants may be added without a new layout, so a newer program may ask for something that this
 * library would take for something else.
 */
static int check_options(const struct nnvme_options *opts, struct nnvme_err *err)
{
	static const uint8_t none[sizeof(opts->reserved)];
	const struct {
		const char *name;
		uint32_t value;
		bool known;
	} field[] = {
		{ "mode", opts->mode, opts->mode <= NNVME_MODE_IOMMU },
		{ "hugepages", opts->hugepages, opts->hugepages <= NNVME_HUGEPAGES_1G },
		{ "quirks", opts->quirks, !(opts->quirks & ~QUIRKS) },
		{ "shadow_doorbells", opts->shadow_doorbells,
		  opts->shadow_doorbells <= NNVME_SHADOW_OFF },
		{ "reserved", opts->reserved[0], !memcmp(opts->reserved, none, sizeof(none)) },
	};

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		if (!field[i].known)
			return nnvme_fail(err, -E2BIG, "this library does not know %s %#x of "
					  "struct nnvme_options; "
					  "use a newer library, or set all that is not needed to 0",
					  field[i].name, field[i].value);
	return 0;
}

int nnvme_ctrl_open(const char *bdf, const struct nnvme_options *opts, struct nnvme_ctrl **ctrl,
		    struct nnvme_err *err)
{
	struct nnvme_options own;
	struct nnvme_device *dev;
	int ret = nnvme_sized_in("struct nnvme_options", &own, sizeof(own),
				 NNVME_SIZE_UP_TO(struct nnvme_options, log_arg), opts, err);

	ret = ret ? ret : check_options(&own, err);
	if (ret)
		return ret;
	close_kept(bdf);
	ret = nnvme_device_open(bdf, own.mode, &dev, err);
	return ret ? ret : nnvme_ctrl_open_device(dev, &own, ctrl, err);
}

/*
 * Delete the queues while the controller answers, shut it down, stop it. False: it may still
 * write to memory.
 */
static bool stop_in_order(struct nnvme_ctrl *ctrl)
{
	ctrl->unstoppable = false;	/* may work now, or the device is gone */
	for (uint32_t i = 0; i < ctrl->max_qpairs && ctrl->qpairs && !ctrl->dead; i++)
		if (ctrl->qpairs[i])
			nnvme_qpair_destroy_locked(ctrl->qpairs[i]);
	if (!ctrl->dead && !ctrl->stopped)
		nnvme_shut_down(ctrl);
	return nnvme_stop(ctrl);
}

/* Stop the device, then unmap, then free. */
int nnvme_ctrl_close(struct nnvme_ctrl *ctrl)
{
	bool stopped;

	if (!ctrl)
		return 0;
	nnvme_lock(&ctrl->lock);
	stopped = stop_in_order(ctrl);
	nnvme_unlock(&ctrl->lock);
	if (!stopped)
		return -EBUSY;
	for (uint32_t i = 0; i < ctrl->max_qpairs && ctrl->qpairs; i++)
		nnvme_qpair_free(ctrl->qpairs[i]);
	nnvme_irq_destroy(ctrl);
	nnvme_admin_destroy(ctrl);
	nnvme_buffers_destroy(ctrl);
	nnvme_space_destroy(ctrl->space);
	ctrl->dev->ops->close(ctrl->dev);
	pthread_mutex_destroy(&ctrl->lock);
	pthread_mutex_destroy(&ctrl->buffer_lock);
	free(ctrl->qpairs);
	free(ctrl->ns);
	free(ctrl);
	return 0;
}

int nnvme_ctrl_info(const struct nnvme_ctrl *ctrl, struct nnvme_ctrl_info *info)
{
	struct nnvme_ctrl_info now = {
		.mode = ctrl->dev->mode,
		.mode_reason = ctrl->dev->mode_reason,
		.bdf = ctrl->dev->name,
		.model = ctrl->model,
		.serial = ctrl->serial,
		.firmware = ctrl->firmware,
		.max_transfer = ctrl->max_transfer,
		.max_depth = nnvme_max_depth(ctrl),
		.max_qpairs = ctrl->max_qpairs,
		.shadow_doorbells = ctrl->shadow != NULL,
	};
	int ret = nnvme_sized_check("struct nnvme_ctrl_info", info->size,
				    NNVME_SIZE_UP_TO(struct nnvme_ctrl_info, bus_addr_calls), NULL);

	if (ret)
		return ret;
	nnvme_lock(&ctrl->space->lock);
	now.registered = ctrl->space->registered + ctrl->space->pool.bytes;
	now.bus_addr_calls = ctrl->space->pool.bus_addr_calls;
	nnvme_unlock(&ctrl->space->lock);
	for (size_t i = 0; i < ctrl->nr_ns; i++)
		now.namespaces += !ctrl->ns[i].refusal[0];
	nnvme_sized_out(info, info->size, &now, sizeof(now));
	return 0;
}

int nnvme_mem_register(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err)
{
	return nnvme_space_add(ctrl->space, va, len, err);
}

int nnvme_mem_unregister(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err)
{
	int ret;

	nnvme_lock(&ctrl->lock);
	if (ctrl->unstoppable)
		ret = nnvme_fail(err, -EBUSY, "%s could not be stopped and may still write to the "
				 "%#zx bytes at %#zx; keep them until nnvme_ctrl_close() succeeds",
				 ctrl->dev->name, len, (size_t)va);
	else
		ret = nnvme_space_remove(ctrl->space, va, len, nnvme_in_flight_to, ctrl, err);
	nnvme_unlock(&ctrl->lock);
	return ret;
}
