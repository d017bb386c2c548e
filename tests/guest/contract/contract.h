/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_H
#define CONTRACT_H

/*
 * Tests of what this project needs of a kernel with a noiommu cdev, by raw ioctls: a failure here
 * is the kernel's, not the library's. The guest's environment names the devices; two have no IOMMU,
 * two are behind one. All four are bound to vfio-pci while the tests run.
 *
 * Calls return 0 or -errno, so that a test can ask for the exact errno. A test's child process
 * reports by its exit status: assertions belong to the parent.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "kernel/uapi/iommufd.h"
#include "kernel/uapi/vfio_cdev.h"

#define PAGE 4096ul
#define HUGE (2ul << 20)

/* The devices: [0] is a file-backed NVMe controller, [1] one without storage. */
extern const char *contract_noiommu[2];
extern const char *contract_iommu[2];
extern unsigned contract_kills;

int contract_test_access(void);
int contract_test_group(void);
int contract_test_get_pa(void);
int contract_test_attach(void);
int contract_test_iova(void);
int contract_test_map(void);
int contract_test_reset(void);
int contract_test_life(void);
int contract_test_stress(void);

/* fork(); a failed assertion ends the child, which would otherwise go on with the next test. */
pid_t contract_fork(void);
/* Runs @fn(@arg) in a child process; its exit status, or 128 and the signal. */
int contract_in_child(int (*fn)(void *), void *arg);

/* Teardown of every test: closes what it left open, so that one failure stays one. */
int contract_tidy(void **state);
#define CONTRACT_TEST(f) cmocka_unit_test_teardown(f, contract_tidy)

/* Drops capability @cap for good. */
int contract_drop_capability(int cap);

/* ---- differences.c: where Linux 7.3 and 6.12 with the series do not do the same, and why ---- */

enum contract_difference {
	NOIOMMU_TO_HW_HWPT,		/* a noiommu device to the page table of an IOMMU */
	HW_MOVED_TO_NOIOMMU_HWPT,	/* an attached device that has one to the other's */
	HW_MOVED_TO_NOIOMMU_IOAS,	/* or to an IOAS that a noiommu device uses */
	LATE_NOIOMMU_LOOK_UP,		/* GET_PA where a device with an IOMMU was before */
	FAULT_QUEUE_OF_NOIOMMU_HWPT,	/* a HWPT for a noiommu device, with a fault queue */
	LAST_IOVA,			/* that can be mapped for a noiommu device */
};
bool contract_upstream(void);
int64_t contract_expect(enum contract_difference d);

/* ---- pcidev.c: devices as sysfs shows them ---- */

/* Binds to @driver (NULL: to the driver that the kernel chooses). -ENXIO when none took it. */
int pcidev_bind(const char *bdf, const char *driver);
int pcidev_unbind(const char *bdf);
/* Removes the device from the bus until the next rescan. */
int pcidev_remove(const char *bdf);
int pcidev_rescan(void);
bool pcidev_is_bound(const char *bdf, const char *driver);

/* The entry under vfio-dev/ (vfioN or noiommu-vfioN); -ENOENT when there is none. */
int pcidev_vfio_name(const char *bdf, char name[64]);
bool pcidev_has_group(const char *bdf);
int pcidev_group_path(const char *bdf, char path[64]);	/* of its node in /dev/vfio */

uint32_t pcidev_config(const char *bdf, unsigned offset, unsigned bytes);
/* A register of BAR 0, read without VFIO, of a device that nobody has open. */
uint32_t pcidev_register(const char *bdf, unsigned offset);

void pcidev_noiommu_mode(bool on);
bool pcidev_containers(void);		/* does this kernel have the container interface? */

/* ---- session.c: a device opened and bound, and the ioctls on it ---- */

struct session {
	int cdev;
	int iommufd;
	uint32_t devid;
	uint32_t ioas;
};

