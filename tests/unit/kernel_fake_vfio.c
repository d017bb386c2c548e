// SPDX-License-Identifier: MIT
#include "kernel_fake_vfio.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <string.h>

#include "kernel/uapi/iommufd.h"
#include "kernel/uapi/vfio_cdev.h"
#include "kernel_fake.h"

#define CONFIG_OFFSET 0x70000000000ull
#define COMMAND (CONFIG_OFFSET + 4)
#define IOAS 7
#define RANGES 3

static struct {
	uint64_t iova, len, va;
} mapping[8];
static int bound_fd = -1;	/* -1 also when a test says that somebody has it */
static uint32_t compat_ioas;

/*
 * What the IOMMU can map: less than iommufd begins with, with a hole and a tiny range at the end.
 */
static const struct nnvme_uapi_iova_range ranges[RANGES] = {
	{ 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff }, { 0xfffffffff000, 0xffffffffffff },
};

static bool is_iommufd(const char *path)
{
	return !strcmp(path, "/dev/iommu");
}

static int do_bind(int fd, const struct nnvme_uapi_vfio_bind *arg)
{
	assert_int_equal(arg->argsz, sizeof(*arg));
	assert_true(arg->iommufd >= 0);
	if (fake.bound)
		return -EINVAL;	/* as Linux says to the second opener */
	fake.bound = true;
	bound_fd = fd;
	return 0;
}

static int do_attach(const struct nnvme_uapi_vfio_attach *arg)
{
	assert_true(fake.bound && !fake.attached);
	assert_int_equal(arg->pt_id, IOAS);
	compat_ioas = 0;
	fake.attached = true;
	return 0;
}

static int do_region(struct vfio_region_info *arg)
{
	if (arg->index == VFIO_PCI_BAR0_REGION_INDEX) {
		arg->size = fake.bar_size;
		arg->offset = 0;
		arg->flags = fake.bar_flags;
		return 0;
	}
	assert_int_equal(arg->index, VFIO_PCI_CONFIG_REGION_INDEX);
	arg->size = 4096;
	arg->offset = CONFIG_OFFSET;
	arg->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

static int do_map(struct nnvme_uapi_ioas_map *arg)
{
	assert_int_equal(arg->size, sizeof(*arg));
	assert_true(fake.attached);	/* before that nothing would be pinned */
	assert_int_equal(arg->ioas_id, IOAS);
	for (int i = 0; i < 8; i++) {
		if (mapping[i].len)
			continue;
		mapping[i].iova = fake.zero_iova ? 0 : fake.iova ? fake.iova :
				  0x1000 + 0x10000000ull * (unsigned)i;
		mapping[i].len = arg->length;
		mapping[i].va = arg->user_va;
		arg->iova = mapping[i].iova;
		fake.mappings++;
		return 0;
	}
	return -ENOMEM;
}

static int do_unmap(struct nnvme_uapi_ioas_unmap *arg)
{
	for (int i = 0; i < 8; i++)
		if (mapping[i].len == arg->length && mapping[i].iova == arg->iova) {
			mapping[i].len = 0;
			fake.mappings--;
			return 0;
		}
	return -ENOENT;
}

static int do_get_pa(struct nnvme_uapi_ioas_noiommu_get_pa *arg)
{
	assert_int_equal(arg->size, sizeof(*arg));
	if (fake.caps_missing == CAP_SYS_RAWIO)
		return -EPERM;
	if (arg->flags)
		return -EOPNOTSUPP;
	if (!arg->length)
		return -EINVAL;
	fake.get_pa_wanted = arg->length;
	for (int i = 0; i < 8; i++)
		if (arg->iova >= mapping[i].iova && arg->iova < mapping[i].iova + mapping[i].len) {
			arg->out_phys = fake.pa_xor == UINT64_MAX ? 0 :
					(0x100000000ull + arg->iova) ^ fake.pa_xor;
			arg->length = fake.pa_run;
			return 0;
		}
	return -ENOENT;
}

static int do_ranges(struct nnvme_uapi_ioas_iova_ranges *arg)
{
	uint32_t room = arg->num_iovas;

	assert_int_equal(arg->size, sizeof(*arg));
	assert_int_equal(arg->ioas_id, IOAS);
	assert_true(fake.attached);	/* before that they are wider */
	arg->num_iovas = fake.many_ranges ? fake.many_ranges : fake.no_ranges ? 0 : RANGES;
	arg->out_iova_alignment = fake.iova_alignment;
	for (uint32_t i = 0; i < room && i < arg->num_iovas; i++)
		((struct nnvme_uapi_iova_range *)(uintptr_t)arg->allowed_iovas)[i] = i < RANGES ?
			ranges[i] : (struct nnvme_uapi_iova_range){ 1ull << 50, 1ull << 50 };
	return room < arg->num_iovas ? -EMSGSIZE : 0;
}

static int do_vfio_ioas(const struct nnvme_uapi_vfio_ioas *arg)
{
	assert_int_equal(arg->size, sizeof(*arg));
	assert_int_equal(arg->op, NNVME_VFIO_IOAS_SET);
	compat_ioas = arg->ioas_id;
	return 0;
}

static int iommufd_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case NNVME_IOMMU_IOAS_ALLOC:
		fake.ioas++;
		((struct nnvme_uapi_ioas_alloc *)arg)->out_ioas_id = IOAS;
		return 0;
	case NNVME_IOMMU_DESTROY:
		assert_int_equal(((struct nnvme_uapi_destroy *)arg)->id, IOAS);
		if (fake.attached) {
			assert_true(fake.injected);	/* only if detaching was made to fail */
			return -EBUSY;
		}
		fake.ioas--;
		fake.destroyed++;
		return 0;
	case NNVME_IOMMU_IOAS_MAP:
		return do_map(arg);
	case NNVME_IOMMU_IOAS_UNMAP:
		return do_unmap(arg);
	case NNVME_IOMMU_IOAS_NOIOMMU_GET_PA:
		return do_get_pa(arg);
	case NNVME_IOMMU_IOAS_IOVA_RANGES:
		return do_ranges(arg);
	case NNVME_IOMMU_VFIO_IOAS:
		return do_vfio_ioas(arg);
	case VFIO_CHECK_EXTENSION:
		assert_int_equal((uintptr_t)arg, VFIO_DMA_CC_IOMMU);
		assert_int_equal(compat_ioas, IOAS);
		return fake.enforced;
	}
	return -ENOTTY;
}

