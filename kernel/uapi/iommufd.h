/* SPDX-License-Identifier: MIT */
#ifndef NNVME_UAPI_IOMMUFD_H
#define NNVME_UAPI_IOMMUFD_H

/*
 * The ioctls of /dev/iommu, in Linux since 6.2 where nothing else is said. Older distributions
 * have no <linux/iommufd.h>; names of our own, so that a newer one beside this is no conflict.
 * Layouts are the kernel's ABI: include/uapi/linux/iommufd.h. Every struct starts with its own
 * size; what isn't explained is 0.
 */

#include <linux/ioctl.h>
#include <stdint.h>

#define NNVME_IOMMUFD_IO(nr) _IO(';', nr)

/* Destroy any object by its ID. -EBUSY while something uses it. */
struct nnvme_uapi_destroy {
	uint32_t size;
	uint32_t id;
};
_Static_assert(sizeof(struct nnvme_uapi_destroy) == 8, "the kernel's ABI");
#define NNVME_IOMMU_DESTROY NNVME_IOMMUFD_IO(0x80)

/* Make an I/O address space. */
struct nnvme_uapi_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_alloc) == 12, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_ALLOC NNVME_IOMMUFD_IO(0x81)

/* Map what is mapped in another address space of the same iommufd. */
struct nnvme_uapi_ioas_copy {
	uint32_t size;
	uint32_t flags;		/* as those of map */
	uint32_t dst_ioas_id;
	uint32_t src_ioas_id;
	uint64_t length;
	uint64_t dst_iova;
	uint64_t src_iova;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_copy) == 40, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_COPY NNVME_IOMMUFD_IO(0x83)

struct nnvme_uapi_iova_range {
	uint64_t start;
	uint64_t last;		/* inclusive */
};
_Static_assert(sizeof(struct nnvme_uapi_iova_range) == 16, "the kernel's ABI");

/* Confine the IOVAs that the kernel chooses by itself to these ranges. */
struct nnvme_uapi_ioas_allow_iovas {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas;	/* pointer to nnvme_uapi_iova_range[num_iovas] */
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_allow_iovas) == 24, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_ALLOW_IOVAS NNVME_IOMMUFD_IO(0x82)

/*
 * The usable IOVAs; attaching a device narrows them. -EMSGSIZE with the true number in num_iovas
 * when the array is too short.
 */
struct nnvme_uapi_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas;	/* pointer to nnvme_uapi_iova_range[num_iovas] */
	uint64_t out_iova_alignment;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_iova_ranges) == 32, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_IOVA_RANGES NNVME_IOMMUFD_IO(0x84)

#define NNVME_IOAS_MAP_FIXED_IOVA (1u << 0)	/* iova is an input too */
#define NNVME_IOAS_MAP_WRITEABLE (1u << 1)
#define NNVME_IOAS_MAP_READABLE (1u << 2)

/* Map memory of the calling process; it is pinned while a device is attached. */
struct nnvme_uapi_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_map) == 40, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_MAP NNVME_IOMMUFD_IO(0x85)

/* The same for a memfd, without a mapping in the process. Since 6.13. */
struct nnvme_uapi_ioas_map_file {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	int32_t fd;
	uint64_t start;
	uint64_t length;
	uint64_t iova;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_map_file) == 40, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_MAP_FILE NNVME_IOMMUFD_IO(0x8f)

/* Unmap whole mappings inside [iova, iova + length); length returns the bytes unmapped. */
struct nnvme_uapi_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_unmap) == 24, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_UNMAP NNVME_IOMMUFD_IO(0x86)

#define NNVME_OPTION_HUGE_PAGES 1	/* 0: map page by page, so that parts can be unmapped */
#define NNVME_OPTION_SET 0
#define NNVME_OPTION_GET 1

/* Set or get an option of an address space. */
struct nnvme_uapi_option {
	uint32_t size;
	uint32_t option_id;
	uint16_t op;
	uint16_t reserved;
	uint32_t object_id;
	uint64_t val64;
};
_Static_assert(sizeof(struct nnvme_uapi_option) == 24, "the kernel's ABI");
#define NNVME_IOMMU_OPTION NNVME_IOMMUFD_IO(0x87)

/* Which address space VFIO's container calls mean, when they are made on an iommufd. */
#define NNVME_VFIO_IOAS_SET 1
struct nnvme_uapi_vfio_ioas {
	uint32_t size;
	uint32_t ioas_id;
	uint16_t op;
	uint16_t reserved;
};
_Static_assert(sizeof(struct nnvme_uapi_vfio_ioas) == 12, "the kernel's ABI");
#define NNVME_IOMMU_VFIO_IOAS NNVME_IOMMUFD_IO(0x88)

/* Make a page table for a device by hand; attaching an IOAS makes one by itself. */
struct nnvme_uapi_hwpt_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pt_id;		/* the IOAS */
	uint32_t out_hwpt_id;
	uint32_t reserved;
	uint32_t data_type;
	uint32_t data_len;
	uint64_t data_uptr;
};
_Static_assert(sizeof(struct nnvme_uapi_hwpt_alloc) == 40, "the kernel's ABI");
#define NNVME_IOMMU_HWPT_ALLOC NNVME_IOMMUFD_IO(0x89)

/* What IOMMU is behind a device. -EOPNOTSUPP without one. Since 6.6. */
struct nnvme_uapi_get_hw_info {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t data_len;
	uint64_t data_uptr;
	uint32_t out_data_type;
	uint32_t reserved;
	uint64_t out_capabilities;
};
_Static_assert(sizeof(struct nnvme_uapi_get_hw_info) == 40, "the kernel's ABI");
#define NNVME_IOMMU_GET_HW_INFO NNVME_IOMMUFD_IO(0x8a)

/*
 * The physical address behind an IOVA of an address space that a noiommu device is attached to,
 * and how many bytes from there are contiguous. Since 7.3; the series before the merge, up to its
 * V4, called the same command and layout IOMMU_IOAS_GET_PA. Errors in the order in which they are
 * looked for: -EOPNOTSUPP a kernel without CONFIG_VFIO_NOIOMMU; -EPERM without CAP_SYS_RAWIO;
 * -EOPNOTSUPP flags or reserved set; -EINVAL length 0; -EOVERFLOW an IOVA of 2^64 - 1; -ENOENT no
 * such address space, or nothing mapped there; -EOPNOTSUPP no noiommu device has it.
 */
struct nnvme_uapi_ioas_noiommu_get_pa {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t iova;
	uint64_t length;	/* in: bytes wanted, not 0; out: contiguous ones, at most that */
	uint64_t out_phys;
};
_Static_assert(sizeof(struct nnvme_uapi_ioas_noiommu_get_pa) == 40, "the kernel's ABI");
#define NNVME_IOMMU_IOAS_NOIOMMU_GET_PA NNVME_IOMMUFD_IO(0x95)

#endif
