/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_KERNEL_FAKE_GROUP_H
#define NNVME_TESTS_KERNEL_FAKE_GROUP_H

/* The fake kernel's IOMMU groups, and its disks that come and go: called by kernel_fake.c. */

/* A write to a group's type; 0 or a positive errno. */
int fake_type_write(const char *path, const char *text);

/* The nvme driver releases a controller, and gets it back. */
void fake_hide_disks(const char *bdf);
void fake_show_disks(const char *bdf);
void fake_pause(unsigned ms);

/* kernel_fake_machine.c: the machine that every test begins with. */
void fake_make_machine(void);

#endif
