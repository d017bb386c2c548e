// SPDX-License-Identifier: MIT
/* Defaults, and changing them by a text. */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

void model_defaults(struct model_config *config)
{
	*config = (struct model_config){
		.name = "0000:00:01.0",
		.mode = NNVME_MODE_NOIOMMU,
		.mqes = 1023, .to = 10, .cqr = true, .mpsmax = 4,
		.mdts = 5, .vwc = 1, .oncs = 0x4 | 0x8, .queues = 16, .aerl = 3, .vectors = 17,
		.nn = 1, .ns[0] = { .blocks = 131072, .block = 512 },
		.run = 512, .ready = 2, .bad_lba = UINT64_MAX,
	};
}

/* Where a key's number goes. */
static const struct key {
	const char *name;
	size_t offset, size;
} keys[] = {
#define KEY(field) { #field, offsetof(struct model_config, field), \
		     sizeof(((struct model_config *)0)->field) }
	KEY(mqes), KEY(dstrd), KEY(to), KEY(mpsmin), KEY(mpsmax), KEY(cqr), KEY(crms), KEY(crto),
	KEY(mdts), KEY(vwc), KEY(cache), KEY(vendor), KEY(rtd3e), KEY(oncs), KEY(wzsl),
	KEY(dmrl), KEY(dmrsl), KEY(dmsl),
	KEY(queues), KEY(aerl), KEY(dbbuf), KEY(sgls), KEY(vectors), KEY(vectors_given),
	KEY(interrupts), KEY(run), KEY(list512), KEY(ready), KEY(shutdown), KEY(never_ready),
	KEY(stuck),
	KEY(map_limit), KEY(manual), KEY(burst), KEY(bad_lba),
#undef KEY
};

static int number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno || end == text)
		return -EINVAL;
	switch (*end) {
	case 'g': case 'G':
		*value <<= 10;
		/* fall through */
	case 'm': case 'M':
		*value <<= 10;
		/* fall through */
	case 'k': case 'K':
		*value <<= 10;
		end++;
	}
	return *end ? -EINVAL : 0;
}

/* Settings for all namespaces; sizes become blocks at the end. */
struct shape {
	uint64_t ns, block, size, meta, extended;
	bool given;
};

static int set_shape(struct shape *s, const char *key, uint64_t value)
{
	uint64_t *field = !strcmp(key, "ns") ? &s->ns : !strcmp(key, "block") ? &s->block :
			  !strcmp(key, "size") ? &s->size : !strcmp(key, "meta") ? &s->meta :
			  !strcmp(key, "extended") ? &s->extended : NULL;

	if (!field)
		return -EINVAL;
	*field = value;
	s->given = true;
	return 0;
}

static int set_number(struct model_config *config, struct shape *shape, const char *key,
		      const char *text)
{
	uint64_t value;

	if (number(text, &value))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].name, key)) {
			/* little-endian: the low bytes are the value */
			memcpy((char *)config + keys[i].offset, &value, keys[i].size);
			return 0;
		}
	return set_shape(shape, key, value);
}

static int set(struct model_config *config, struct shape *shape, char *pair)
{
	char *value = strchr(pair, '=');

	if (!value)
		return -EINVAL;
	*value++ = 0;
	if (!strcmp(pair, "file")) {
		if (strlen(value) >= sizeof(config->file))
			return -ENAMETOOLONG;
		strcpy(config->file, value);
		return 0;
	}
	if (!strcmp(pair, "mode")) {
		config->mode = !strcmp(value, "iommu") ? NNVME_MODE_IOMMU : NNVME_MODE_NOIOMMU;
		return strcmp(value, "iommu") && strcmp(value, "noiommu") ? -EINVAL : 0;
	}
	return set_number(config, shape, pair, value);
}

static int apply(struct model_config *config, const struct shape *s)
{
	if (!s->given)
		return 0;
	if (!s->ns || s->ns > MODEL_NAMESPACES || !s->block || s->block & (s->block - 1) ||
	    s->size < s->block)
		return -EINVAL;
	config->nn = (unsigned)s->ns;
	for (unsigned i = 0; i < s->ns; i++)
		config->ns[i] = (struct model_namespace){
			.blocks = s->size / s->block, .block = (uint32_t)s->block,
			.metadata = (uint16_t)s->meta, .extended = s->extended,
		};
	return 0;
}

int model_configure(struct model_config *config, const char *text, struct nnvme_err *err)
{
	struct shape shape = {
		.ns = config->nn, .block = config->ns[0].block, .meta = config->ns[0].metadata,
		.size = config->ns[0].blocks * config->ns[0].block,
		.extended = config->ns[0].extended,
	};
	char *copy = strdup(text), *pair, *rest = copy;
	int ret = copy ? 0 : -ENOMEM;

	while (!ret && (pair = strsep(&rest, ","))) {
		if (*pair)
			ret = set(config, &shape, pair);
		if (ret)
			nnvme_fail(err, ret, "model: \"%s\" is not understood", pair);
	}
	free(copy);
	if (!ret) {
		ret = apply(config, &shape);
		if (ret)
			nnvme_fail(err, ret, "model: ns, block and size don't fit in \"%s\"", text);
	}
	return ret;
}
