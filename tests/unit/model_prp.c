// SPDX-License-Identifier: MIT
/* The software controller reads PRPs as Base 2.x, Physical Region Page Entry and List, has them. */
#include "model_host.h"

#define BLOCKS(bytes) ((bytes) / 512)

/* Fill the namespace so that every dword contains its position. */
static void pattern(struct host *h)
{
	uint32_t *data = model_data(h->m, 1);

	for (uint32_t i = 0; i < (8 << 20) / 4; i++)
		data[i] = i ^ 0xa5000000;
}

static void check(const void *va, uint64_t byte, size_t len)
{
	const uint32_t *data = va;

	for (size_t i = 0; i < len / 4; i++)
		if (data[i] != ((byte / 4 + i) ^ 0xa5000000))
			fail_msg("dword %zu is %#x", i, data[i]);
}

static void up(struct host *h, const char *settings)
{
	host_up(h, settings);
	pattern(h);
}

static uint16_t read_bytes(struct host *h, size_t len, uint64_t prp1, uint64_t prp2)
{
	struct nnvme_sqe read = host_rw(NNVME_OP_READ, 0, BLOCKS(len), prp1, prp2);

	return host_run(h, 1, &read);
}

static unsigned lists_read(struct host *h)
{
	struct model_log log;

	assert_true(model_log(h->m, 0, &log));
	return log.lists;
}

static void one_page_needs_prp1_alone(void **state)
{
	struct host h;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 2);
	assert_int_equal(read_bytes(&h, 512, host_bus(&h, buf) + 3584, ~0ull), 0);
	check(buf + 3584, 0, 512);
	assert_int_equal(read_bytes(&h, 4096, host_bus(&h, buf), 1), 0);
	check(buf, 0, 4096);
	assert_int_equal(read_bytes(&h, 512, host_bus(&h, buf) + 4, 0), 0);
	check(buf + 4, 0, 512);
	assert_int_equal(lists_read(&h), 0);
	host_close(&h);
}

static void two_pages_take_prp2_as_an_entry(void **state)
{
	struct host h;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 2);
	assert_int_equal(read_bytes(&h, 4096, host_bus(&h, buf) + 1024, host_bus(&h, buf + PAGE)),
			 0);
	check(buf + 1024, 0, 4096);
	assert_int_equal(lists_read(&h), 0);
	assert_int_equal(read_bytes(&h, 8192, host_bus(&h, buf), host_bus(&h, buf + PAGE)), 0);
	check(buf, 0, 8192);
	host_close(&h);
}

static void offsets_are_checked(void **state)
{
	struct host h;
	uint8_t *buf;
	uint64_t *list, a, b;

	up(&h, "mdts=0");
	buf = host_pages(&h, 4);
	list = host_pages(&h, 1);
	a = host_bus(&h, buf);
	b = host_bus(&h, buf + PAGE);
	assert_int_equal(read_bytes(&h, 512, a + 2, 0), HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	assert_int_equal(read_bytes(&h, 8192, a, b + 512), HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	list[0] = b;
	list[1] = host_bus(&h, buf + 2 * PAGE) + 4;
	assert_int_equal(read_bytes(&h, 3 * PAGE, a, host_bus(&h, list)),
			 HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	list[1] -= 4;
	/* sound entries at a pointer that is not */
	memcpy((char *)list + 2052, list, 16);
	assert_int_equal(read_bytes(&h, 3 * PAGE, a, host_bus(&h, list) + 2052),
			 HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	assert_int_equal(read_bytes(&h, 3 * PAGE, a, host_bus(&h, list)), 0);
	check(buf, 0, 3 * PAGE);
	host_close(&h);
}

static void a_list_may_start_in_the_middle_of_a_page(void **state)
{
	struct host h;
	uint64_t *list;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 9);
	list = host_pages(&h, 1);
	for (int i = 0; i < 8; i++)
		list[100 + i] = host_bus(&h, buf + (i + 1) * PAGE);
	assert_int_equal(read_bytes(&h, 8 * PAGE, host_bus(&h, buf) + 2048,
				    host_bus(&h, &list[100])), 0);
	check(buf + 2048, 0, 8 * PAGE);
	assert_int_equal(lists_read(&h), 1);
	host_close(&h);
}

/* The last slot is an entry when it is the last one needed, a chain pointer otherwise. */
static void the_last_slot_is_read_by_need(void **state)
{
	struct host h;
	uint64_t *list, *next;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 5);
	list = host_pages(&h, 1);
	next = host_pages(&h, 1);
	list[510] = host_bus(&h, buf + PAGE);
	list[511] = host_bus(&h, buf + 2 * PAGE);
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, &list[510])), 0);
	check(buf, 0, 3 * PAGE);
	assert_int_equal(lists_read(&h), 1);

	memset(buf, 0, 5 * PAGE);
	list[511] = host_bus(&h, next);
	next[0] = host_bus(&h, buf + 2 * PAGE);
	next[1] = host_bus(&h, buf + 3 * PAGE);
	next[2] = host_bus(&h, buf + 4 * PAGE);
	assert_int_equal(read_bytes(&h, 5 * PAGE, host_bus(&h, buf), host_bus(&h, &list[510])), 0);
	check(buf, 0, 5 * PAGE);
	assert_int_equal(lists_read(&h), 2);

	/* two entries left at the last slot: it is a pointer even when PRP2 points at it */
	list[511] = host_bus(&h, next);
	next[0] = host_bus(&h, buf + PAGE);
	next[1] = host_bus(&h, buf + 2 * PAGE);
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, &list[511])), 0);
	check(buf, 0, 3 * PAGE);
	assert_int_equal(lists_read(&h), 2);

	list[511] = host_bus(&h, next) + 8;
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, &list[511])),
			 HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	host_close(&h);
}

