// SPDX-License-Identifier: GPL-2.0-only
/* The engine's own options, as `fio --enghelp=libnoiommu_nvme` shows them. */

#include "engine.h"
#include "optgroup.h"

struct fio_option nnvme_fio_option_list[] = {
	{
		.name = "nsid",
		.lname = "NVMe namespace",
		.type = FIO_OPT_INT,
		.off1 = offsetof(struct nnvme_fio_options, nsid),
		.help = "Namespace of files that don't name one themselves (0000.41.00.0n2 does)",
		.def = "1",
		.minval = 1,
		.maxval = UINT32_MAX - 1,
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "hugepages",
		.lname = "Huge pages",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct nnvme_fio_options, hugepages),
		.help = "What I/O buffers and queues are made of",
		.def = "auto",
		.posval = {
			{
				.ival = "auto", .oval = NNVME_HUGEPAGES_AUTO,
				.help = "The smallest huge pages of this machine",
			},
			{
				.ival = "off", .oval = NNVME_HUGEPAGES_OFF,
				.help = "Ordinary pages, pinned",
			},
			{
				.ival = "2m", .oval = NNVME_HUGEPAGES_2M,
				.help = "2 MiB pages",
			},
			{
				.ival = "1g", .oval = NNVME_HUGEPAGES_1G,
				.help = "1 GiB pages",
			},
		},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "mode",
		.lname = "Address mode",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct nnvme_fio_options, mode),
		.help = "How the device addresses memory",
		.def = "auto",
		.posval = {
			{
				.ival = "auto", .oval = NNVME_MODE_AUTO,
				.help = "noiommu where the device has no IOMMU, iommu otherwise",
			},
			{
				.ival = "noiommu", .oval = NNVME_MODE_NOIOMMU,
				.help = "By physical address: it can reach all memory",
			},
			{
				.ival = "iommu", .oval = NNVME_MODE_IOMMU,
				.help = "Through an IOMMU: it can reach the buffers",
			},
		},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "shadow_doorbells",
		.lname = "Shadow doorbells",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct nnvme_fio_options, shadow_doorbells),
		.help = "Write queue positions to memory and few of them to the device",
		.def = "auto",
		.posval = {
			{
				.ival = "auto", .oval = NNVME_SHADOW_AUTO,
				.help = "Where the controller offers it",
			},
			{
				.ival = "off", .oval = NNVME_SHADOW_OFF,
				.help = "All of them to the device",
			},
		},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "wait",
		.lname = "How to wait",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct nnvme_fio_options, wait),
		.help = "How to wait for completions",
		.def = "poll",
		.posval = {
			{
				.ival = "poll", .oval = NNVME_FIO_POLL,
				.help = "Poll all the time",
			},
			{
				.ival = "hybrid", .oval = NNVME_FIO_HYBRID,
				.help = "Poll for 100 us, then sleep until the "
				"controller interrupts",
			},
			{
				.ival = "interrupt", .oval = NNVME_FIO_INTERRUPT,
				.help = "Sleep until the controller interrupts",
			},
		},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "io_timeout",
		.lname = "I/O timeout",
		.type = FIO_OPT_INT,
		.off1 = offsetof(struct nnvme_fio_options, io_timeout),
		.help = "Seconds without a completion after which the job is given up; 0: never",
		.def = "60",
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = NULL,
	},
};
