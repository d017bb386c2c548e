// SPDX-License-Identifier: MIT
/*
 * What a controller may write into a completion queue, against what was submitted: every tag comes
 * back once or never, none that was not given, and nothing outside of registered memory is touched.
 * The input is a program for both sides: what the host submits and polls, and what the controller
 * completes, holds back, repeats, invents, or writes over its queue.
 */
#include "input.h"
#include "tests/unit/clock_rig.h"

#define DEPTH 12	/* no power of two: some slots are never used */
#define TAGS 4096
#define BUFFER (64u << 10)

enum operation {
	READ, READ_MORE, WRITE, READ_LONG, FLUSH,
	RING, STEP, POLL, RULE, NO_RULES, RELEASE, POST, SCRIBBLE,
	OPERATIONS
};

struct host {
	struct rig r;
	struct input in;
	char *buf;
	unsigned submitted;
	bool out[TAGS + 1];	/* submitted and not returned */
};

static void submit(struct host *h, unsigned operation)
{
	char *at = h->buf + input_below(&h->in, 16) * 4096;
	void *tag = (void *)(uintptr_t)(h->submitted + 1);
	uint64_t lba = input_byte(&h->in);
	struct rig *r = &h->r;
	int rc;

	if (h->submitted == TAGS)
		return;
	switch (operation) {
	case READ: rc = nnvme_read(r->qp, r->ns, at, lba, 1, tag); break;
	case READ_MORE: rc = nnvme_read(r->qp, r->ns, h->buf + 512, lba, 24, tag); break;
	case WRITE: rc = nnvme_write(r->qp, r->ns, at, lba, 8, tag); break;
	/* more than MDTS: several commands */
	case READ_LONG: rc = nnvme_read(r->qp, r->ns, h->buf, lba, BUFFER / 512, tag); break;
	default: rc = nnvme_flush(r->qp, r->ns, tag); break;
	}
	if (rc)
		assert_int_equal(rc, -EAGAIN);
	else
		h->out[++h->submitted] = true;
}

static unsigned poll(struct host *h, unsigned max)
{
	struct nnvme_completion done[DEPTH];
	unsigned n = nnvme_poll(h->r.qp, done, max);

	assert_true(n <= max);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t tag = (uintptr_t)done[i].tag;

		assert_true(tag >= 1 && tag <= h->submitted);
		assert_true(h->out[tag]);
		assert_true(done[i].status <= 0x7fff);
		assert_int_equal(done[i].reserved, 0);
		h->out[tag] = false;
	}
	assert_true(nnvme_in_flight(h->r.qp) <= DEPTH);
	return n;
}

static void inject(struct host *h)
{
	static const enum model_act acts[] = {
		MODEL_FAIL, MODEL_HOLD, MODEL_DELAY, MODEL_SHUFFLE, MODEL_SILENT, MODEL_DROP,
		MODEL_REPEAT, MODEL_CID, MODEL_GHOST, MODEL_PHASE,
	};
	unsigned act = input_below(&h->in, sizeof(acts) / sizeof(acts[0]));
	struct model_rule rule = model_rule(acts[act]);

	rule.skip = input_below(&h->in, 4);
	rule.times = 1 + input_below(&h->in, 4);
	rule.count = 1 + input_below(&h->in, 4);
	rule.cid = input_word(&h->in);
	rule.status = input_word(&h->in) & 0x7fff;
	rule.result = input_byte(&h->in);
	model_inject(h->r.m, &rule);
}

/* The controller writes an entry of its queue as it likes, also with the phase of another round. */
static void scribble(struct host *h)
{
	const struct nnvme_qpair *qp = h->r.qp;
	struct nnvme_cqe *cq = (struct nnvme_cqe *)(uintptr_t)qp->cq;
	unsigned at = input_below(&h->in, (unsigned)(qp->cq_end - qp->cq));

	input_bytes(&h->in, &cq[at], sizeof(*cq));
}

/* A completion that no command led to, mostly of the right queue. */
static void post(struct host *h)
{
	uint16_t sqid = input_below(&h->in, 4) ? 1 : input_word(&h->in);
	uint16_t cid = input_word(&h->in);
	uint16_t status = input_word(&h->in) & 0x7fff;

	model_post(h->r.m, 1, sqid, cid, status);
}

static void operate(struct host *h)
{
	static const enum model_order orders[] = { MODEL_FIFO, MODEL_LIFO, MODEL_RANDOM };
	unsigned operation = input_below(&h->in, OPERATIONS);

	switch (operation) {
	case RING: nnvme_ring(h->r.qp); break;
	case STEP: model_step(h->r.m, input_below(&h->in, 8)); break;
	case POLL: poll(h, 1 + input_below(&h->in, DEPTH)); break;
	case RULE: inject(h); break;
	case NO_RULES: model_inject_clear(h->r.m); break;
	case RELEASE: model_release(h->r.m, orders[input_below(&h->in, 3)]); break;
	case POST: post(h); break;
	case SCRIBBLE: scribble(h); break;
	default: submit(h, operation); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host h;

	h = (struct host){ .in = { data, size } };
	rig_model(&h.r, "size=1m,mdts=2,queues=1");
	rig_clock(&h.r);
	rig_start(&h.r, DEPTH);
	h.buf = rig_alloc(&h.r, BUFFER);
	while (h.in.left)
		operate(&h);
	model_inject_clear(h.r.m);
	model_release(h.r.m, MODEL_FIFO);
	do {
		nnvme_ring(h.r.qp);
		model_drain(h.r.m);
	} while (poll(&h, DEPTH));
	assert_int_equal(model_faults(h.r.m), 0);
	/* of the host's rules, its commands may break those that a lie made it break */
	model_forgive(h.r.m);
	rig_clock_down(&h.r);
	return 0;
}
