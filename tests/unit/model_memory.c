// SPDX-License-Identifier: MIT
/* The software controller's view of host memory: registrations, translation, and their end. */
#include <errno.h>
#include <sys/mman.h>

#include "model_host.h"

static void bus_addresses_are_scrambled(void **state)
{
	struct host h;
	unsigned neighbours = 0;

	host_open(&h, "run=1");
	for (unsigned i = 0; i < HOST_PAGES; i++) {
		uint8_t *va = h.mem + i * PAGE;
		uint64_t bus = host_bus(&h, va);

		assert_int_not_equal(bus, 0);
		assert_int_not_equal(bus, (uintptr_t)va);
		assert_int_not_equal(bus, h.iova + i * PAGE);
		assert_true(bus >> 32);
		assert_ptr_equal(model_host(h.m, (nnvme_bus_t){ bus + 123 }), va + 123);
		neighbours += i && bus == host_bus(&h, va - PAGE) + PAGE;
	}
	assert_true(neighbours < HOST_PAGES / 8);
	host_close(&h);
}

/* Contiguous memory is reported as such, up to what was asked for and never beyond the mapping. */
static void lengths_are_those_of_the_runs(void **state)
{
	struct host h;
	nnvme_bus_t bus, next;
	size_t len;

	host_open(&h, "run=8");
	for (size_t at = 0; at < HOST_PAGES * PAGE; at += len) {
		size_t asked = HOST_PAGES * PAGE - at;

		len = asked;
		assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova + at, &len, &bus, NULL), 0);
		assert_true(len >= PAGE && len <= asked);
		for (size_t i = 0; i < len; i += PAGE)
			assert_ptr_equal(model_host(h.m, (nnvme_bus_t){ bus.v + i }),
					 h.mem + at + i);
		if (len < asked) {
			size_t one = 1;

			assert_int_equal(((uintptr_t)h.mem + at + len) % (8 * PAGE), 0);
			h.dev->ops->bus_addr(h.dev, h.iova + at + len, &one, &next, NULL);
			assert_int_not_equal(next.v, bus.v + len);
		}
	}
	len = 100;
	assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova + 5, &len, &bus, NULL), 0);
	assert_int_equal(len, 100);
	assert_int_equal(bus.v % PAGE, 5);
	host_close(&h);
}

static void bad_questions_are_refused(void **state)
{
	struct host h;
	nnvme_bus_t bus;
	size_t len = 0;

	host_open(&h, NULL);
	assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova, &len, &bus, NULL), -EINVAL);
	len = 1;
	assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova - 1, &len, &bus, NULL), -ENOENT);
	assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova + HOST_PAGES * PAGE, &len, &bus, NULL),
			 -ENOENT);
	host_close(&h);
}

static void bad_maps_are_refused(void **state)
{
	struct host h;
	struct nnvme_err err;
	uint64_t iova;
	void *gone = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	host_open(&h, "map_limit=8m");
	assert_int_equal(h.dev->ops->map(h.dev, h.mem + 1, PAGE, &iova, NULL), -EINVAL);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, 100, &iova, NULL), -EINVAL);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, 0, &iova, NULL), -EINVAL);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, 5 << 20, &iova, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "RLIMIT_MEMLOCK"));
	assert_int_equal(h.dev->ops->map(h.dev, gone, PAGE, &iova, &err), -EFAULT);
	munmap(gone, PAGE);
	host_close(&h);
}

static void unmapping_takes_one_whole_mapping(void **state)
{
	struct host h;
	struct model_counts counts;
	uint64_t bus;

	host_open(&h, NULL);
	bus = host_bus(&h, h.mem);
	assert_int_equal(h.dev->ops->unmap(h.dev, h.iova, PAGE), -ENOENT);
	host_expect_violation(&h, "not one mapping");
	assert_int_equal(h.dev->ops->unmap(h.dev, h.iova, HOST_PAGES * PAGE), 0);
	assert_null(model_host(h.m, (nnvme_bus_t){ bus }));
	assert_null(model_host(h.m, (nnvme_bus_t){ bus + 5 }));
	model_counts(h.m, &counts);
	assert_int_equal(counts.mapped, 0);
	assert_int_equal(counts.map, 1);
	assert_int_equal(counts.unmap, 2);
	host_close(&h);
}

