/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_MODEL_H
#define NNVME_TESTS_MODEL_H

/*
 * A software NVMe controller behind kernel/device.h. Its BAR is ordinary memory that the driver
 * stores to; the model looks at it in a thread (model_start()) or when told to (model_step()). It
 * does what the NVM Express specifications say and records what they forbid:
 *
 *	fault		a DMA that no live registration covers (on hardware without an
 *			IOMMU: a write into somebody else's page)
 *	violation	any other rule broken by the host
 *
 * A test of correct behaviour ends with model_assert_clean() or checks both counters.
 *
 * Thread rule: all functions may be called from any thread, also while the model's own runs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/device.h"
#include "noiommu_nvme/wire.h"

#define MODEL_NAMESPACES 16

struct model;

/* When a posted completion raises the interrupt of its queue's vector. */
enum model_interrupts {
	MODEL_EACH,	/* whenever one is posted */
	MODEL_EDGE,	/* only when all before were acknowledged: MSI allows no rarer */
	MODEL_NEVER,
};

struct model_namespace {
	uint64_t blocks;	/* 0: this NSID is not active */
	uint32_t block;		/* bytes of data in a block: 512, 4096, ... */
	uint16_t metadata;	/* bytes of metadata per block */
	bool extended;		/* metadata follows the data in the buffer, else MPTR */
	uint8_t dps;		/* of Identify alone: the type of protection information */
};

/* model_defaults() fills it; the keys of model_configure() have the same names. */
struct model_config {
	const char *name;	/* 0000:00:01.0; nnvme_device_open() finds the model by it */
	char file[200];		/* back namespace N by FILE.N; empty: anonymous memory */
	enum nnvme_mode mode;	/* NOIOMMU (default): scrambled bus addresses; IOMMU: the IOVA */

	/* Controller Capabilities register (Base 2.x, Offset 0h: CAP) */
	uint16_t mqes;		/* 0's based, as in the register */
	uint8_t dstrd, to, mpsmin, mpsmax;
	bool cqr;
	uint8_t crms;		/* bit 0: CRTO says how long until ready with media */
	uint32_t crto;		/* Controller Ready Timeouts */

	/* Identify Controller and features */
	uint8_t mdts;		/* 0: no limit */
	uint8_t vwc;		/* bit 0: present */
	bool cache;		/* what it holds is gone after model_power_loss() */
	bool vendor;		/* vendor specific commands, see model_vendor.c */
	uint32_t rtd3e;		/* microseconds that a shutdown may take; 0: not reported */
	uint16_t oncs;
	uint8_t wzsl, dmrl;	/* Identify CNS 06h, NVM Command Set; 0: no limit. WZSL as MDTS */
	uint32_t dmrsl;		/* more is skipped with success, as by QEMU */
	uint64_t dmsl;
	uint16_t queues;	/* I/O queue pairs granted */
	uint8_t aerl;		/* 0's based */
	bool dbbuf;		/* Doorbell Buffer Config */
	uint32_t sgls;		/* SGLS: 1 any, 2 dwords; bit 16 bit buckets, bit 18 longer */
	uint16_t vectors;	/* of interrupts; 0: it has none */
	uint16_t vectors_given;	/* that the kernel has at most for it; 0: all */
	uint8_t interrupts;	/* enum model_interrupts */
	unsigned nn;		/* used in ns[], from NSID 1 */
	struct model_namespace ns[MODEL_NAMESPACES];

	/* behaviour */
	unsigned run;		/* pages that stay contiguous on the bus */
	bool list512;		/* refuse list pointers that are not 512-byte aligned */
	unsigned ready;		/* looks at the registers until CSTS.RDY follows CC.EN */
	unsigned shutdown;	/* further looks that a shutdown takes */
	bool never_ready;
	bool stuck;		/* never ready, until it was disabled or reset once */
	uint64_t map_limit;	/* bytes that may be mapped, as by RLIMIT_MEMLOCK; 0: none */
	bool manual;		/* nnvme_device_open() starts no thread */
	bool burst;		/* I/O completions appear at once, when all commands are done */
	bool any_fields;	/* I/O commands may have bits set in reserved fields */
	uint64_t bad_lba;	/* reads and writes touching it fail; UINT64_MAX: none */