static void long_chains_are_followed(void **state)
{
	enum { PAGES = 900 };
	struct host h;
	uint64_t *list[2];
	uint8_t *buf;
	unsigned slot = 0, page = 0;

	up(&h, "mdts=0");
	buf = host_pages(&h, PAGES + 1);
	list[0] = host_pages(&h, 1);
	list[1] = host_pages(&h, 1);
	for (unsigned i = 1; i <= PAGES; i++) {
		if (slot == 511 && i < PAGES) {
			list[page][slot] = host_bus(&h, list[page + 1]);
			page++;
			slot = 0;
		}
		list[page][slot++] = host_bus(&h, buf + i * PAGE);
	}
	assert_int_equal(read_bytes(&h, PAGES * PAGE, host_bus(&h, buf) + 512,
				    host_bus(&h, list[0])), 0);
	check(buf + 512, 0, PAGES * PAGE);
	assert_int_equal(lists_read(&h), 2);
	host_close(&h);
}

static void an_entry_of_zero_is_a_fault(void **state)
{
	struct host h;
	uint64_t *list;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 3);
	list = host_pages(&h, 1);
	assert_int_equal(read_bytes(&h, 512, 0, 0), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "data write at bus address 0x0");
	assert_int_equal(read_bytes(&h, 8192, host_bus(&h, buf), 0), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "data write at bus address 0x0");
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), 0), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "PRP list read at bus address 0x0");
	list[0] = host_bus(&h, buf + PAGE);
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, list)),
			 NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "data write at bus address 0x0");
	assert_int_equal(read_bytes(&h, 512, (uintptr_t)buf, 0), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "data write");
	host_close(&h);
}

static void writes_go_the_other_way(void **state)
{
	struct nnvme_sqe write;
	uint64_t *list;
	struct host h;
	uint8_t *buf;

	up(&h, "mdts=0");
	buf = host_pages(&h, 4);
	list = host_pages(&h, 1);
	for (size_t i = 0; i < 4 * PAGE; i++)
		buf[i] = (uint8_t)(i * 7 + i / 256);
	for (int i = 0; i < 3; i++)
		list[i] = host_bus(&h, buf + (i + 1) * PAGE);
	write = host_rw(NNVME_OP_WRITE, 40, BLOCKS(3 * PAGE), host_bus(&h, buf) + 100,
			host_bus(&h, list));
	assert_int_equal(host_run(&h, 1, &write), 0);
	assert_memory_equal((uint8_t *)model_data(h.m, 1) + 40 * 512, buf + 100, 3 * PAGE);
	host_close(&h);
}

static void a_controller_may_want_aligned_lists(void **state)
{
	struct host h;
	uint64_t *list;
	uint8_t *buf;

	up(&h, "mdts=0,list512=1");
	buf = host_pages(&h, 3);
	list = host_pages(&h, 1);
	for (int i = 0; i < 2; i++)
		list[i] = list[i + 8] = list[i + 64] = host_bus(&h, buf + (i + 1) * PAGE);
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, &list[8])),
			 HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	assert_int_equal(read_bytes(&h, 3 * PAGE, host_bus(&h, buf), host_bus(&h, &list[64])), 0);
	check(buf, 0, 3 * PAGE);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page_needs_prp1_alone),
		cmocka_unit_test(two_pages_take_prp2_as_an_entry),
		cmocka_unit_test(offsets_are_checked),
		cmocka_unit_test(a_list_may_start_in_the_middle_of_a_page),
		cmocka_unit_test(the_last_slot_is_read_by_need),
		cmocka_unit_test(long_chains_are_followed),
		cmocka_unit_test(an_entry_of_zero_is_a_fault),
		cmocka_unit_test(writes_go_the_other_way),
		cmocka_unit_test(a_controller_may_want_aligned_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
