/* SPDX-License-Identifier: MIT */
#ifndef NNVME_WIRE_H
#define NNVME_WIRE_H

/**
 * @file
 * Queue entries.
 *
 * @internal
 * The entries of submission and completion queues, byte for byte (NVM Express Base 2.x, Common
 * Command Format and Common Completion Queue Entry Layout). Other structures of the
 * specification come from libnvme. All fields are little-endian, as are the machines that this
 * runs on.
 */

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "queue entries are little-endian and this driver writes them as they are"
#endif

/* C11 has structures without a name in unions without one; C++ has them as an extension. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnested-anon-types"
#endif
struct nnvme_sqe {
	union {
		__extension__ struct {
			uint8_t opcode;
			uint8_t flags;	/* FUSE, PSDT */
			uint16_t cid;
			uint32_t nsid;
		};
		uint64_t cdw0_nsid;	/* all four, in one store */
	};
	uint32_t cdw2, cdw3;
	uint64_t mptr;
	uint64_t prp1, prp2;
	union {
		__extension__ struct {
			uint32_t cdw10, cdw11;
		};
		uint64_t slba;		/* of the NVM command set's reads and writes */
	};
	uint32_t cdw12, cdw13, cdw14, cdw15;
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

struct nnvme_cqe {
	uint32_t result, result2;	/* DW0, DW1 */
	uint16_t sq_head, sq_id;
	uint32_t dw3;		/* CID 15:00, phase 16, status 31:17; read in one load */
};

/*
 * Replaces PRP1 and PRP2 with NNVME_PSDT_SGL; lists are made of these too (Base 2.x, Scatter
 * Gather List).
 */
struct nnvme_sgl {
	uint64_t addr;
	uint32_t len;
	uint8_t reserved[3];
	uint8_t type;		/* descriptor type 7:4, sub type 3:0: 0 is an address */
};

#define NNVME_PSDT_SGL 0x40	/* in flags: SGLs, and the metadata pointer a plain address */

enum {
	NNVME_SGL_DATA = 0x00,
	NNVME_SGL_BIT_BUCKET = 0x10,
	NNVME_SGL_SEGMENT = 0x20,
	NNVME_SGL_LAST_SEGMENT = 0x30,
};

/* NVM Command Set opcodes that the inline path uses. */
enum {
	NNVME_OP_FLUSH = 0x00,
	NNVME_OP_WRITE = 0x01,
	NNVME_OP_READ = 0x02,
	NNVME_OP_WRITE_ZEROES = 0x08,
	NNVME_OP_DSM = 0x09,
};

#endif
