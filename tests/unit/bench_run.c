// SPDX-License-Identifier: MIT
/* What a run is asked for, its order, its state file, and what it reads from /proc/interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/counters.h"
#include "bench/options.h"
#include "bench/place_state.h"
#include "bench/plan.h"
#include "bench/sysfs.h"
#include "rows.h"

#define BDF "0000:41:00.0"
#define SECOND "0000:42:00.0"

/* --- options --- */

/* The words of @line. */
static int parse(const char *line, struct bench_options *options, struct nnvme_err *err)
{
	static char text[500];
	char *words[40], *rest = text, *word;
	int n = 0;

	snprintf(text, sizeof(text), "%s", line);
	while ((word = strsep(&rest, " ")) && n < 40)
		words[n++] = word;
	return bench_options_parse(n, words, options, err);
}

static void refused(const char *line, int rc, const char *message)
{
	struct bench_options options;
	struct nnvme_err err = { 0 };
	int got = parse(line, &options, &err);

	if (got != rc || !strstr(err.text, message))
		fail_msg("'%s': %d, not %d, and '%s' does "
			 "not say '%s'", line, got, rc, err.text, message);
}

static void wrong_options_are_refused(void **state)
{
	refused("--rounds 3", -EINVAL, "--device BDF says which");
	refused("--device", -EINVAL, "--device needs a value");
	refused("--device nonsense", -EINVAL, "PCI address");
	refused("--device 41:00.0 --second-device 0000.41.00.0", -EINVAL, "are both " BDF);
	refused("--device 41:00.0 --device 42:00.0", -EINVAL, "it is given twice");
	refused("--device 41:00.0 --frob", -EINVAL, "there is no option --frob");
	refused("--device 41:00.0 --devic=x", -EINVAL, "there is no option --devic");
	refused("--device 41:00.0 frob", -EINVAL, "there is no command frob");
	refused("--device 41:00.0 --rows frob", -ENOENT, "no row is called \"frob\"");
	refused("--device 41:00.0 --rows nnvme-iommu,frob*", -ENOENT, "no row is called \"frob*\"");
	refused("--device 41:00.0 --rows=", -ENOENT, "no row is called");
	refused("--device 41:00.0 --columns randread", -ENOENT, "no column is called \"randread\"");
	refused("--device 41:00.0 --columns randwrite-4k-qd1", -EINVAL, "--destroy-data");
	refused("--device 41:00.0 --columns rand*-4k-qd32", -EINVAL, "writes to the device");
	refused("--device 41:00.0 --columns *", -EINVAL, "writes to the device");
	refused("--device 41:00.0 --rounds 0", -EINVAL, "from 1 to 1000");
	refused("--device 41:00.0 --rounds 1.5", -EINVAL, "whole number");
	refused("--device 41:00.0 --rounds 3x", -EINVAL, "from 1 to 1000");
	refused("--device 41:00.0 --time nan", -EINVAL, "from 0.01 to 3600");
	refused("--device 41:00.0 --time -1", -EINVAL, "from 0.01 to 3600");
	refused("--device 41:00.0 --ios 1e30", -EINVAL, "--ios 1e30");
	refused("--device 41:00.0 --warmup x", -EINVAL, "--warmup x");
	refused("--device 41:00.0 --fio --ios 5", -EINVAL, "--fio knows neither");
	refused("--device 41:00.0 --backend "
		"12345678901234567890123456789012", -EINVAL, "31 characters");
}

static void without_much_said(void **state)
{
	struct bench_options o;

	assert_int_equal(parse("--device=41:00.0", &o, NULL), 0);
	assert_string_equal(o.device, BDF);
	assert_string_equal(o.second, "");
	assert_int_equal(o.nr_rows, bench_nr_rows);
	assert_int_equal(o.nr_columns, 3);
	assert_int_equal(o.rounds, 5);
	assert_true(o.seconds == 3 && o.warmup == 0.5 && !o.ios);
	assert_false(o.destroy_data || o.unsafe_noiommu || o.marks || o.fio);
	assert_string_equal(o.out, "bench-results");
}

