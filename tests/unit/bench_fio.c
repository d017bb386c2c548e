// SPDX-License-Identifier: MIT
/* fio's command line, reading its JSON, and a fio that fails. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/fio.h"
#include "rows.h"

#define PERCENTILES "\"percentile\":{\"50.000000\":20000,\"99.000000\":30000,\"99.900000\":40000}"
#define LATENCY "\"lat_ns\":{\"min\":1,\"max\":50000,\"mean\":21000.5," PERCENTILES "}"
#define BYTES 4096
/* fio's own total_ios and iops include failed I/Os. */
#define MIXED(bytes) "\"mixed\":{\"io_bytes\":" bytes ",\"bw_bytes\":40960000,\"iops\":99999.25," \
	"\"runtime\":2000,\"total_ios\":199999," LATENCY "}"
#define JOB(bytes) "{\"jobs\":[{" MIXED(bytes) ",\"job_runtime\":2000,\"usr_cpu\":25," \
	"\"sys_cpu\":50.0,\"total_err\":3}]}"
/* As fio writes it when nothing succeeded: no runtime, no percentiles. */
#define ALL_FAILED(errors) "{\"jobs\":[{\"mixed\":{\"io_bytes\":0,\"bw_bytes\":0,\"iops\":0.0," \
	"\"runtime\":0," \
	"\"total_ios\":500,\"lat_ns\":{\"min\":0,\"max\":0,\"mean\":0.0}},\"job_runtime\":1500," \
	"\"usr_cpu\":25,\"sys_cpu\":50.0,\"total_err\":" errors "}]}"

static uint32_t nsid;

static char *words_of(const char *row, const char *column, const char *target)
{
	const struct bench_fio_job job = {
		.row = row_find(row), .work = &column_find(column)->work, .target = target,
		.seconds = 1.5, .warm_up = 0.25, .nsid = nsid,
	};
	char **words = bench_fio_words(&job);
	static char line[2000];

	assert_non_null(words);
	line[0] = '\0';
	for (char **word = words; *word; word++) {
		assert_true(strlen(line) + strlen(*word) + 3 < sizeof(line));
		strcat(line, " ");
		strcat(line, *word);
	}
	strcat(line, " ");
	bench_fio_free(words);
	return line;
}

static void has(const char *line, const char *word)
{
	if (!strstr(line, word))
		fail_msg("no \"%s\" in%s", word, line ? line : " nothing");
}

static void has_not(const char *line, const char *word)
{
	if (strstr(line, word))
		fail_msg("\"%s\" in%s", word, line ? line : " nothing");
}

static void words(void **state)
{
	const char *line = words_of("kernel-dma-plain", "randread-4k-qd32", "/dev/nvme0n1");

	has(line, " --ioengine=io_uring ");
	has(line, " --filename=/dev/nvme0n1 ");
	has(line, " --direct=1 ");
	has(line, " --rw=randread --readonly --bs=4096 --iodepth=32 ");
	has(line, " --runtime=1500ms --ramp_time=250ms ");
	has(line, " --ignore_error=5:110:67:121:61:84,5:110:67:121:61:84 ");
	has_not(line, "fixedbufs");
	line = words_of("kernel-identity-registered", "read-128k-qd32", "/dev/nvme0n1");
	has(line, " --fixedbufs --registerfiles ");
	has(line, " --rw=read --readonly --bs=131072 ");
	has_not(line, "hipri");
	line = words_of("kernel-none-polled", "randrw-4k-qd32", "/dev/nvme0n1");
	has(line, " --hipri ");
	has(line, " --rw=randrw --rwmixwrite=30 ");
	has_not(line, "readonly");
	line = words_of("kernel-none-passthrough", "randwrite-4k-qd1", "/dev/ng0n1");
	has(line, " --ioengine=io_uring_cmd --cmd_type=nvme --filename=/dev/ng0n1 ");
	has(line, " --fixedbufs --registerfiles --hipri ");
	has(line, " --rw=randwrite --bs=4096 --iodepth=1 ");
	line = words_of("nnvme-noiommu", "write-128k-qd32", "0000:41:00.0");
	has(line, " --ioengine=libnoiommu_nvme --filename=0000.41.00.0 --mode=noiommu "
	    "--wait=poll --rw=write ");
	line = words_of("nnvme-iommu", "randread-4k-qd1", "0000:41:00.0");
	has(line, " --mode=iommu --wait=poll ");
	nsid = 3;
	has(words_of("nnvme-iommu", "randread-4k-qd1", "0000:41:00.0"),
	    " --filename=0000.41.00.0n3 ");
	has(words_of("kernel-dma-plain", "randread-4k-qd1", "/dev/nvme0n1"),
	    " --filename=/dev/nvme0n1 ");
	nsid = 0;
	has(words_of("nnvme-iommu-hybrid", "randread-4k-qd1", "0000:41:00.0"), " --wait=hybrid ");
	has(words_of("nnvme-noiommu-interrupt", "randread-4k-qd1", "0000:41:00.0"),
	    " --wait=interrupt ");
}

