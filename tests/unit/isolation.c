// SPDX-License-Identifier: MIT
/*
 * Finding out what an IOMMU stops: with one that stops everything, one that keeps unmapped
 * translations, and one that lets physical addresses pass. The "physical" address in the pagemap
 * below is the virtual one.
 */
#include "driver_rig.h"

#include "kernel/sys.h"
#include "noiommu_nvme/command.h"
#include "noiommu_nvme/isolation.h"
#include "nvme/private.h"

#define READS_BEFORE 6		/* 3 neighbours, 2 canaries, 1 page that is given up */
#define MODEL_FIRST 0x2340000000ull	/* the model's first mapping is there */
#define READS_EACH 4		/* the attempt, then neighbours */

static struct nnvme_sys real;
static struct {
	struct model *m;
	long calls, fail_at, move_at, hide_at, die_at, clash_at;
	bool denied;
	unsigned leaked;
} map;

static ssize_t read_pagemap(int fd, void *buf, size_t len, off_t offset)
{
	uint64_t entry = 1ull << 63 | (uint64_t)offset / 8;

	assert_int_equal(len, 8);
	if (++map.calls == map.fail_at) {
		errno = EIO;
		return -1;
	}
	if (map.calls == map.move_at)
		entry++;
	if (map.calls == map.hide_at)
		entry = 0;
	if (map.calls == map.clash_at)
		entry = 1ull << 63 | MODEL_FIRST / 4096;
	if (map.calls == map.die_at)
		model_fatal(map.m);
	if (map.denied)
		entry = 1ull << 63;
	memcpy(buf, &entry, sizeof(entry));
	return sizeof(entry);
}

static uint8_t *leak(void *arg, uint64_t bus)
{
	map.leaked++;
	/* The model's IOVAs are below; what mmap() returns is above, also under qemu-user. */
	return bus >> 38 ? (uint8_t *)(uintptr_t)(bus & -4096ull) : NULL;
}

static int setup(void **state)
{
	real = nnvme_sys;
	memset(&map, 0, sizeof(map));
	nnvme_sys.pread = read_pagemap;
	return 0;
}

static int teardown(void **state)
{
	nnvme_sys = real;
	return 0;
}

static void up(struct rig *r, const char *settings)
{
	rig_model(r, settings);
	r->config.posted = true;
}

static void open_it(struct rig *r)
{
	if (model_create(&r->config, &r->m, &r->err))
		fail_msg("%s", r->err.text);
	memset(model_data(r->m, 1), 0x5b, 512);	/* what memory does not hold by chance */
	if (rig_open(r))
		fail_msg("%s", r->err.text);
	map.m = r->m;
}

static int try(struct rig *r)
{
	struct nnvme_isolation i = { .size = sizeof(i) };

	return nnvme_isolation(r->ctrl, &i, &r->err);
}

static struct nnvme_isolation find_out(struct rig *r)
{
	uint64_t before = rig_mapped(r);
	struct nnvme_isolation i = { .size = sizeof(i) };

	if (nnvme_isolation(r->ctrl, &i, &r->err))
		fail_msg("%s", r->err.text);
	/* The queues' chunk may be new, the canaries are gone. */
	assert_true(rig_mapped(r) == before);
	return i;
}

/* The controller was sent nothing but Read. */
static void only_reads(struct rig *r, unsigned want)
{
	struct model_log log;
	unsigned reads = 0;

	for (unsigned n = 0; model_log(r->m, n, &log); n++) {
		if (!log.qid)
			continue;
		assert_int_equal(log.opcode, NNVME_OP_READ);
		assert_int_equal(log.slba, 0);
		reads++;
	}
	assert_int_equal(reads, want);
}

