/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_MODEL_PRIVATE_H
#define NNVME_TESTS_MODEL_PRIVATE_H

/* What the model's files share. All of it expects m->lock to be held. */

#include <libnvme.h>
#include <pthread.h>

#include "model.h"
#include "noiommu_nvme/wire.h"

#define MODEL_PAGE 4096u
#define MODEL_TEXTS 32
#define MODEL_LOG 4096
#define MODEL_RULES 16
#define MODEL_DOORBELLS 0x1000u
#define MODEL_DNR(status) ((uint16_t)((status) | NVME_SC_DNR))
/* libnvme's command specific codes lack the type: add it */
#define MODEL_SPECIFIC(code) MODEL_DNR(NVME_SCT_CMD_SPECIFIC << NVME_SCT_SHIFT | (code))

/* A queue's memory, page by page: contiguous or not, there is one look-up. */
struct model_queue {
	bool exists;
	uint16_t id;
	uint32_t size;		/* entries */
	uint64_t *page;		/* bus address of each of its memory pages */
	uint32_t pages;
};

struct model_sq {
	struct model_queue q;
	uint16_t cqid;
	uint32_t head, tail;
	bool awake;		/* looks at its shadow tail */
	uint8_t *in_flight;	/* one bit per CID */
};

struct model_cq {
	struct model_queue q;
	uint32_t head, tail, used;
	uint16_t phase;
	bool deaf;		/* waits for its doorbell, not its shadow */
	bool interrupts;
	uint16_t vector;
	unsigned sqs;		/* that complete here */
	uint32_t *burst;	/* DW3 of a burst's first entry, whose phase is still to be set */
};

/* A completion that is not posted yet. */
struct model_completion {
	uint16_t cqid, sqid, cid, status;
	uint32_t result, result2;
	bool held;		/* until released */
	bool old_phase;
	bool extra;		/* a made-up completion, of no command */
	uint64_t due;		/* m->looks */
	unsigned shuffle;	/* wait for so many */
	struct model_completion *next;
};

/* One map(). */
struct model_region {
	uint64_t iova;
	uint8_t *va;
	size_t len;
	uint32_t *slot;		/* of each page, in m->host; NULL: slot = iova / 4096 */
	struct model_region *next;
};

struct model_ns {
	struct model_namespace config;
	uint8_t *data;
	uint8_t *media;		/* of it, what is durable; NULL: all */
	size_t len, stride;	/* stride: bytes per block, extended metadata included */
	int fd;
};

struct model_call_rule {
	unsigned skip, times;
	bool armed, forever;
	int code;
};

struct model_texts {
	unsigned count;
	char text[MODEL_TEXTS][160];
};

struct model {
	struct nnvme_device dev;	/* first: struct nnvme_device leads to the model */
	struct model_config config;
	char name[32];
	struct model *next;
	bool open;

	pthread_mutex_t lock;
	pthread_t thread;
	int waiting;			/* callers that want the lock; atomic */
	bool running, stop;		/* atomic */

	/* registers */
	uint8_t *bar;
	size_t bar_len;
	uint64_t cap;
	uint32_t cc, csts;		/* as last seen, as last shown */
	uint32_t aqa;			/* latched at CC.EN */
	uint64_t asq, acq;
	unsigned wait;			/* looks until RDY follows EN */
	unsigned shutdown_wait;
	uint64_t looks;
	uint32_t page;			/* CC.MPS in bytes */
	bool bus_master, frozen, vanished, stuck;

	/* queues: index is the QID, 0 the admin queues */
	struct model_sq *sq;
	struct model_cq *cq;
	unsigned queues;		/* in those arrays, with 0 */
	unsigned next_sq;		/* round robin */
	uint64_t shadow, eventidx;	/* bus addresses of the shadow doorbells' pages, or 0 */
	unsigned aers, io_queues;
	uint16_t aer[256];

	/* interrupts that are switched on: our own descriptors of the host's eventfds */
	int *eventfd;
	unsigned vectors;

	/* memory */
	uint8_t **host;			/* by slot: bus address = base + slot * 4096 */
	uint64_t base;
	uint32_t slots, cursor;
	struct nnvme_iova_range range;	/* all slots */
	struct model_region *regions;
	uint64_t next_iova;
	uint64_t random;

	/* namespaces and features */
	struct model_ns ns[MODEL_NAMESPACES];
	uint32_t feature[256];

	/* completions waiting, oldest first */
	struct model_completion *waiting_first, **waiting_last;
	struct model_completion *spare;
	unsigned nr_waiting;

	/* injection */
	struct model_rule rule[MODEL_RULES];
	unsigned rules;
	struct model_call_rule call[MODEL_CALLS];

	/* what was seen */
	struct model_texts faults, violations;
	struct model_counts counts;
	struct model_log log[MODEL_LOG];
	uint64_t logged;
	unsigned lists, descriptors;	/* read by the command in execution */
};

/* A fetched command and what happens to it. */
struct model_command {
	struct nnvme_sqe sqe;
	uint16_t qid;
	uint32_t result, result2;
	bool hold;			/* no completion from here (Asynchronous Event Request) */
};