/* --- the container and the group in it --- */

/* As Linux lays it out: another capability first, then the one with the ranges. */
static int type1_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_dma_avail avail = {
		.header = { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, sizeof(*info) + sizeof(avail) },
		.avail = 65535,
	};
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 },
		.nr_iovas = fake.no_ranges ? 0 : RANGES,
	};
	uint32_t need = sizeof(*info) + sizeof(avail) + sizeof(cap) + sizeof(ranges),
		 had = info->argsz;
	char *to = (char *)info;

	assert_true(fake.attached);
	if (fake.info_cut)
		cap.nr_iovas = 1000;
	info->flags = VFIO_IOMMU_INFO_PGSIZES;
	info->iova_pgsizes = 0x40000000 | 0x200000 |
			     (fake.iova_alignment ? fake.iova_alignment : 4096);
	info->argsz = need;
	info->cap_offset = 0;
	if (fake.no_capabilities)
		return 0;
	info->flags |= VFIO_IOMMU_INFO_CAPS;
	if (had < need)
		return 0;
	info->cap_offset = sizeof(*info);
	memcpy(to + sizeof(*info), &avail, sizeof(avail));
	memcpy(to + avail.header.next, &cap, sizeof(cap));
	memcpy(to + avail.header.next + sizeof(cap), ranges, sizeof(ranges));
	return 0;
}

static int type1_map(const struct vfio_iommu_type1_dma_map *arg)
{
	assert_int_equal(arg->argsz, sizeof(*arg));
	assert_int_equal(arg->flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	for (int i = 0; i < 8; i++)
		if (mapping[i].len && arg->iova < mapping[i].iova + mapping[i].len &&
		    mapping[i].iova < arg->iova + arg->size)
			return -EEXIST;
	for (int i = 0; i < RANGES; i++)	/* within one of them */
		if (arg->iova >= ranges[i].start && arg->iova + arg->size - 1 <= ranges[i].last)
			goto good;
	return -EINVAL;
good:
	for (int i = 0; i < 8; i++) {
		if (mapping[i].len)
			continue;
		mapping[i].iova = arg->iova;
		mapping[i].len = arg->size;
		mapping[i].va = arg->vaddr;
		fake.mappings++;
		return 0;
	}
	return -ENOSPC;
}

static int type1_unmap(struct vfio_iommu_type1_dma_unmap *arg)
{
	uint64_t len = arg->size;

	arg->size = 0;		/* nothing there is no failure */
	for (int i = 0; i < 8; i++)
		if (mapping[i].len == len && mapping[i].iova == arg->iova) {
			mapping[i].len = 0;
			fake.mappings--;
			arg->size = len;
		}
	return 0;
}

static int container_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake.api_version;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU ? !fake.no_type1 :
		       (uintptr_t)arg == VFIO_DMA_CC_IOMMU ? fake.enforced : 0;
	case VFIO_SET_IOMMU:
		assert_int_equal((uintptr_t)arg, VFIO_TYPE1v2_IOMMU);
		assert_true(fake.bound && !fake.attached);
		fake.attached = true;
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return type1_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		return type1_map(arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return type1_unmap(arg);
	}
	return -ENOTTY;
}

