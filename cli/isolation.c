// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

/* The exit status, so that scripts need not parse the output. */
static int status_of(enum nnvme_verdict verdict)
{
	return verdict == NNVME_BYPASS_POSSIBLE ? 3 : verdict == NNVME_UNPROTECTED ? 4 : 0;
}

static void print_dma_limits(const struct nnvme_isolation *r)
{
	static const char *const coherency[] = {
		"not enforced: the device can bypass the CPU's caches (no-snoop)",
		"enforced: the device can't bypass the CPU's caches",
		"unknown",
	};
	static const char *const interrupts[] = {
		"not isolated", "isolated: the device can only raise its own",
		"unknown: the check is switched off (allow_unsafe_interrupts)",
	};

	for (size_t i = 0; i < r->nr_iova_ranges; i++)
		printf("%-11s 0x%" PRIx64 " to 0x%" PRIx64 "\n", i ? "" : "aperture",
		       r->iova_ranges[i].first, r->iova_ranges[i].last);
	if (!r->nr_iova_ranges)
		printf("%-11s none: it reaches all of memory\n", "aperture");
	printf("%-11s %" PRIu64 " bytes\n", "alignment", r->alignment);
	if (r->nr_iova_ranges)
		printf("%-11s %s\n", "coherency", coherency[r->coherency_enforced]);
	printf("%-11s %s\n", "interrupts", interrupts[r->interrupts_isolated]);
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
	print_dma_limits(&r);
	print_attempts(&r);
	printf("%-11s %s\n%-11s %s\n", "because", r.reason, "verdict",
	       nnvme_verdict_text(r.verdict));
	return status_of(r.verdict);
}

int cli_isolation(int argc, char **argv)
{
	/* Ordinary pages: this should not need reserved huge pages. */
	struct nnvme_options options = {
		.size = sizeof(options), .hugepages = NNVME_HUGEPAGES_OFF, .qpairs = 1,
	};
	const struct option none[] = { { 0 } };
	const struct cli_syntax syntax = { none, 1, "takes one address", false };
	struct cli_arguments arguments;
	struct nnvme_ctrl *ctrl;
	struct nnvme_err err;
	const char *bdf;
	int status;

	status = cli_arguments_read(argc, argv, &syntax, &arguments);
	if (!status && !arguments.operand[0])
		status = cli_usage_error("isolation needs an address");
	if (status)
		return status;
	bdf = arguments.operand[0];
	if (nnvme_ctrl_open(bdf, &options, &ctrl, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	status = report(ctrl);
	if (nnvme_ctrl_close(ctrl)) {
		cli_error("%s could not be stopped; the kernel resets it at the end of "
			  "this command", bdf);
		return 1;
	}
	return status;
}