int session_open_cdev(const char *bdf);
int session_bind(int cdev, int iommufd, uint32_t *devid);

/* Opens, binds, allocates an IOAS. Fails the test if that fails. */
void session_open(struct session *s, const char *bdf);
/* The same for another device on @with's iommufd and IOAS. */
void session_join(struct session *s, const char *bdf, const struct session *with);
void session_close(struct session *s);
int session_try_open(struct session *s, const char *bdf);	/* what a child uses: 0 or -errno */

int session_attach(const struct session *s, uint32_t *pt);
int session_detach(const struct session *s);

int iommufd_ioas(int iommufd, uint32_t *ioas);
int iommufd_hwpt(int iommufd, uint32_t devid, uint32_t ioas, uint32_t flags, uint32_t *hwpt);
/* The same with what only an IOMMU's driver understands. */
int iommufd_hwpt_with_data(int iommufd, uint32_t devid, uint32_t ioas, uint32_t type,
			   uint64_t data);
int iommufd_destroy(int iommufd, uint32_t id);
int iommufd_hw_info(int iommufd, uint32_t devid);
/* The usable IOVAs, which must be one range. */
int iommufd_iova_range(int iommufd, uint32_t ioas, struct nnvme_uapi_iova_range *range);
/* @iova: in, where to, or 0 for the kernel to choose; out, where. */
int iommufd_map(int iommufd, uint32_t ioas, const void *va, uint64_t length, uint64_t *iova);
/* The same for memory that the device may only read. */
int iommufd_map_readable(int iommufd, uint32_t ioas, const void *va, uint64_t length,
			 uint64_t *iova);
/* Maps in @to what is mapped in @from at @from_iova; @iova as in iommufd_map(). */
int iommufd_copy(int iommufd, uint32_t to, uint32_t from, uint64_t from_iova, uint64_t length,
		 uint64_t *iova);
int iommufd_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length);
/* The same by VFIO's compatible call, which may cut mappings if large pages are off. */
int iommufd_unmap_by_vfio(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length);
int iommufd_set_huge_pages(int iommufd, uint32_t ioas, bool on);
int iommufd_get_huge_pages(int iommufd, uint32_t ioas);	/* 0, 1 or -errno */
/* @length: in, the limit; out, the answer. */
int iommufd_get_pa(int iommufd, uint32_t ioas, uint64_t iova, uint64_t *length, uint64_t *phys);

/* ---- memory.c: memory, where it really is, and what the kernel counts ---- */

void *memory_get(size_t length);		/* 4 KiB pages, touched */
void *memory_get_huge(size_t length);		/* huge pages of 2 MiB, touched */
void memory_put(void *va, size_t length);
uint64_t memory_phys(const void *va);		/* by /proc/self/pagemap */
/* Bytes from @va on that are contiguous in physical memory, at most @length. */
uint64_t memory_contiguous(const void *va, uint64_t length);

int64_t memory_pinned(void);			/* pages pinned now, in the whole system */
uint64_t memory_info(const char *key);		/* of /proc/meminfo, in KiB or pages */
uint64_t memory_free(void);			/* KiB that nobody uses; huge pages count as free */
uint64_t memory_slab(void);			/* KiB of the kernel's small objects */

/*
 * Makes allocations of the calling task fail once it has made @bytes of them, until
 * memory_fails_never(). Needs a kernel with CONFIG_FAILSLAB (--debug-kernel).
 */
bool memory_can_fail(void);
void memory_fails_after(uint64_t bytes);
void memory_fails_never(void);

/* ---- nvme_min.c: just enough NVMe to keep a controller busy ---- */

/*
 * Enables the controller with an admin queue in @memory (16 KiB mapped at @iova) and has it execute
 * Identify into that memory without end. Calls @done after each completion. Returns only on an
 * error.
 */
int nvme_min_run(const struct session *s, void *memory, uint64_t iova, void (*done)(void *),
		 void *arg);

#endif