static void isolated(void **state)
{
	static const char *const settings[] = {
		"mode=iommu", "mode=iommu,block=4096,mdts=1",
		"mode=iommu,block=8192,size=64k,mdts=1",
		"mode=iommu,block=65536,size=64k", "mode=iommu,size=8k",
	};

	for (size_t k = 0; k < sizeof(settings) / sizeof(settings[0]); k++) {
		struct nnvme_isolation i = { .size = sizeof(i) };
		struct rig r;

		up(&r, settings[k]);
		open_it(&r);
		i = find_out(&r);
		assert_int_equal(i.verdict, NNVME_ISOLATED);
		assert_string_equal(nnvme_verdict_text(i.verdict), "isolated");
		assert_int_equal(i.mode, NNVME_MODE_IOMMU);
		assert_int_equal(i.nr_iova_ranges, 1);
		assert_true(i.iova_ranges[0].first < i.iova_ranges[0].last);
		assert_int_equal(i.alignment, 4096);
		assert_int_equal(i.coherency_enforced, NNVME_HAVE);
		assert_int_equal(i.interrupts_isolated, NNVME_HAVE);
		assert_int_equal(i.attempts, 4);
		for (int n = 0; n < 4; n++) {
			char address[32];

			assert_false(i.attempt[n].passed);
			assert_int_equal(i.attempt[n].list, n / 2);
			assert_int_equal(i.attempt[n].unmapped, n % 2);
			assert_int_equal(i.attempt[n].bus, i.attempt[n % 2].bus);
			/* Writes are posted: their status proves nothing, that of a list does. */
			assert_int_equal(i.attempt[n].status & 0x7ff,
					 n / 2 ? NVME_SC_DATA_XFER_ERROR : 0);
			snprintf(address, sizeof(address), "%llx,",
				 (unsigned long long)i.attempt[n].bus);
			if (k == 0)
				assert_non_null(strstr(model_fault_text(r.m, (unsigned)n),
						       address));
		}
		only_reads(&r, READS_BEFORE + 4 * READS_EACH);
		assert_int_not_equal(model_faults(r.m), 0);
		model_forgive(r.m);
		rig_down(&r);
	}
}

static void interrupts(void **state)
{
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	r.config.unsafe_interrupts = true;
	open_it(&r);
	i = find_out(&r);
	assert_int_equal(i.verdict, NNVME_ISOLATED_BUT_INTERRUPTS);
	assert_non_null(strstr(i.reason, "allow_unsafe_interrupts"));
	model_forgive(r.m);
	rig_down(&r);
}

static void leaks(void **state)
{
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	r.config.leak = leak;
	open_it(&r);
	i = find_out(&r);
	assert_int_equal(i.verdict, NNVME_BYPASS_POSSIBLE);
	assert_true(i.attempt[0].passed && i.attempt[2].passed);
	assert_int_equal(i.attempt[2].status, 0);
	/* Once per attempt: a list that was read led to mapped memory. */
	assert_int_equal(map.leaked, 4);
	assert_non_null(strstr(i.reason, "physical address of a page"));
	only_reads(&r, READS_BEFORE + 4 * READS_EACH);
	model_forgive(r.m);
	rig_down(&r);
}

static void forgets_to_forget(void **state)
{
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	r.config.stale = true;
	open_it(&r);
	i = find_out(&r);
	assert_int_equal(i.verdict, NNVME_BYPASS_POSSIBLE);
	assert_false(i.attempt[0].passed || i.attempt[2].passed);
	assert_true(i.attempt[1].passed && i.attempt[3].passed);
	assert_non_null(strstr(i.reason, "unmapped before"));
	model_forgive(r.m);
	rig_down(&r);
}

/* A list that fails for another reason proves nothing, and does not count as isolation. */
static void another_status(void **state)
{
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	open_it(&r);
	rule.skip = READS_BEFORE + 2 * READS_EACH;
	rule.times = 1;
	rule.status = NVME_SC_INTERNAL;
	model_inject(r.m, &rule);
	i = find_out(&r);
	assert_int_equal(i.verdict, NNVME_BYPASS_POSSIBLE);
	assert_non_null(strstr(i.reason, "not proven"));
	assert_false(i.attempt[2].passed);
	model_forgive(r.m);
	rig_down(&r);
}