	/*
	 * A faulty IOMMU. stale: unmapped addresses can still be accessed; leak: a bus address that
	 * is not mapped gives what this returns (its page's memory, or NULL). Faults are recorded
	 * all the same.
	 */
	bool stale;
	uint8_t *(*leak)(void *arg, uint64_t bus);
	void *leak_arg;
	bool posted;		/* a read whose data was blocked succeeds, as on real buses */
	bool unsafe_interrupts;	/* the administrator allows them */

	/* Called with what Identify is about to send, to make it hostile. */
	void (*identify)(void *arg, uint8_t cns, uint32_t nsid, void *data);
	void *identify_arg;
};

void model_defaults(struct model_config *config);

/*
 * "mdts=5,mqes=63,ns=2,block=4096,size=64m": ns, block, size, meta, extended apply to all
 * namespaces. -EINVAL: an unknown key, or a value that is not a number.
 */
int model_configure(struct model_config *config, const char *text, struct nnvme_err *err);

/* @config NULL: defaults. Not running; nothing mapped; bus mastering off. */
int model_create(const struct model_config *config, struct model **model, struct nnvme_err *err);
void model_destroy(struct model *m);
struct nnvme_device *model_device(struct model *m);

/* The model created under this name, or by nnvme_device_open(). */
struct model *model_find(const char *name);

/* Run in a thread; stop it. Either may be called when it is so already. */
void model_start(struct model *m);
void model_stop(struct model *m);

/*
 * Look at the registers and doorbells once, execute up to @commands commands, post what
 * completions are due. Returns how many commands were executed.
 */
unsigned model_step(struct model *m, unsigned commands);

/* model_step() until nothing happens any more; returns the commands executed. */
unsigned model_drain(struct model *m);

/* ---- what was seen ---- */

unsigned model_faults(struct model *m);
unsigned model_violations(struct model *m);
/* The @i-th text (0 is the first; only the first few are kept), "" if there is none. */
const char *model_fault_text(struct model *m, unsigned i);
const char *model_violation_text(struct model *m, unsigned i);
/* Forget them; for tests that provoke some. */
void model_forgive(struct model *m);
/* Print all to stderr, and abort if there are any. */
void model_assert_clean(struct model *m);

struct model_counts {
	uint64_t map, unmap, bus_addr;		/* calls */
	uint64_t reset, bus_master, close;
	uint64_t mapped;			/* bytes now */
	uint64_t sq_doorbells, cq_doorbells;	/* stores seen, of I/O queues */
	uint64_t admin_commands, io_commands;	/* fetched */
	uint64_t completions;			/* posted, all queues */
	uint64_t flushes, fua;			/* commands, those with FUA */
	uint64_t enables, shutdowns;
	uint64_t interrupts;			/* raised */
};
void model_counts(struct model *m, struct model_counts *counts);

/* One fetched command. */
struct model_log {
	uint8_t opcode;
	uint16_t qid, cid;
	uint32_t nsid;
	uint64_t slba;		/* CDW10 and CDW11 */
	uint32_t blocks;	/* of an NVM command; 1's based */
	uint64_t prp1, prp2;
	uint32_t cdw10, cdw11, cdw12;
	struct nnvme_sqe sqe;	/* as it was fetched */
	bool rest;		/* any bit set in CDW2, CDW3, MPTR, CDW13 to CDW15 */
	uint8_t flags;		/* FUSE, PSDT */
	unsigned lists;		/* PRP list pages read, or SGL segments */
	unsigned descriptors;	/* of SGLs, the one in the command included */
	uint16_t status;	/* as executed, before injection */
	uint64_t number;	/* 0 is the first since model_create() */
};
/* The newest is 0; false if it is not kept (the last 4096 are). */
bool model_log(struct model *m, unsigned back, struct model_log *entry);