/* model.c */
void model_lock(struct model *m);
void model_unlock(struct model *m);
void model_fault(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void model_violation(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t model_random(struct model *m);

/* model_device.c */
extern const struct nnvme_device_ops model_ops;

/* model_open.c */
void model_enroll(struct model *m);
void model_expel(struct model *m);
int model_name(const char *name, char out[32]);

/* model_registers.c */
int model_registers_init(struct model *m);
void model_registers_reset(struct model *m);
bool model_look(struct model *m);		/* true when something changed */
void model_raise_cfs(struct model *m);
bool model_live(const struct model *m);		/* may access memory */

uint32_t model_reg32(const struct model *m, uint32_t offset);
void model_set_reg32(struct model *m, uint32_t offset, uint32_t value);

/* model_doorbell.c */
bool model_doorbells(struct model *m);
void model_doorbells_reset(struct model *m);
void model_doorbell_clear(struct model *m, unsigned qid, bool cq);
bool model_cq_has_space(struct model *m, struct model_cq *cq);
void model_cq_look(struct model *m, struct model_cq *cq);
uint16_t model_doorbell_buffer(struct model *m, const struct nnvme_sqe *sqe);

/* model_memory.c */
int model_memory_init(struct model *m);
void model_memory_free(struct model *m);
int model_map(struct model *m, void *va, size_t len, uint64_t *iova, struct nnvme_err *err);
int model_unmap(struct model *m, uint64_t iova, size_t len);
int model_bus_addr(struct model *m, uint64_t iova, size_t *len, uint64_t *bus);
/* Host memory of @bus up to the end of its 4 KiB page; NULL and a fault if there is none. */
uint8_t *model_dma_at(struct model *m, uint64_t bus, const char *what);
uint8_t *model_peek(const struct model *m, uint64_t bus);

bool model_may_run(const struct model *m);	/* ready, not failed, not shut down */

/* model_queue.c */
int model_queues_init(struct model *m);
void model_queues_reset(struct model *m);
void model_queues_free(struct model *m);
uint16_t model_queue_create(struct model *m, struct model_queue *q, uint16_t id, uint32_t size,
			    uint32_t entry, uint64_t prp1, bool contiguous);
void model_queue_delete(struct model_queue *q);
uint8_t *model_entry(struct model *m, const struct model_queue *q, uint32_t i, uint32_t entry,
		     const char *what);

/* model_interrupt.c */
int model_interrupts_on(struct model *m, const int *fds, unsigned *count);
void model_interrupts_off(struct model *m);
/* An entry was posted to that queue. */
void model_interrupt_posted(struct model *m, const struct model_cq *cq);

/* model_completion.c */
bool model_post_one(struct model *m, const struct model_completion *c);
void model_complete(struct model *m, const struct model_completion *c);
bool model_post_due(struct model *m, bool idle);
bool model_delayed(const struct model *m);	/* some come due by looking again */
/* Drop the waiting completions of a submission queue, of one CID or (-1) all; returns how many. */
unsigned model_abort_waiting(struct model *m, uint16_t sqid, int cid, uint16_t status);
void model_completions_free(struct model *m);

/* model_execute.c */
unsigned model_execute(struct model *m, unsigned commands);

/* model_prp.c: status. to_host: the controller writes the host's memory. */
uint16_t model_transfer(struct model *m, const struct nnvme_sqe *sqe, void *data, size_t len,
			bool to_host);

/* A transfer in progress: data[0..left) is still to be moved. */
struct model_transfer {
	struct model *m;
	uint8_t *data;
	size_t left;
	bool to_host;
};
/* Move @len bytes at @bus, or as many as are left. */
uint16_t model_move(struct model_transfer *t, uint64_t bus, size_t len);

/* model_sgl.c: the data pointer as an SGL, checked as PSDT says in the command. */
uint16_t model_check_psdt(const struct model *m, const struct model_command *cmd);
uint16_t model_move_sgl(struct model_transfer *t, const struct nnvme_sqe *sqe);

/* model_admin.c, model_features.c, model_identify.c, model_nvm.c: status */
uint16_t model_admin(struct model *m, struct model_command *cmd);
uint16_t model_create_queue(struct model *m, struct model_command *cmd);
uint16_t model_delete_queue(struct model *m, struct model_command *cmd);
uint16_t model_set_features(struct model *m, struct model_command *cmd);
uint16_t model_get_features(struct model *m, struct model_command *cmd);
void model_features_reset(struct model *m);
uint16_t model_identify(struct model *m, struct model_command *cmd);
uint16_t model_nvm(struct model *m, struct model_command *cmd);
uint16_t model_vendor(struct model *m, struct model_command *cmd);
bool model_is_vendor(const struct model *m, const struct model_command *cmd);

/* model_cache.c: the volatile write cache */
int model_cache_init(struct model_ns *ns);
void model_cache_free(struct model_ns *ns);
/* Blocks were written, or read with FUA. */
void model_cache_pass(struct model *m, struct model_ns *ns, uint64_t lba, uint64_t blocks,
		      bool through);
void model_cache_flush(struct model *m, uint32_t nsid);

int model_namespaces_init(struct model *m, struct nnvme_err *err);
void model_namespaces_free(struct model *m);
uint32_t model_max_transfer(const struct model *m);	/* bytes; UINT32_MAX: no limit */

/* model_inject.c */
const struct model_rule *model_match(struct model *m, const struct model_command *cmd);
int model_call_fails(struct model *m, enum model_call call);

#endif
