/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_DISKS_H
#define NNVME_KERNEL_PCI_DISKS_H

/* A controller's disks, as the nvme driver shows them. Private to the library; not installed. */

#include <stdint.h>

#define NNVME_PCI_DEVICES "/sys/bus/pci/devices"
#define NNVME_BLOCKS "/sys/class/block"

/* Names of block devices, as in /sys/class/block. */
#define NNVME_BLOCK_NAME 32

/* The disks of a controller that is bound to the nvme driver: their number; free() *names. */
int nnvme_pci_disks(const char *bdf, char (**names)[NNVME_BLOCK_NAME]);

/* The size of a block device in bytes; 0 if unknown. */
uint64_t nnvme_block_size(const char *name);

#endif
