// SPDX-License-Identifier: MIT
#include "kernel_fake_vfio.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "kernel/uapi/iommufd.h"
#include "kernel/uapi/vfio_cdev.h"
#include "kernel_fake.h"

#define CONFIG_OFFSET 0x70000000000ull
#define COMMAND (CONFIG_OFFSET + 4)
#define IOAS 7

static struct {
	uint64_t iova, len, va;
} mapping[8];
static int bound_fd = -1;	/* -1 too when a test says that somebody has it */

static bool is_iommufd(const char *path)
{
	return !strcmp(path, "/dev/iommu");
}

static int do_bind(int fd, const struct nnvme_uapi_vfio_bind *arg)
{
	assert_int_equal(arg->argsz, sizeof(*arg));
	assert_true(arg->iommufd >= 0);
	if (fake.bound)
		return EINVAL;	/* as Linux says to the second opener */
	fake.bound = true;
	bound_fd = fd;
	return 0;
}

static int do_attach(const struct nnvme_uapi_vfio_attach *arg)
{
	assert_true(fake.bound && !fake.attached);
	assert_int_equal(arg->pt_id, IOAS);
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
		mapping[i].iova = fake.zero_iova ? 0 : 0x1000 + 0x10000000ull * (unsigned)i;
		mapping[i].len = arg->length;
		mapping[i].va = arg->user_va;
		arg->iova = mapping[i].iova;
		fake.mappings++;
		return 0;
	}
	return ENOMEM;
}

static int do_unmap(struct nnvme_uapi_ioas_unmap *arg)
{
	for (int i = 0; i < 8; i++)
		if (mapping[i].len == arg->length && mapping[i].iova == arg->iova) {
			mapping[i].len = 0;
			fake.mappings--;
			return 0;
		}
	return ENOENT;
}

static int do_get_pa(struct nnvme_uapi_ioas_get_pa *arg)
{
	assert_int_equal(arg->size, sizeof(*arg));
	if (arg->flags)
		return EOPNOTSUPP;
	assert_int_not_equal(arg->length, 0);
	fake.get_pa_wanted = arg->length;
	for (int i = 0; i < 8; i++)
		if (arg->iova >= mapping[i].iova && arg->iova < mapping[i].iova + mapping[i].len) {
			arg->out_phys = fake.pa_xor == UINT64_MAX ? 0 :
					(0x100000000ull + arg->iova) ^ fake.pa_xor;
			arg->length = fake.pa_run;
			return 0;
		}
	return ENOENT;
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
			return EBUSY;
		}
		fake.ioas--;
		fake.destroyed++;
		return 0;
	case NNVME_IOMMU_IOAS_MAP:
		return do_map(arg);
	case NNVME_IOMMU_IOAS_UNMAP:
		return do_unmap(arg);
	case NNVME_IOMMU_IOAS_GET_PA:
		return do_get_pa(arg);
	}
	return ENOTTY;
}

int fake_vfio_ioctl(int fd, const char *path, unsigned long request, void *arg)
{
	if (is_iommufd(path))
		return iommufd_ioctl(request, arg);
	assert_int_equal(strncmp(path, "/dev/vfio/devices/", 18), 0);
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
	case VFIO_DEVICE_RESET:
		fake.resets++;
		return 0;
	}
	return ENOTTY;
}

/* Closing takes down what hangs on a descriptor, as the kernel does. */
void fake_vfio_closed(int fd, const char *path)
{
	if (is_iommufd(path)) {
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
	memcpy(buf, &fake.command, len);
	if (fake.gone)
		memset(buf, 0xff, len);
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
