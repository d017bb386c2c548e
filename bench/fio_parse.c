// SPDX-License-Identifier: MIT
/* fio's JSON (3.x): a job's results, reads and writes together. */
#include "fio.h"

#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <math.h>
#include <string.h>

/* The number at @path, a JSON pointer (RFC 6901), 0 or above; NAN if it is missing. */
static double number(struct json_object *object, const char *path)
{
	struct json_object *found;
	double value;

	if (json_pointer_get(object, path, &found) ||
	    (!json_object_is_type(found, json_type_int) &&
	     !json_object_is_type(found, json_type_double)))
		return NAN;
	value = json_object_get_double(found);
	return isfinite(value) && value >= 0 ? value : NAN;
}

/* fio gives CPU time in percent of the job's time; we want seconds per million I/Os. */
static double cpu(struct json_object *job, const char *name, double ios)
{
	return number(job, name) / 100 * number(job, "/job_runtime") / 1000 / ios * 1e6;
}

static int parse_figures(struct json_object *job, double ios, double seconds,
			 struct bench_round *round, struct nnvme_err *err)
{
	static const struct {
		enum bench_metric metric;
		const char *path;
	} from[] = {
		{ BENCH_BYTES_PER_SECOND, "/mixed/bw_bytes" },
		{ BENCH_LATENCY_MEAN, "/mixed/lat_ns/mean" },
		{ BENCH_LATENCY_P50, "/mixed/lat_ns/percentile/50.000000" },
		{ BENCH_LATENCY_P99, "/mixed/lat_ns/percentile/99.000000" },
		{ BENCH_LATENCY_P999, "/mixed/lat_ns/percentile/99.900000" },
		{ BENCH_LATENCY_MAX, "/mixed/lat_ns/max" },
	};
	double value;

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		value = number(job, from[i].path);
		if (isnan(value))
			return nnvme_fail(err, -EINVAL, "fio's JSON: its job has "
					  "no number %s", from[i].path + 1);
		round->value[from[i].metric] = value;
	}
	round->value[BENCH_IOPS] = ios / seconds;
	round->value[BENCH_CPU_USER] = cpu(job, "/usr_cpu", ios);
	round->value[BENCH_CPU_SYSTEM] = cpu(job, "/sys_cpu", ios);
	return 0;
}

/*
 * fio counts an I/O when it is submitted (total_ios, and iops from it), and bytes when it has
 * succeeded (io_bytes). A job without bytes has no runtime of reads or writes, only one of its own.
 */
static int parse_job(struct json_object *job, uint32_t bytes, struct bench_round *round,
		     struct nnvme_err *err)
{
	double ios = floor(number(job, "/mixed/io_bytes") / bytes),
	       errors = number(job, "/total_err");
	double runtime = number(job, ios > 0 ? "/mixed/runtime" : "/job_runtime");

	if (isnan(ios) || isnan(errors) || !(runtime > 0))
		return nnvme_fail(err, -EINVAL, "fio's JSON: its job has no mixed/io_bytes, no "
				  "total_err or no runtime above 0");
	if (!(ios > 0) && !(errors > 0))
		return nnvme_fail(err, -EINVAL, "fio's JSON: its job has no I/Os, neither good "
				  "ones nor failed ones");
	round->ios = (uint64_t)ios;
	round->errors = (uint64_t)errors;
	round->seconds = runtime / 1000;
	return ios > 0 ? parse_figures(job, ios, round->seconds, round, err) : 0;
}

int bench_fio_parse(const char *text, uint32_t bytes, struct bench_round *round,
		    struct nnvme_err *err)
{
	/* Messages may come before it. */
	const char *json = *text == '{' ? text : strstr(text, "\n{");
	struct json_object *all = json ? json_tokener_parse(json) : NULL, *job = NULL;
	int ret;

	if (!json_pointer_get(all, "/jobs/0", &job) && json_object_is_type(job, json_type_object))
		ret = parse_job(job, bytes, round, err);
	else
		ret = nnvme_fail(err, -EINVAL, "what fio printed is no JSON with \"jobs\"");
	json_object_put(all);
	return ret;
}