static void all_that_can_be_said(void **state)
{
	struct bench_options o;

	assert_int_equal(parse("--device 41:00.0 --second-device " SECOND " --columns all --out /x "
			       "--rows=nnvme-*,kernel-dma-plain --rounds 7 --ios=100 --warmup=0 "
			       "--backend null-co --unsafe-noiommu --marks", &o, NULL), 0);
	assert_string_equal(o.second, SECOND);
	assert_int_equal(o.nr_rows, 7);
	assert_string_equal(o.rows[0]->name, "kernel-dma-plain");	/* in the table's order */
	for (size_t i = 0; i < o.nr_columns; i++)
		assert_int_equal(o.columns[i]->work.percent_write, 0);
	assert_true(o.seconds == 0 && o.ios == 100);
	assert_int_equal(parse("--device 41:00.0 --columns all --destroy-data", &o, NULL), 0);
	assert_int_equal(o.nr_columns, bench_nr_columns);
	assert_int_equal(parse("--device 41:00.0 --columns randw* --destroy-data "
			       "--ios 9 --time 2", &o, NULL), 0);
	assert_int_equal(o.nr_columns, 5);
	assert_true(o.seconds == 2 && o.ios == 9);
	assert_int_equal(parse("--device 41:00.0 --rounds 2 --rounds 3", &o, NULL), 0);
	assert_int_equal(o.rounds, 3);
}

/* --- the plan --- */

/* All rows, and every other column. */
static struct bench_options planned(size_t columns, unsigned rounds)
{
	struct bench_options o = { .nr_columns = columns, .rounds = rounds };

	for (; o.nr_rows < bench_nr_rows; o.nr_rows++)
		o.rows[o.nr_rows] = &bench_rows[o.nr_rows];
	for (size_t i = 0; i < columns; i++)
		o.columns[i] = &bench_columns[2 * i];
	return o;
}

static void every_round_has_every_cell_once(void **state)
{
	struct bench_options o = planned(2, 4);
	int seen[4][30][2] = { { { 0 } } };

	assert_int_equal(bench_plan_steps(&o), 4 * 2 * bench_nr_rows);
	for (size_t i = 0; i < bench_plan_steps(&o); i++) {
		struct bench_step s = bench_plan_step(&o, i);

		assert_int_equal(s.index, i);
		assert_int_equal(s.round, i / (2 * bench_nr_rows));
		assert_int_equal(seen[s.round][s.row - bench_rows][s.column == o.columns[1]]++, 0);
	}
}

/* A place is entered once per round, and not at all for the first of a round. */
static void places_change_seldom(void **state)
{
	struct bench_options o = planned(3, 3);
	size_t count = bench_plan_steps(&o);
	int changes = 1;

	for (size_t i = 1; i < count; i++)
		changes += !bench_same_place(bench_plan_step(&o, i - 1).row,
					     bench_plan_step(&o, i).row);
	assert_int_equal(changes, 6 + 5 + 5);
	/* Backwards. */
	assert_ptr_equal(bench_plan_step(&o, 0).row, bench_plan_step(&o, count / 3 * 2 - 1).row);
}

/* --- the state file --- */

static void a_note_comes_back(void **state)
{
	struct bench_places a = {
		.device = { { BDF, true, "nvme" }, { SECOND, false, "vfio-pci" } }, .nr_devices = 2,
		.parameter = { [BENCH_NOIOMMU] = { "N", "Y" }, [BENCH_POLL_QUEUES] = { "0", "1" },
			       [BENCH_HUGEPAGES] = { "12", "140" } },
		.boot = "0b5e6f3c-1d2e-4f00-8a9b-123456789abc",
	}, b;
	char text[512];

	bench_state_format(&a, text, sizeof(text));
	assert_int_equal(bench_state_parse(text, &b), 0);
	assert_int_equal(b.nr_devices, 2);
	assert_string_equal(b.device[0].bdf, BDF);
	assert_string_equal(b.device[1].driver, "vfio-pci");
	assert_true(b.device[0].iommu && !b.device[1].iommu);
	assert_string_equal(b.parameter[BENCH_NOIOMMU].was, "N");
	assert_string_equal(b.parameter[BENCH_NOIOMMU].set, "Y");
	assert_string_equal(b.parameter[BENCH_POLL_QUEUES].was, "0");
	assert_string_equal(b.parameter[BENCH_POLL_QUEUES].set, "1");
	assert_string_equal(b.parameter[BENCH_HUGEPAGES].was, "12");
	assert_string_equal(b.parameter[BENCH_HUGEPAGES].set, "140");
	assert_string_equal(b.boot, a.boot);
	assert_int_equal(b.state, -1);
	assert_null(b.hold);
}

