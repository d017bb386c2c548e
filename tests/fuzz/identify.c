// SPDX-License-Identifier: MIT
/*
 * What a controller may say in Identify: the input is patches, each of some bytes over what it
 * would have said. Opening fails with a reason, or the numbers can be relied on; nothing is left
 * behind.
 */
#include "input.h"
#include "tests/unit/clock_rig.h"
#include "tests/unit/identify_rig.h"

#define PATCHES 16
#define PATCH_SIZE 32

struct patch {
	uint8_t cns, len;
	uint16_t at;
	uint8_t bytes[PATCH_SIZE];
};

static struct patches {
	unsigned n;
	struct patch patch[PATCHES];
} patches;

static void patch(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	for (unsigned i = 0; i < patches.n; i++) {
		const struct patch *p = &patches.patch[i];

		if (p->cns == cns)
			memcpy((char *)data + p->at, p->bytes, p->len);
	}
}

static void take_patches(struct input *in)
{
	/* namespace, controller, list of namespaces, and the command set's own two */
	static const uint8_t cns[] = { 0, 1, 2, 5, 6 };

	for (patches.n = 0; in->left && patches.n < PATCHES; patches.n++) {
		struct patch *p = &patches.patch[patches.n];

		p->cns = cns[input_below(in, sizeof(cns))];
		p->len = (uint8_t)(1 + input_below(in, PATCH_SIZE));
		p->at = (uint16_t)input_below(in, 4096 - PATCH_SIZE + 1);
		input_bytes(in, p->bytes, p->len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct rig r;

	take_patches(&in);
	up(&r, "ns=3,size=1m,to=1", patch, NULL);
	rig_clock(&r);
	if (check(&r) || r.ctrl)
		rig_clock_down(&r);
	else
		rig_down(&r);
	return 0;
}
