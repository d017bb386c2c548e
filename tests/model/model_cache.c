// SPDX-License-Identifier: MIT
/*
 * The volatile write cache (Base 2.x, Volatile Write Cache feature; NVM Command Set, Force Unit
 * Access). It takes each write and writes nothing back by itself, so that what was not flushed is
 * lost for certain.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "model_private.h"

int model_cache_init(struct model_ns *ns)
{
	void *media = mmap(NULL, ns->len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (media == MAP_FAILED)
		return -ENOMEM;
	ns->media = media;
	memcpy(ns->media, ns->data, ns->len);
	return 0;
}

void model_cache_free(struct model_ns *ns)
{
	if (ns->media)
		munmap(ns->media, ns->len);
	ns->media = NULL;
}

void model_cache_pass(struct model *m, struct model_ns *ns, uint64_t lba, uint64_t blocks,
		      bool through)
{
	bool on = m->feature[NVME_FEAT_FID_VOLATILE_WC] & 1;

	if (ns->media && (through || !on))
		memcpy(ns->media + lba * ns->stride, ns->data + lba * ns->stride,
		       blocks * ns->stride);
}

void model_cache_flush(struct model *m, uint32_t nsid)
{
	for (uint32_t i = 0; i < m->config.nn; i++)
		if (m->ns[i].media && (nsid == i + 1 || nsid == 0xffffffff))
			memcpy(m->ns[i].media, m->ns[i].data, m->ns[i].len);
}

void model_power_loss(struct model *m)
{
	model_lock(m);
	for (uint32_t i = 0; i < m->config.nn; i++)
		if (m->ns[i].media)
			memcpy(m->ns[i].data, m->ns[i].media, m->ns[i].len);
	model_unlock(m);
}
