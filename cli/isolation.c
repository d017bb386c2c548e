// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

/* Exit statuses of their own, so that scripts need not read. */
static int status_of(enum nnvme_verdict verdict)
{
	return verdict == NNVME_BYPASS_POSSIBLE ? 3 : verdict == NNVME_UNPROTECTED ? 4 : 0;
}

static void print_dma_limits(const struct nnvme_dma_limits *limits)
{
	static const char *const coherency[] = {
		"not enforced: what the device asks not to be snooped in the CPU's caches is not",
		"enforced: the device can't bypass the CPU's caches",
		"unknown",
	};
	static const char *const interrupts[] = {
		"not isolated", "isolated: the device can raise its own only",
		"unknown: the administrator has waived the check (allow_unsafe_interrupts)",
	};

	for (size_t i = 0; i < limits->nr_iova_ranges; i++)
		printf("%-11s 0x%" PRIx64 " to 0x%" PRIx64 "\n", i ? "" : "aperture",
		       limits->iova_ranges[i].first, limits->iova_ranges[i].last);
	if (!limits->nr_iova_ranges)
		printf("%-11s none: it reaches all of memory\n", "aperture");
	printf("%-11s %" PRIu64 " bytes\n", "alignment", limits->alignment);
	if (limits->nr_iova_ranges)
		printf("%-11s %s\n", "coherency", coherency[limits->coherency_enforced]);
	printf("%-11s %s\n", "interrupts", interrupts[limits->interrupts_isolated]);
}

static void print_attempts(const struct nnvme_isolation *r)
{
	for (unsigned i = 0; i < r->attempts; i++) {
		const struct nnvme_attempt *a = &r->attempt[i];

		const char *text = nnvme_status_text(a->status);

		printf("%-11s %s 0x%" PRIx64 ", %s: %s (status %.*s)\n", i ? "" : "attempts",
		       a->list ? "PRP list at" : "data to", a->bus,
		       a->unmapped ? "unmapped before" : "a page's physical address",
		       a->passed ? "PASSED" : "stopped", (int)strcspn(text, ":"), text);
	}
}

static int report(struct nnvme_ctrl *ctrl)
{
	struct nnvme_isolation r = { .size = sizeof(r) };
	struct nnvme_err err;

	if (nnvme_isolation(ctrl, &r, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%-11s %s\n", "mode", r.mode_reason);
	print_dma_limits(&r.limits);
	print_attempts(&r);
	printf("%-11s %s\n%-11s %s\n", "because", r.reason, "verdict", nnvme_verdict_text(r.verdict));
	return status_of(r.verdict);
}

int cli_isolation(int argc, char **argv)
{
	/* Ordinary pages: nobody should have to reserve others for this. */
	struct nnvme_options options = {
		.size = sizeof(options), .hugepages = NNVME_HUGEPAGES_OFF, .qpairs = 1,
	};
	struct nnvme_ctrl *ctrl;
	struct nnvme_err err;
	int status;

	if (argc && argv[0][0] == '-')
		return cli_misuse("isolation has no option %s", argv[0]);
	if (!argc)
		return cli_misuse("isolation needs an address");
	if (argc > 1)
		return cli_misuse("isolation takes one address, and not %s", argv[1]);
	if (nnvme_ctrl_open(argv[0], &options, &ctrl, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	status = report(ctrl);
	if (nnvme_ctrl_close(ctrl)) {
		cli_error("%s could not be stopped; the kernel resets it at the end of this command", argv[0]);
		return 1;
	}
	return status;
}
