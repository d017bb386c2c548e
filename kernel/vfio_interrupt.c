// SPDX-License-Identifier: MIT
/*
 * A device's interrupts as eventfds (Linux, VFIO_DEVICE_SET_IRQS in include/uapi/linux/vfio.h):
 * MSI-X, or MSI where the device has no MSI-X. INTx is left out: it may be shared, and each
 * interrupt has to be unmasked by a call.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sys.h"
#include "kernel/vfio_private.h"

static uint32_t vectors_of(const struct nnvme_vfio *d, uint32_t index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	if (nnvme_sys_ioctl(d->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) ||
	    !(info.flags & VFIO_IRQ_INFO_EVENTFD))
		return 0;
	return info.count;
}

unsigned nnvme_vfio_vectors(struct nnvme_device *dev)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	uint32_t count = vectors_of(d, VFIO_PCI_MSIX_IRQ_INDEX);

	d->irq_index = VFIO_PCI_MSIX_IRQ_INDEX;
	if (!count) {
		count = vectors_of(d, VFIO_PCI_MSI_IRQ_INDEX);
		d->irq_index = VFIO_PCI_MSI_IRQ_INDEX;
	}
	/* MSI-X has 2048 at most (PCI Express Base, MSI-X Capability: Table Size). */
	return count < 2048 ? count : 2048;
}

/* Connect the first @count vectors to eventfds; 0: disconnect all. Returns the ioctl's result. */
static int set(const struct nnvme_vfio *d, const int *fds, unsigned count)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*fds);
	struct vfio_irq_set *arg = calloc(1, size);
	int rc;

	if (!arg)
		return -ENOMEM;
	arg->argsz = (uint32_t)size;
	arg->index = d->irq_index;
	arg->count = count;
	arg->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		     (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	if (count)
		memcpy(arg->data, fds, count * sizeof(*fds));
	rc = nnvme_sys_ioctl(d->fd, VFIO_DEVICE_SET_IRQS, arg);
	free(arg);
	return rc;
}

int nnvme_vfio_interrupts_on(struct nnvme_device *dev, const int *fds, unsigned *count,
			     struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	unsigned has = nnvme_vfio_vectors(dev);
	int rc;

	if (!has || !*count)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has neither MSI-X nor MSI: it can "
				  "only be polled", dev->name);
	if (*count > has)
		*count = has;
	rc = set(d, fds, *count);
	if (rc > 0 && (unsigned)rc < *count) {
		/* It had no more, and took none of them (vfio_msi_enable() in drivers/vfio/pci). */
		*count = (unsigned)rc;
		rc = set(d, fds, *count);
	}
	d->interrupting = !rc;
	if (!rc)
		return 0;
	rc = rc > 0 ? -ENOSPC : rc;
	return nnvme_fail(err, rc, "cannot switch on %u interrupts of %s: %s", *count, dev->name,
			  strerror(-rc));
}

void nnvme_vfio_interrupts_off(struct nnvme_device *dev)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	if (d->interrupting)
		set(d, NULL, 0);
	d->interrupting = false;
}
