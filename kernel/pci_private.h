/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_PRIVATE_H
#define NNVME_KERNEL_PCI_PRIVATE_H

/* What the pci_*.c files and the VFIO device share. Private to the library; not installed. */

#include "kernel/openers.h"
#include "noiommu_nvme/pci.h"

#define NNVME_PCI_DEVICES "/sys/bus/pci/devices"
#define NNVME_BLOCKS "/sys/class/block"
#define NNVME_NOIOMMU_SWITCH "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* Names of block devices, as in /sys/class/block. */
#define NNVME_BLOCK_NAME 32

/* The namespaces' disks of a controller that the nvme driver has; free() *names. Their number. */
int nnvme_pci_disks(const char *bdf, char (**names)[NNVME_BLOCK_NAME]);

/* The size of a block device in bytes; 0 when it can't be told. */
uint64_t nnvme_block_size(const char *name);

/* Every node by which a program can have it; nnvme_nodes_free(). */
int nnvme_pci_nodes(const struct nnvme_pci_info *info, struct nnvme_nodes *nodes);

/* A controller that nobody uses: its disks are open exclusively, so that nobody can begin to. */
struct nnvme_pci_claim {
	struct nnvme_nodes nodes;
	int *fds;
	int count;
};

/* 0, and nnvme_pci_release() gives it back; -EBUSY like nnvme_pci_in_use(), -errno. */
int nnvme_pci_claim(const char *bdf, struct nnvme_pci_claim *claim, struct nnvme_err *err);
void nnvme_pci_release(struct nnvme_pci_claim *claim);

/*
 * Ask again about what a claim does not keep away, programs and parts of the kernel that open a
 * disk as everybody may: they had until its driver was gone. 0 or -errno.
 */
int nnvme_pci_claim_check(const struct nnvme_pci_claim *claim, struct nnvme_err *err);

/*
 * -EBUSY when a program has the device by one of its nodes: unbinding it from VFIO would wait for
 * that to end. @strict: also an error when this user can't see all programs.
 */
int nnvme_pci_refuse_open(const struct nnvme_pci_info *info, bool strict, struct nnvme_err *err);

/* Keep everybody else from changing its driver until nnvme_sys_close(lock); waits for them, 10 s. */
int nnvme_pci_lock(const char *bdf, int *lock, struct nnvme_err *err);

/*
 * Take a device from its driver for a while, when nobody uses its disks, and give it back. What it
 * had is in the same note as nnvme_pci_bind()'s: nnvme_pci_unbind() gives it back, too. With its
 * lock in hand.
 */
int nnvme_pci_detach(const char *bdf, struct nnvme_err *err);
int nnvme_pci_reattach(const char *bdf, struct nnvme_err *err);

/* Was a run killed that had detached it, or had not quite bound it, or was about to, or was done? */
bool nnvme_pci_is_halfway(const char *bdf);

/* Like nnvme_pci_info(), and -ENODEV when it is not an NVMe controller. */
int nnvme_pci_nvme_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err);

/* Noiommu mode: 1 on, 0 off, -ENOENT VFIO isn't loaded or can't do it, or another -errno. */
int nnvme_noiommu_switch(void);

#endif