static void about(double value, double wanted)
{
	if (!(fabs(value - wanted) <= wanted * 1e-9))
		fail_msg("%g, and not %g", value, wanted);
}

static void figures(void **state)
{
	struct bench_round round = { .mark = 7 };

	round.value[BENCH_MAPS] = 42;
	assert_int_equal(bench_fio_parse("fio: a remark\n" JOB("81920000"), BYTES, &round, NULL),
			 0);
	assert_int_equal(round.ios, 20000);
	assert_int_equal(round.errors, 3);
	about(round.seconds, 2);
	about(round.value[BENCH_IOPS], 10000);
	about(round.value[BENCH_BYTES_PER_SECOND], 40960000);
	about(round.value[BENCH_LATENCY_MEAN], 21000.5);
	about(round.value[BENCH_LATENCY_P50], 20000);
	about(round.value[BENCH_LATENCY_P99], 30000);
	about(round.value[BENCH_LATENCY_P999], 40000);
	about(round.value[BENCH_LATENCY_MAX], 50000);
	about(round.value[BENCH_CPU_USER], 25);	/* half a second for 20,000 */
	about(round.value[BENCH_CPU_SYSTEM], 50);
	about(round.value[BENCH_MAPS], 42);
	assert_int_equal(round.mark, 7);
}

/* A round of errors is a result, and has no figures. */
static void all_failed(void **state)
{
	struct bench_round round = { 0 };

	round.value[BENCH_IOPS] = round.value[BENCH_LATENCY_P99] = round.value[BENCH_CPU_USER] =
		NAN;
	assert_int_equal(bench_fio_parse(ALL_FAILED("500"), BYTES, &round, NULL), 0);
	assert_int_equal(round.ios, 0);
	assert_int_equal(round.errors, 500);
	about(round.seconds, 1.5);
	assert_true(isnan(round.value[BENCH_IOPS]));
	assert_true(isnan(round.value[BENCH_LATENCY_P99]));
	assert_true(isnan(round.value[BENCH_CPU_USER]));
}

static void not_fio(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "", "no JSON" },
		{ "fio: no", "no JSON" },
		{ "{\"jobs\":[", "no JSON" },
		{ "{\"jobs\":[]}", "no JSON" },
		{ "{\"jobs\":{}}", "no JSON" },
		{ "{\"jobs\":[1]}", "no JSON" },
		{ "{\"jobs\":[{}]}", "io_bytes" },
		{ JOB("-5"), "io_bytes" },
		{ JOB("\"many\""), "io_bytes" },
		{ ALL_FAILED("0"), "no I/Os" },
		{ "{\"jobs\":[{\"mixed\":{\"io_bytes\":8192,\"runtime\":0},\"total_err\":0}]}",
		  "runtime" },
		{ "{\"jobs\":[{\"mixed\":{\"io_bytes\":8192,\"runtime\":2},\"total_err\":0}]}",
		  "mixed/bw_bytes" },
	};
	struct bench_round round;
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(bench_fio_parse(bad[i].text, BYTES, &round, &err), -EINVAL);
		has(err.text, bad[i].words);
	}
}

/* Runs a script instead of fio. */
static int run(const char *script, struct bench_round *round, struct nnvme_err *err)
{
	const struct bench_fio_job job = {
		.row = row_find("kernel-none-plain"), .work = &bench_columns[0].work,
		.target = "/dev/null",
		.seconds = 1,
	};
	char folder[] = "/tmp/bench_fio.XXXXXX", path[sizeof(folder) + 5],
			*before = strdup(getenv("PATH"));
	FILE *f;
	int ret;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fio", folder);
	f = fopen(path, "w");
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	chmod(path, 0755);
	setenv("PATH", folder, 1);
	ret = bench_fio_run(&job, round, err);
	setenv("PATH", before, 1);
	free(before);
	unlink(path);
	rmdir(folder);
	return ret;
}

static void runs(void **state)
{
	struct bench_round round;
	struct nnvme_err err = {};

	assert_int_equal(run("echo '" JOB("409600") "'", &round, &err), 0);
	assert_int_equal(round.ios, 100);
	assert_int_equal(run("echo first >&2; echo 'fio: it is "
			     "broken' >&2; exit 1", &round, &err), -EIO);
	has(err.text, "fio: it is broken");
	has_not(err.text, "first");
	assert_int_equal(run("kill -9 $$", &round, &err), -EIO);
	has(err.text, "status 0x9");
	assert_int_equal(run("while :; do echo 0123456789; done", &round, &err), -EIO);
	assert_int_equal(run("exit 0", &round, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(figures),
		cmocka_unit_test(all_failed),
		cmocka_unit_test(not_fio),
		cmocka_unit_test(runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
