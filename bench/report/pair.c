// SPDX-License-Identifier: MIT
#include "pair.h"

#include <stdio.h>

struct list {
	const struct bench_matrix *m;
	struct bench_pair *pairs;
	size_t count;
};

/* The next pair to be filled in, or NULL where a row is missing. */
static struct bench_pair *add(struct list *list, enum bench_topic topic, enum bench_group group_a,
			      enum bench_kind kind_a, enum bench_group group_b, enum bench_kind kind_b)
{
	int a = bench_matrix_find(list->m, group_a, kind_a), b = bench_matrix_find(list->m, group_b, kind_b);
	struct bench_pair *pair = &list->pairs[list->count];

	if (a < 0 || b < 0 || list->count == BENCH_PAIRS_MOST)
		return NULL;
	list->count++;
	pair->topic = topic;
	pair->a = a;
	pair->b = b;
	return pair;
}

static void domains(struct list *list)
{
	static const enum bench_group of[][2] = {
		{ BENCH_GROUP_IDENTITY, BENCH_GROUP_DMA },
		{ BENCH_GROUP_IDENTITY, BENCH_GROUP_DMA_FQ },
		{ BENCH_GROUP_DMA_FQ, BENCH_GROUP_DMA },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
		for (int kind = BENCH_KIND_PLAIN; kind <= BENCH_KIND_PASSTHROUGH; kind++) {
			struct bench_pair *pair = add(list, BENCH_TOPIC_DOMAINS, of[i][0], kind, of[i][1], kind);

			if (!pair)
				continue;
			snprintf(pair->title, sizeof(pair->title), "%s against %s", bench_group_short[of[i][0]],
				 bench_group_short[of[i][1]]);
			snprintf(pair->item, sizeof(pair->item), "%s", bench_kind_title[kind]);
			snprintf(pair->label, sizeof(pair->label), "%s / %s, %s", bench_group_short[of[i][0]],
				 bench_group_short[of[i][1]], bench_kind_short[kind]);
		}
}

static void ours(struct list *list)
{
	static const enum bench_group of[][2] = {
		{ BENCH_GROUP_NNVME_NOIOMMU, BENCH_GROUP_NONE },
		{ BENCH_GROUP_NNVME_NOIOMMU, BENCH_GROUP_IDENTITY },
		{ BENCH_GROUP_NNVME_IOMMU, BENCH_GROUP_IDENTITY },
		{ BENCH_GROUP_NNVME_IOMMU, BENCH_GROUP_DMA },
		{ BENCH_GROUP_NNVME_IOMMU, BENCH_GROUP_DMA_FQ },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
		for (int kind = BENCH_KIND_PLAIN; kind <= BENCH_KIND_PASSTHROUGH; kind++) {
			struct bench_pair *pair = add(list, BENCH_TOPIC_DRIVERS, of[i][0], BENCH_KIND_POLL,
						      of[i][1], kind);

			if (!pair)
				continue;
			snprintf(pair->title, sizeof(pair->title), "%s against %s", bench_group_title[of[i][0]],
				 bench_group_title[of[i][1]]);
			snprintf(pair->item, sizeof(pair->item), "%s", bench_kind_title[kind]);
			snprintf(pair->label, sizeof(pair->label), "%s / %s, %s", bench_group_short[of[i][0]],
				 bench_group_short[of[i][1]], bench_kind_short[kind]);
		}
}

static void modes(struct list *list)
{
	for (int kind = BENCH_KIND_POLL; kind <= BENCH_KIND_INTERRUPT; kind++) {
		struct bench_pair *pair = add(list, BENCH_TOPIC_MODES, BENCH_GROUP_NNVME_NOIOMMU, kind,
					      BENCH_GROUP_NNVME_IOMMU, kind);

		if (!pair)
			continue;
		snprintf(pair->title, sizeof(pair->title), "this driver, noiommu against iommu");
		snprintf(pair->item, sizeof(pair->item), "%s", bench_kind_title[kind]);
		snprintf(pair->label, sizeof(pair->label), "noiommu / iommu, %s", bench_kind_short[kind]);
	}
}

static void waits(struct list *list)
{
	for (int kind = BENCH_KIND_HYBRID; kind <= BENCH_KIND_INTERRUPT; kind++)
		for (int group = BENCH_GROUP_NNVME_IOMMU; group <= BENCH_GROUP_NNVME_NOIOMMU; group++) {
			struct bench_pair *pair = add(list, BENCH_TOPIC_WAITS, group, kind, group,
						      BENCH_KIND_POLL);

			if (!pair)
				continue;
			snprintf(pair->title, sizeof(pair->title), "this driver, %s against polling",
				 bench_kind_title[kind]);
			snprintf(pair->item, sizeof(pair->item), "%s", bench_group_short[group]);
			snprintf(pair->label, sizeof(pair->label), "%s / poll, %s", bench_kind_short[kind],
				 bench_group_short[group]);
		}
}

size_t bench_pairs(const struct bench_matrix *m, struct bench_pair pairs[BENCH_PAIRS_MOST])
{
	struct list list = { .m = m, .pairs = pairs };

	domains(&list);
	ours(&list);
	modes(&list);
	waits(&list);
	return list.count;
}