/* What the run leaves unchanged, another one must not restore. */
static void a_note_has_what_the_run_changes(void **state)
{
	struct bench_places a = {
		.device = { { BDF, true, "nvme" } }, .nr_devices = 1, .boot = "0b5e",
		.parameter = { [BENCH_NOIOMMU] = { "N", "" }, [BENCH_POLL_QUEUES] = { "0", "" },
			       [BENCH_HUGEPAGES] = { "12", "" } },
	}, b;
	char text[512];

	bench_state_format(&a, text, sizeof(text));
	assert_string_equal(text, "boot 0b5e\ndevice " BDF " nvme 1\nend\n");
	assert_int_equal(bench_state_parse(text, &b), 0);
	assert_string_equal(b.parameter[BENCH_NOIOMMU].set, "");
	assert_string_equal(b.parameter[BENCH_POLL_QUEUES].set, "");
	assert_string_equal(b.parameter[BENCH_HUGEPAGES].set, "");
}

#define NOTE "boot 1\ndevice " BDF " nvme 1\n"

static void other_texts_are_no_state(void **state)
{
	static const char *const texts[] = {
		"", "end\n", "boot 1\nend\n", "device " BDF " nvme 1\nend\n", NOTE "", NOTE "end",
		"frob\nend\n",
		NOTE "frob\nend\n", NOTE "end\nend\n", NOTE "boot 1\nend\n", "boot x\ndevice "
		BDF " nvme 1\nend\n",
		"boot 1\ndevice " BDF " nvme 1 \nend\n", "boot 1\ndevice " BDF " nvme 2\nend\n",
		"boot 1\ndevice " BDF " e1000e 1\nend\n", "boot 1\ndevice ../../x nvme 1\nend\n",
		NOTE "device " BDF " nvme 1\ndevice " BDF " nvme 1\nend\n",
		NOTE "poll_queues x 1\nend\n", NOTE "poll_queues 1\nend\n",
		NOTE "poll_queues -1 1\nend\n",
		NOTE "poll_queues 0 1\npoll_queues 0 1\nend\n", NOTE "poll_queues 0 1 2\nend\n",
		NOTE "noiommu X Y\nend\n", NOTE "noiommu N YY\nend\n",
		NOTE "hugepages 1 many\nend\n",
		NOTE "hugepages 12345678901 1\nend\n", NOTE "hugepages 12\nend\n",
	};
	struct bench_places p;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (bench_state_parse(texts[i], &p) != -EINVAL)
			fail_msg("'%s' is taken for a state", texts[i]);
}

/* --- parameters --- */

static char scratch[] = "/tmp/bench_run.XXXXXX";