static int group_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags =
			fake.not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		if (fake.bound)
			return -EBUSY;
		fake.bound = true;
		bound_fd = fd;
		return 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		fake.bound = fake.attached = false;
		fake.unset++;
		bound_fd = -1;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		assert_true(fake.attached);
		assert_string_equal(arg, FAKE_IOMMU);
		return fake_open_device();
	}
	return -ENOTTY;
}

static uint32_t vectors(uint32_t index)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX ? fake.msix :
	       index == VFIO_PCI_MSI_IRQ_INDEX ? fake.msi : 0;
}

static int irq_info(struct vfio_irq_info *arg)
{
	assert_int_equal(arg->argsz, sizeof(*arg));
	arg->count = vectors(arg->index);
	arg->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

/* As vfio_pci_set_irqs_ioctl() and vfio_msi_enable() in drivers/vfio/pci. */
static int set_irqs(const struct vfio_irq_set *arg)
{
	bool off = !arg->count;

	assert_int_equal(arg->flags, VFIO_IRQ_SET_ACTION_TRIGGER |
			 (off ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_EVENTFD));
	assert_int_equal(arg->argsz, sizeof(*arg) + arg->count * sizeof(int));
	if (arg->start || arg->count > vectors(arg->index))
		return -EINVAL;
	if (off) {
		assert_int_equal(arg->index, fake.irq_index);
		fake.irqs = 0;
		fake.irqs_off++;
		return 0;
	}
	if (fake.vectors_given && arg->count > fake.vectors_given)
		return (int)fake.vectors_given;
	assert_int_equal(fake.irqs, 0);
	fake.irq_index = arg->index;
	fake.irqs = arg->count;
	for (unsigned i = 0; i < arg->count && i < 8; i++)
		memcpy(&fake.irq_fd[i], arg->data + i * sizeof(int), sizeof(int));
	return 0;
}

static int device_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case NNVME_VFIO_DEVICE_BIND_IOMMUFD:
		return do_bind(fd, arg);
	case NNVME_VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return do_attach(arg);
	case NNVME_VFIO_DEVICE_DETACH_IOMMUFD_PT:
		fake.attached = false;
		return 0;
	case VFIO_DEVICE_GET_INFO:
		((struct vfio_device_info *)arg)->flags = VFIO_DEVICE_FLAGS_PCI;
		((struct vfio_device_info *)arg)->num_regions = VFIO_PCI_NUM_REGIONS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return do_region(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_RESET:
		fake.resets++;
		return 0;
	}
	return -ENOTTY;
}

int fake_vfio_ioctl(int fd, const char *path, unsigned long request, void *arg)
{
	if (is_iommufd(path))
		return iommufd_ioctl(request, arg);
	if (!strcmp(path, "/dev/vfio/vfio"))
		return container_ioctl(request, arg);
	if (!strcmp(path, "/dev/vfio/5"))
		return group_ioctl(fd, request, arg);
	assert_int_equal(strncmp(path, "/dev/vfio/devices/", 18), 0);
	return device_ioctl(fd, request, arg);
}

/* Closing takes down what hangs on a descriptor, as the kernel does. */
void fake_vfio_closed(int fd, const char *path)
{
	if (is_iommufd(path) || !strcmp(path, "/dev/vfio/vfio")) {
		fake.ioas = fake.mappings = 0;
		memset(mapping, 0, sizeof(mapping));
	} else if (fake.bound && fd == bound_fd) {
		fake.bound = fake.attached = false;
		bound_fd = -1;
	}
}

ssize_t fake_config_read(void *buf, size_t len, off_t offset)
{
	assert_int_equal(offset, COMMAND);
	assert_int_equal(len, sizeof(fake.command));
	/* VFIO answers for one bit itself: INTx Disable. */
	memcpy(buf, fake.gone ? &(uint16_t){ 0xfbff } : &fake.command, len);
	return (ssize_t)len;
}

ssize_t fake_config_write(const void *buf, size_t len, off_t offset)
{
	assert_int_equal(offset, COMMAND);
	assert_int_equal(len, sizeof(fake.command));
	if (!fake.deaf_config)
		memcpy(&fake.command, buf, len);
	return (ssize_t)len;
}