static void no_iommu(void **state)
{
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=noiommu");
	open_it(&r);
	i = find_out(&r);
	assert_int_equal(i.verdict, NNVME_UNPROTECTED);
	assert_string_equal(nnvme_verdict_text(i.verdict), "unprotected (noiommu)");
	assert_non_null(strstr(i.reason, "nothing was tried"));
	assert_int_equal(i.attempts, 0);
	only_reads(&r, 0);
	assert_int_equal(map.calls, 0);
	rig_down(&r);
}

static void keep_info(void *arg, enum nnvme_log_level level, const char *line)
{
	if (level == NNVME_LOG_INFO)
		snprintf(arg, 4096, "%s", line);
}

/* The reason for the mode is logged, and is in the controller's and the isolation report. */
static void mode_is_said(void **state)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	r.options.log = keep_info;
	r.options.log_arg = r.log;
	assert_int_equal(model_create(&r.config, &r.m, &r.err), 0);
	strcpy(model_device(r.m)->mode_reason, "mode iommu, because of the moon");
	assert_int_equal(rig_open(&r), 0);
	assert_non_null(strstr(r.log, "mode iommu, because of the moon"));
	nnvme_ctrl_info(r.ctrl, &info);
	assert_string_equal(info.mode_reason, "mode iommu, because of the moon");
	i = find_out(&r);
	assert_ptr_equal(i.mode_reason, info.mode_reason);
	model_forgive(r.m);
	rig_down(&r);
}

static void fails(struct rig *r, int code, const char *words)
{
	struct nnvme_isolation i = { .size = sizeof(i), .verdict = NNVME_UNPROTECTED };
	int ret = nnvme_isolation(r->ctrl, &i, &r->err);

	if (ret != code || !strstr(r->err.text, words))
		fail_msg("returned %d, \"%s\"; wanted %d, \"%s\"", ret, r->err.text, code, words);
	assert_int_equal(i.attempts, 0);	/* untouched */
	model_forgive(r->m);
	rig_down(r);
}

static void no_physical_addresses(void **state)
{
	struct rig r;

	up(&r, "mode=iommu");
	open_it(&r);
	map.denied = true;
	fails(&r, -EPERM, "CAP_SYS_ADMIN");
}

/* Whichever read of the pagemap goes wrong. */
static void pagemap_fails(void **state)
{
	static const struct { long *when; int code; const char *words; } ways[] = {
		{ &map.fail_at, -EIO, "pagemap" }, { &map.hide_at, -ENXIO, "there is no page" },
		{ &map.move_at, -EIO, "moved" },
	};

	for (int k = 0; k < 3; k++)
		/* the first two looks are what later ones are compared with */
		for (long n = 3; n <= 16; n++) {
			struct rig r;

			memset(&map, 0, sizeof(map));
			up(&r, "mode=iommu");
			open_it(&r);
			*ways[k].when = n;
			fails(&r, ways[k].code, ways[k].words);
		}
}

static void controller_dies(void **state)
{
	for (long n = 3; n < 12; n++) {
		struct rig r;

		memset(&map, 0, sizeof(map));
		up(&r, "mode=iommu");
		open_it(&r);
		map.die_at = n;
		assert_int_equal(try(&r), -EIO);
		assert_non_null(strstr(r.err.text, "CSTS.CFS"));
		/* A read may have been in flight. */
		assert_true(r.ctrl->stopped);
		model_forgive(r.m);
		rig_down(&r);
	}
}

/*
 * A page whose physical address is a mapped bus address can't be a canary: something else would be
 * hit.
 */
static void clash(void **state)
{
	struct nnvme_isolation i = { .size = sizeof(i) };
	struct rig r;

	up(&r, "mode=iommu");
	open_it(&r);
	map.clash_at = 2;	/* the look at the first candidate */
	i = find_out(&r);
	assert_non_null(model_host(r.m, (nnvme_bus_t){ MODEL_FIRST }));
	assert_int_equal(i.verdict, NNVME_ISOLATED);
	assert_true(i.attempt[0].bus > MODEL_FIRST << 1);
	model_forgive(r.m);
	rig_down(&r);
}