/* Fetched and not completed yet. */
bool model_in_flight(struct model *m, uint16_t sqid, uint16_t cid);
bool model_bus_mastering(struct model *m);
bool model_ready(struct model *m);		/* The controller's own CSTS.RDY */

/* A namespace's content; only while the model does not run. */
void *model_data(struct model *m, uint32_t nsid);
/* Its namespaces hold what was durable, where they have a cache; only while it does not run. */
void model_power_loss(struct model *m);

/* Host memory at @bus; NULL if no live registration covers it. */
void *model_host(struct model *m, nnvme_bus_t bus);

/* ---- making it misbehave ---- */

enum model_act {
	MODEL_FAIL,		/* don't execute; complete with .status and .result */
	MODEL_HOLD,		/* execute; complete at model_release() */
	MODEL_DELAY,		/* execute; complete .count looks later */
	MODEL_SHUFFLE,		/* execute; complete in random order within groups of .count */
	MODEL_SILENT,		/* execute; never complete */
	MODEL_DROP,		/* don't even execute; never complete */
	MODEL_REPEAT,		/* complete .count times more than once */
	MODEL_CID,		/* complete with .cid instead of the true CID */
	MODEL_GHOST,		/* before the true completion, post one with .cid and .status */
	MODEL_PHASE,		/* write the entry with the old phase, then go on */
};

#define MODEL_ANY (-1)

/* Which commands, and what; start from model_rule(). */
struct model_rule {
	enum model_act act;
	int qid;		/* MODEL_ANY: all I/O queues; 0: admin */
	int opcode;		/* or MODEL_ANY */
	uint64_t lba, blocks;	/* touching this range; blocks 0: any */
	unsigned skip;		/* let that many matching ones pass */
	unsigned times;		/* then act on that many; 0: all */
	unsigned done;		/* acted on so far; the model's */
	unsigned count;
	uint16_t cid;
	uint16_t status;	/* SCT and SC, and NVME_SC_DNR: 15 bits */
	uint32_t result;
};

/* A rule of that act for every I/O command, to be narrowed. */
struct model_rule model_rule(enum model_act act);
void model_inject(struct model *m, const struct model_rule *rule);
void model_inject_clear(struct model *m);

enum model_order { MODEL_FIFO, MODEL_LIFO, MODEL_RANDOM };
/* Make due what HOLD holds, in that order; returns how many. */
unsigned model_release(struct model *m, enum model_order order);
unsigned model_held(struct model *m);

/* Post any completion to a queue now, with the right phase and SQ head. */
int model_post(struct model *m, uint16_t cqid, uint16_t sqid, uint16_t cid, uint16_t status);
/* Raise a vector's interrupt without a reason, so many times. */
void model_interrupt(struct model *m, unsigned vector, unsigned times);
/* Complete one held Asynchronous Event Request; false if there is none. */
bool model_event(struct model *m, uint32_t dw0);

void model_freeze(struct model *m, bool frozen);	/* looks at nothing, does nothing */
void model_fatal(struct model *m);			/* raises CSTS.CFS and stops */
void model_vanish(struct model *m);			/* off the bus: nothing answers */
void model_return(struct model *m);			/* plugged in again, as after a reset */

enum model_call { MODEL_MAP, MODEL_UNMAP, MODEL_BUS_ADDR, MODEL_BUS_MASTER, MODEL_RESET,
		  MODEL_INTERRUPTS_ON, MODEL_CALLS };
/* Let @skip calls of that op pass, then fail @times (0: all) with @code. */
void model_fail_call(struct model *m, enum model_call call, unsigned skip, unsigned times,
		     int code);

#endif
