// SPDX-License-Identifier: MIT
/*
 * Commands with fields that the inline path neither writes nor checks: they arrive unchanged, and
 * later commands don't inherit them.
 */
#include <sys/mman.h>

#include "driver_rig.h"
#include "nvme/sq.h"

#define PATTERN 0x5a5a5a00u

static struct nnvme_sqe full(nnvme_bus_t bus, uint32_t mark)
{
	return (struct nnvme_sqe){
		.opcode = NNVME_OP_READ, .nsid = 1, .cdw2 = mark | 2, .cdw3 = mark | 3,
		.mptr = mark | 4, .prp1 = bus.v, .cdw10 = 7, .cdw12 = 1u << 30,
		.cdw13 = mark | 13, .cdw14 = mark | 14, .cdw15 = mark | 15,
	};
}

static nnvme_bus_t bus_of(const struct rig *r, const void *buf)
{
	struct nnvme_prp prp;

	assert_int_equal(nnvme_table_prp(r->qp->table, (uintptr_t)buf, 512, &prp), 0);
	return (nnvme_bus_t){ prp.prp1 };
}

static void up(struct rig *r, const char *settings, unsigned depth)
{
	rig_model(r, settings);
	r->config.any_fields = true;
	rig_start(r, depth);
	rig_step_by_hand(r);
}

/* All fields but the CID, which the driver sets. */
static void assert_arrived(struct rig *r, unsigned back, struct nnvme_sqe sqe)
{
	struct model_log log;

	assert_true(model_log(r->m, back, &log));
	sqe.cid = log.sqe.cid;
	assert_memory_equal(&log.sqe, &sqe, sizeof(sqe));
}

static void each_field_arrives(void **state)
{
	struct nnvme_sqe sqe;
	struct rig r;
	void *buf;

	up(&r, NULL, 4);
	buf = rig_alloc(&r, 4096);
	for (unsigned dw = 0; dw < 16; dw++) {
		uint32_t *word = (uint32_t *)&sqe;

		sqe = full(bus_of(&r, buf), 0);
		if (dw < 2 || (dw >= 6 && dw <= 12))
			continue;
		/* each of the fields that the inline path does not write, alone */
		for (unsigned i = 2; i < 16; i++)
			word[i] = (i < 6 || i > 12) && i != dw ? 0 : word[i];
		word[dw] |= 1;
		nnvme_submit(r.qp, &sqe, &sqe, 0, 0, true);
		assert_int_equal(rig_wait(&r).status, 0);
		assert_arrived(&r, 0, sqe);
		/* once round the ring, to reuse its entry */
		for (uint32_t i = 0; i < r.qp->end / 8; i++) {
			struct model_log log;

			assert_int_equal(rig_read(&r, buf, 0, 1), 0);
			assert_true(model_log(r.m, 0, &log));
			assert_false(log.rest);
		}
	}
	rig_down(&r);
}

/* Both complete, in either order, and later commands have none of their fields. */
static void take(struct rig *r, unsigned count)
{
	struct nnvme_completion done;

	for (unsigned n = 0; n < count; n++) {
		nnvme_ring(r->qp);
		model_drain(r->m);
		assert_int_equal(nnvme_poll(r->qp, &done, 1), 1);
		assert_int_equal(done.status, 0);
	}
}

static void read_round(struct rig *r, void *buf)
{
	for (uint32_t i = 0; i < r->qp->end / 8; i++) {
		struct model_log log;

		assert_int_equal(rig_read(r, buf, 0, 1), 0);
		assert_true(model_log(r->m, 0, &log));
		assert_false(log.rest);
	}
}

/* Hold a command, plain or full, until the ring is back at its slot: another displaces it. */
static void displace(struct rig *r, void *buf, bool first_full, bool second_full)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	nnvme_bus_t bus = bus_of(r, buf);
	struct nnvme_sqe sqe = full(bus, PATTERN);

	hold.times = 1;
	model_inject_clear(r->m);
	model_inject(r->m, &hold);
	if (first_full)
		nnvme_submit(r->qp, &sqe, NULL, 0, 0, true);
	else
		assert_int_equal(nnvme_read(r->qp, r->ns, buf, 0, 1, NULL), 0);
	nnvme_ring(r->qp);
	model_drain(r->m);
	assert_int_equal(model_held(r->m), 1);
	for (uint32_t i = 1; i < r->qp->end / 8; i++)
		assert_int_equal(rig_read(r, buf, 0, 1), 0);
	if (second_full)
		nnvme_submit(r->qp, &sqe, NULL, 0, 0, true);
	else
		assert_int_equal(nnvme_read(r->qp, r->ns, buf, 0, 1, NULL), 0);
	nnvme_ring(r->qp);
	model_drain(r->m);
	if (second_full)
		assert_arrived(r, 0, sqe);
	model_release(r->m, MODEL_FIFO);
	take(r, 2);
	read_round(r, buf);
	read_round(r, buf);
}