/* If reads don't arrive where they should, nothing is proven, whatever their status. */
static void blind(void **state)
{
	static const uint16_t status[] = { 0, NVME_SC_INTERNAL };

	for (unsigned n = 0; n < 2 * READS_BEFORE; n++) {
		struct model_rule rule = model_rule(MODEL_FAIL);
		struct rig r;

		up(&r, "mode=iommu");
		open_it(&r);
		rule.skip = n / 2;
		rule.times = 1;
		rule.status = status[n % 2];
		model_inject(r.m, &rule);
		/*
		 * What the first read fetches is compared with later ones; the last only fills
		 * caches.
		 */
		if (n == 2 * READS_BEFORE - 2)
			find_out(&r);
		else if (try(&r) != -EIO)
			fail_msg("read %u with status %u", n / 2, status[n % 2]);
		model_forgive(r.m);
		rig_down(&r);
	}
}

static void mapping_fails(void **state)
{
	unsigned skip = 0;
	int ret;

	do {
		struct nnvme_isolation i = { .size = sizeof(i) };
		struct rig r;

		up(&r, "mode=iommu");
		open_it(&r);
		model_fail_call(r.m, MODEL_MAP, skip++, 1, -ENOMEM);
		ret = nnvme_isolation(r.ctrl, &i, &r.err);
		model_fail_call(r.m, MODEL_MAP, 0, 1, 0);
		model_forgive(r.m);
		rig_down(&r);
	} while (ret == -ENOMEM);
	assert_int_equal(ret, 0);
	assert_true(skip > 5);
}

static void odd_controllers(void **state)
{
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct rig r;

	up(&r, "mode=iommu,size=4k");
	open_it(&r);
	fails(&r, -ENODEV, "too small");
	up(&r, "mode=iommu");
	open_it(&r);
	rule.status = NVME_SC_READ_ERROR | NVME_SCT_MEDIA << NVME_SCT_SHIFT;
	model_inject(r.m, &rule);
	fails(&r, -EIO, "reading the first block");
	up(&r, "mode=iommu");
	r.config.ns[0].metadata = 8;	/* no use, so not offered */
	open_it(&r);
	fails(&r, -ENODEV, "no namespace");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Namespaces that may have another format by now are not read: their blocks may be longer. */
static void after_a_format(void **state)
{
	struct nnvme_command cmd = { .size = sizeof(cmd), .opcode = nvme_admin_ns_mgmt, .nsid = 1 };
	struct model_log log;
	struct rig r;

	up(&r, "mode=iommu,ns=2,size=8k");
	open_it(&r);
	memset(model_data(r.m, 2), 0x5b, 512);
	assert_true(nnvme_admin_command(r.ctrl, &cmd, &r.err) > 0);
	assert_int_equal(find_out(&r).verdict, NNVME_ISOLATED);
	for (unsigned n = 0; model_log(r.m, n, &log); n++)
		assert_true(!log.qid || log.nsid == 2);
	cmd.opcode = nvme_admin_format_nvm;
	assert_true(nnvme_admin_command(r.ctrl, &cmd, &r.err) > 0);
	assert_int_equal(try(&r), -ENODEV);
	assert_non_null(strstr(r.err.text, "Format NVM"));
	model_forgive(r.m);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(isolated), TEST(interrupts), TEST(leaks), TEST(forgets_to_forget),
		TEST(another_status), TEST(no_iommu), TEST(no_physical_addresses),
		TEST(pagemap_fails), TEST(controller_dies), TEST(mapping_fails),
		TEST(odd_controllers),
		TEST(clash), TEST(blind), TEST(mode_is_said), TEST(after_a_format),
	};

	return cmocka_run_group_tests_name("isolation", tests, NULL, NULL);
}