static void hold(const char *text)
{
	FILE *f = fopen(scratch, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void holds(const char *text)
{
	char now[24];

	bench_sysfs_read(now, sizeof(now), "%s", scratch);
	assert_string_equal(now, text);
}

static void only_what_a_run_set_and_is_still_so_is_put_back(void **state)
{
	struct bench_parameter p;
	int fd = mkstemp(scratch);

	assert_true(fd >= 0);
	close(fd);
	hold("12\n");
	bench_parameter_read(&p, scratch);
	assert_string_equal(p.was, "12");
	hold("20\n");			/* somebody else; the run leaves it alone */
	assert_int_equal(bench_parameter_apply(&p, scratch), 0);
	assert_int_equal(bench_parameter_restore(&p, scratch, NULL), 0);
	holds("20");
	bench_parameter_read(&p, scratch);
	strcpy(p.set, "30");
	assert_int_equal(bench_parameter_apply(&p, scratch), 0);
	hold("40");			/* somebody else, after the run */
	assert_int_equal(bench_parameter_restore(&p, scratch, NULL), 0);
	holds("40");
	hold("30");
	assert_int_equal(bench_parameter_restore(&p, scratch, NULL), 0);
	holds("20");
	unlink(scratch);
	assert_int_equal(bench_parameter_apply(&p, scratch), -ENOENT);
	assert_int_equal(bench_parameter_restore(&p, scratch, NULL), 0);
}

/* --- where a row goes --- */

static const struct bench_device *place(const struct bench_places *p, const char *row,
					char why[300])
{
	why[0] = '\0';
	return bench_place_of(p, row_find(row), why);
}

static void rows_go_where_they_can(void **state)
{
	struct bench_places both = {
		.device = { { BDF, false, "nvme" }, { SECOND, true, "nvme" } }, .nr_devices = 2,
	}, one = { .device = { { BDF, true, "nvme" } }, .nr_devices = 1 };
	char why[300];

	assert_ptr_equal(place(&both, "kernel-dma-plain", why), &both.device[1]);
	assert_ptr_equal(place(&both, "kernel-none-plain", why), &both.device[0]);
	assert_ptr_equal(place(&both, "nnvme-iommu", why), &both.device[1]);
	assert_ptr_equal(place(&both, "nnvme-noiommu-hybrid", why), &both.device[0]);
	assert_ptr_equal(place(&one, "kernel-identity-polled", why), &one.device[0]);
	assert_null(place(&one, "nnvme-noiommu", why));
	assert_non_null(strstr(why, "not even in an identity domain"));
	assert_null(place(&one, "kernel-none-plain", why));
	assert_non_null(strstr(why, BDF " has an IOMMU in front"));
	one.device[0].iommu = false;
	assert_null(place(&one, "kernel-dma-fq-plain", why));
	assert_non_null(strstr(why, BDF " has no IOMMU in front"));
}

/* --- interrupts --- */

static uint64_t interrupts(const char *controller, const char *bdf)
{
	static const char text[] = "            CPU0       CPU1       \n"
				   "   0:         10         20    IO-APIC    2-edge      timer\n"
				   "  27:          1          2  PCI-MSIX-0000:41:00.0   "
				   "0-edge      nvme0q0\n" "  28:        100        200  "
				   "PCI-MSIX-0000:41:00.0   1-edge      nvme0q1\n" "  29:       "
				   "1000       2000  PCI-MSIX-0000:42:00.0   1-edge      nvme01q1\n"
				   "  30:      10000      20000  IR-PCI-MSIX-0000:43:00.0   "
				   "1-edge      vfio-msix[1](0000:43:00.0)\n"
				   "  31:     100000     200000  IR-PCI-MSIX-0000:44:00.0   "
				   "1-edge      vfio-msix[1](0000:44:00.0)\n" " NMI:          "
				   "7          7   Non-maskable interrupts\n" " ERR:          3\n";
	FILE *file = fmemopen((void *)(uintptr_t)text, sizeof(text) - 1, "r");
	uint64_t sum;

	assert_non_null(file);
	sum = bench_interrupts_in(file, controller, bdf);
	fclose(file);
	return sum;
}

static void interrupts_are_those_of_the_controller(void **state)
{
	assert_int_equal(interrupts("nvme0", BDF), 303);
	assert_int_equal(interrupts("nvme01", BDF), 3000);
	assert_int_equal(interrupts("nvme", BDF), 0);
	assert_int_equal(interrupts("", "0000:43:00.0"), 30000);
	assert_int_equal(interrupts("", BDF), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(without_much_said),
		cmocka_unit_test(all_that_can_be_said),
		cmocka_unit_test(every_round_has_every_cell_once),
		cmocka_unit_test(places_change_seldom),
		cmocka_unit_test(a_note_comes_back),
		cmocka_unit_test(a_note_has_what_the_run_changes),
		cmocka_unit_test(other_texts_are_no_state),
		cmocka_unit_test(only_what_a_run_set_and_is_still_so_is_put_back),
		cmocka_unit_test(rows_go_where_they_can),
		cmocka_unit_test(interrupts_are_those_of_the_controller),
	};

	return cmocka_run_group_tests_name("bench_run", tests, NULL, NULL);
}