static void a_displaced_entry_is_clean_again(void **state)
{
	struct rig r;
	void *buf;

	up(&r, "mqes=2", 2);
	buf = rig_alloc(&r, 4096);
	for (unsigned i = 0; i < 16; i++)
		displace(&r, buf, i & 1, i & 2);
	rig_down(&r);
}

/*
 * The slot of such a command is free as any: its memory goes, and after one more command out of
 * line the inline path has the slot again.
 */
static void its_slot_is_free(void **state)
{
	struct nnvme_qpair_private *p;
	struct nnvme_sqe sqe;
	struct rig r;
	char *buf, *mem;

	up(&r, NULL, 4);
	p = nnvme_qp(r.qp);
	buf = rig_alloc(&r, 4096);
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(nnvme_mem_register(r.ctrl, mem, 4096, NULL), 0);
	sqe = full(bus_of(&r, mem), PATTERN);
	nnvme_submit(r.qp, &sqe, NULL, 0, 0, true);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(nnvme_slot_at(r.qp, 0)->key, NNVME_KEY_DIRTY);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, mem, 4096, NULL), 0);
	read_round(&r, buf);
	assert_int_equal(nnvme_slot_at(r.qp, 0)->key, NNVME_KEY_FREE);
	assert_int_equal(p->spare_slots, 0);
	munmap(mem, 4096);
	rig_down(&r);
}

/* Failed and aborted ones: their entries are treated alike. */
static void a_failed_command_leaves_nothing(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL);
	struct nnvme_sqe sqe;
	struct rig r;
	void *buf;

	up(&r, "mqes=7", 4);
	buf = rig_alloc(&r, 4096);
	sqe = full(bus_of(&r, buf), PATTERN);
	fail.times = 1;
	fail.status = RIG_DNR(NVME_SC_INVALID_FIELD);
	model_inject(r.m, &fail);
	nnvme_submit(r.qp, &sqe, NULL, 0, 0, true);
	assert_int_equal(rig_wait(&r).status, RIG_DNR(NVME_SC_INVALID_FIELD));
	read_round(&r, buf);
	rig_down(&r);
}

/* The controller is stopped while such slots are free: only the command in flight comes back. */
static void a_stop_ends_none_that_has_ended(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD), fail = model_rule(MODEL_FAIL);
	struct nnvme_completion done[8];
	struct nnvme_qpair *other;
	struct nnvme_sqe sqe;
	unsigned n = 0;
	struct rig r;
	void *buf;

	up(&r, "mqes=7", 4);
	model_start(r.m);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 1, &other, &r.err), 0);
	model_stop(r.m);
	buf = rig_alloc(&r, 4096);
	sqe = full(bus_of(&r, buf), PATTERN);
	for (unsigned i = 0; i < 3; i++) {
		nnvme_submit(r.qp, &sqe, NULL, 0, 0, true);
		assert_int_equal(rig_wait(&r).status, 0);
		assert_int_equal(nnvme_slot_at(r.qp, 8 * i)->key, NNVME_KEY_DIRTY);
	}
	model_inject(r.m, &hold);
	nnvme_submit(r.qp, &sqe, buf, 0, 0, true);
	nnvme_ring(r.qp);
	model_drain(r.m);
	fail.qid = 0;
	fail.opcode = nvme_admin_delete_sq;
	fail.status = RIG_DNR(NVME_SC_INTERNAL);
	model_inject_clear(r.m);
	model_inject(r.m, &fail);
	model_start(r.m);
	assert_int_equal(nnvme_qpair_destroy(other), 0);
	for (unsigned i = 0; i < 4; i++)
		n += nnvme_poll(r.qp, done + n, 8 - n);
	assert_int_equal(n, 1);
	assert_ptr_equal(done[0].tag, buf);
	assert_int_equal(done[0].status, NVME_SC_ABORT_QUEUE);
	assert_false(nnvme_ready(r.qp));
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, 0);
	rig_down(&r);
}

/* DW0 and DW1 go to the slot's result pointer, and nowhere once the slot is free. */
static void a_result_goes_where_it_was_asked_for(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL);
	uint64_t result = 1;
	struct nnvme_sqe sqe;
	uint32_t slot;
	struct rig r;
	void *buf;

	up(&r, NULL, 4);
	buf = rig_alloc(&r, 4096);
	sqe = full(bus_of(&r, buf), PATTERN);
	fail.times = 1;
	fail.status = RIG_DNR(NVME_SC_INVALID_FIELD);
	fail.result = 0x1234;
	model_inject(r.m, &fail);
	slot = nnvme_submit(r.qp, &sqe, NULL, 0, 0, true);
	nnvme_qp(r.qp)->slot[slot].result = &result;
	assert_int_equal(rig_wait(&r).result, 0x1234);
	assert_int_equal(result, 0x1234);
	assert_null(nnvme_qp(r.qp)->slot[slot].result);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_arrives),
		cmocka_unit_test(a_displaced_entry_is_clean_again),
		cmocka_unit_test(its_slot_is_free),
		cmocka_unit_test(a_failed_command_leaves_nothing),
		cmocka_unit_test(a_stop_ends_none_that_has_ended),
		cmocka_unit_test(a_result_goes_where_it_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