static void unmapping_queues_of_a_live_controller_is_a_violation(void **state)
{
	struct host h;

	host_open(&h, NULL);
	host_enable(&h);
	h.dev->ops->unmap(h.dev, h.iova, HOST_PAGES * PAGE);
	assert_int_equal(model_violations(h.m), 2);	/* both admin queues */
	assert_non_null(strstr(model_violation_text(h.m, 0), "while enabled"));
	model_forgive(h.m);
	host_close(&h);

	/* after CC.EN=0 but before RDY=0 it may still write there, though the queues are gone */
	host_open(&h, NULL);
	host_enable(&h);
	h.dev->ops->bus_master(h.dev, false, NULL);
	h.dev->ops->unmap(h.dev, h.iova, HOST_PAGES * PAGE);
	host_close(&h);

	host_open(&h, NULL);
	host_enable(&h);
	host_disable(&h);
	h.dev->ops->unmap(h.dev, h.iova, HOST_PAGES * PAGE);
	host_close(&h);
}

static void access_after_unmap_is_a_fault(void **state)
{
	struct host h;
	uint64_t iova, bus;
	size_t len = 1;
	nnvme_bus_t b;
	void *other = aligned_alloc(PAGE, PAGE);
	struct nnvme_sqe read;

	host_up(&h, NULL);
	assert_int_equal(h.dev->ops->map(h.dev, other, PAGE, &iova, NULL), 0);
	assert_int_equal(h.dev->ops->bus_addr(h.dev, iova, &len, &b, NULL), 0);
	bus = b.v;
	read = host_rw(NNVME_OP_READ, 0, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &read), 0);
	host_clean(&h);
	assert_int_equal(h.dev->ops->unmap(h.dev, iova, PAGE), 0);
	assert_int_equal(host_run(&h, 1, &read), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "not mapped");
	free(other);
	host_close(&h);
}

static void queue_memory_that_went_away_is_fatal(void **state)
{
	struct host h;

	host_up(&h, NULL);
	h.dev->ops->unmap(h.dev, h.iova, HOST_PAGES * PAGE);
	model_forgive(h.m);
	host_set(&h, host_doorbell(&h, 1, false), 1);
	model_drain(h.m);
	host_expect_fault(&h, "command fetch");
	assert_true(host_get(&h, NVME_REG_CSTS) & 2);
	host_close(&h);
}

static void behind_an_iommu_the_iova_is_the_bus_address(void **state)
{
	struct host h;
	nnvme_bus_t bus;
	size_t len = HOST_PAGES * PAGE;

	host_open(&h, "mode=iommu");
	assert_int_equal(h.dev->mode, NNVME_MODE_IOMMU);
	assert_int_equal(h.dev->ops->bus_addr(h.dev, h.iova, &len, &bus, NULL), 0);
	assert_int_equal(bus.v, h.iova);
	assert_int_equal(len, HOST_PAGES * PAGE);
	host_enable(&h);
	host_close(&h);
}

static void closing_with_memory_mapped_is_a_violation(void **state)
{
	struct host h;

	host_up(&h, NULL);
	h.dev->ops->close(h.dev);
	host_expect_violation(&h, "mapped");
	assert_false(model_bus_mastering(h.m));
	host_close(&h);
}

static void calls_fail_when_told_to(void **state)
{
	struct host h;
	struct nnvme_err err;
	uint64_t iova;

	host_open(&h, NULL);
	model_fail_call(h.m, MODEL_MAP, 1, 1, -EAGAIN);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, PAGE, &iova, &err), 0);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, PAGE, &iova, &err), -EAGAIN);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, PAGE, &iova, &err), 0);
	model_fail_call(h.m, MODEL_RESET, 0, 0, -EIO);
	assert_int_equal(h.dev->ops->reset(h.dev, &err), -EIO);
	assert_int_equal(h.dev->ops->reset(h.dev, &err), -EIO);
	model_inject_clear(h.m);
	assert_int_equal(h.dev->ops->reset(h.dev, &err), 0);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_addresses_are_scrambled),
		cmocka_unit_test(lengths_are_those_of_the_runs),
		cmocka_unit_test(bad_questions_are_refused),
		cmocka_unit_test(bad_maps_are_refused),
		cmocka_unit_test(unmapping_takes_one_whole_mapping),
		cmocka_unit_test(unmapping_queues_of_a_live_controller_is_a_violation),
		cmocka_unit_test(access_after_unmap_is_a_fault),
		cmocka_unit_test(queue_memory_that_went_away_is_fatal),
		cmocka_unit_test(behind_an_iommu_the_iova_is_the_bus_address),
		cmocka_unit_test(closing_with_memory_mapped_is_a_violation),
		cmocka_unit_test(calls_fail_when_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
