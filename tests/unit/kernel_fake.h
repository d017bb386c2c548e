/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_KERNEL_FAKE_H
#define NNVME_TESTS_KERNEL_FAKE_H

/*
 * A fake Linux for the tests of kernel/: a tree of sysfs, procfs and device nodes in a temporary
 * directory, and system calls that work on it, do what the kernel does behind those that have
 * effects (bind, unbind, the ioctls), count what is open, and fail when told to.
 *
 * The tree begins as a machine with two controllers, one without an IOMMU, FAKE_NOIOMMU, and one
 * behind one, FAKE_IOMMU, both with the driver nvme and a namespace, and a network card,
 * FAKE_OTHER.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "noiommu_nvme/err.h"

#define FAKE_NOIOMMU "0000:41:00.0"
#define FAKE_IOMMU "0000:00:10.0"
#define FAKE_OTHER "0000:00:02.0"
#define FAKE_DIED 9	/* exit status */

/* The kernel's properties, and what it was asked; reset by fake_setup(). */
struct fake {
	/* The kernel. */
	bool no_cdev;		/* VFIO makes no device nodes */
	bool no_noiommu_cdev;	/* ... none for devices without an IOMMU */
	bool vfio_refuses;	/* vfio-pci's probe fails */
	const char *refuses;	/* this driver refuses devices */
	const char *refuses_type;	/* no driver takes it under this type ("DMA\n") */
	bool deaf_config;	/* writes to the command register have no effect */
	bool gone;		/* configuration space does not answer */
	bool zero_iova;		/* the first mapping lands at IOVA 0 */
	int caps_missing;	/* the missing capability; -1: none */
	uint64_t memlock;
	long page_size;
	uint64_t bar_size;
	uint32_t bar_flags;
	uint64_t pa_run;	/* what GET_PA reports as contiguous; 0 is possible */
	uint64_t pa_xor;	/* changes GET_PA's address; UINT64_MAX: address 0 */
	uint64_t iova;		/* where iommufd maps next; 0: anywhere sensible */
	uint64_t iova_alignment;	/* smallest page of the IOMMU */
	bool no_ranges;		/* the IOMMU can map nothing */
	uint32_t many_ranges;	/* number of ranges; 0: the usual three */
	int enforced;		/* the IOMMU enforces coherency */
	int api_version;	/* of the container */
	bool no_type1;		/* ... which has no such driver */
	bool not_viable;	/* the group has devices that aren't VFIO's */
	bool no_capabilities;	/* type1 of before Linux 5.4 */
	bool info_cut;		/* type1 reports more ranges than it sends */
	int type_errno;		/* writes of a group's type fail with this */
	const char *type_gives;	/* the type that results, whatever was written */
	const char *auto_gives;	/* the type that "auto" gives */
	uint32_t msix, msi;	/* interrupt vectors that the device has */
	uint32_t vectors_given;	/* of them the kernel has no more to give; 0: all */
	int slow_disks;		/* pauses until a driver's disks are there */
	unsigned long fail_ioctl;	/* this ioctl fails with fail_errno */
	int fail_errno;
	const char *fail_open;	/* opening a path that ends like this fails with open_errno */
	int open_errno;
	int open_before;	/* it succeeds so many times before */
	const char *fail_scandir;	/* so does listing a directory that ends like this */
	int until_pause;	/* at this pause ... */
	const char *at_pause;	/* ... this goes out of the tree */

	/* What has happened. */
	long calls;		/* system calls so far */
	long fail_at;		/* this one of them fails with EIO; 0: none */
	long injected;		/* those that did */
	long die_at;		/* the process ends with FAKE_DIED before this one; 0: it doesn't */
	long pauses;		/* so far */
	long type_writes;	/* so far */
	int fds, maps;		/* open now */
	int exclusive;		/* opened with O_EXCL so far */
	int destroyed;		/* IOASes destroyed by a call, not by closing the iommufd */
	int unset;		/* groups taken out of their container by a call */
	bool bound, attached;
	int ioas;		/* alive now */
	int mappings;		/* alive now */
	uint64_t get_pa_wanted;	/* length of the last GET_PA */
	int resets;
	uint32_t irq_index, irqs;	/* interrupts on now: of which kind and how many */
	int irq_fd[8];		/* the first ones' eventfds */
	int irqs_off;		/* calls that switched them off */
	uint16_t command;	/* PCI command register */
	char ran[64];		/* what was run */
	bool run_loads;		/* modprobe makes the driver appear */
	bool no_modprobe;	/* there is none to run */
	uint64_t loop_number;	/* of what /dev/loop0 lies on, as the kernel has it */
	bool own_files;		/* threads have descriptors of their own */
	void (*at_unbind)(void);	/* called when a device has just lost its driver ... */
	void (*at_probe)(void);		/* ... or got one */
};
extern struct fake fake;

int fake_setup(void **state);
int fake_teardown(void **state);

/* Change the tree; paths are those of the kernel. Directories are created as needed. */
void fake_file(const char *text, const char *path_fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_link(const char *target, const char *path_fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_remove(const char *path_fmt, ...) __attribute__((format(printf, 1, 2)));

/* Begin again with the same kernel: a fresh tree, nothing counted. */
void fake_rebuild(void);

/* A PCI device with its driver ("": none); or one in the group of FAKE_IOMMU. */
void fake_pci_device(const char *bdf, const char *class, const char *driver);
void fake_group_add(const char *bdf);

/*
 * A node of a device: a file whose text is "b 259:0" or "c 250:1". A link in /proc/PID/fd or
 * map_files leads to its target in this tree, or to a file of no interest.
 */
void fake_node(const char *type, const char *number, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A disk in /sys/class/block and /dev, on a controller or (NULL) on none. */
void fake_disk(const char *bdf, const char *name, const char *number);
void fake_partition(const char *disk, const char *name, const char *number);

/* The device's driver now, "" for none; a file's text; static storage each. */
const char *fake_driver(const char *bdf);
const char *fake_text(const char *path_fmt, ...) __attribute__((format(printf, 1, 2)));

/* Let vfio-pci have the device, as if bound long ago. */
void fake_bind_vfio(const char *bdf);

/* The group nodes that VFIO has beside (or instead of) those of devices. */
void fake_groups(void);

/* Nothing is open, mapped, bound, attached or allocated. */
void fake_assert_clean(void);

/* @rc is failure @code; the text contains @words (NULL: any), and is one line. */
void fake_assert_err(int rc, int code, const struct nnvme_err *err, const char *words);

#endif
