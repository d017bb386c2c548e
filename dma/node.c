// SPDX-License-Identifier: MIT
#include "dma/node.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/sys.h"

#define BITS (8 * sizeof(long))
#define MAX_NODE (NNVME_NODES + 1ul) /* the kernel takes one off: mm/mempolicy.c, get_nodes() */

int nnvme_node_check(int node, struct nnvme_err *err)
{
	if (node == NNVME_NODE_ANY)
		return 0;
	if (!nnvme_sys_exists("/sys/devices/system/node"))
		return nnvme_fail(err, -EINVAL,
				  "this kernel knows no NUMA nodes; ask for node %d, any",
				  NNVME_NODE_ANY);
	if (node < 0 || node >= NNVME_NODES ||
	    !nnvme_sys_exists("/sys/devices/system/node/node%d", node))
		return nnvme_fail(err, -EINVAL,
				  "there is no NUMA node %d; those there are: "
				  "cat /sys/devices/system/node/online",
				  node);
	return 0;
}

static int refused(const char *call, int node, struct nnvme_err *err)
{
	int error = errno;

	if (error == EPERM)
		return nnvme_fail(err, -error,
				  "%s for NUMA node %d: %s; a container needs CAP_SYS_NICE for it",
				  call, node, strerror(error));
	return nnvme_fail(err, -error,
			  "%s for NUMA node %d: %s; has it memory that this process may use? "
			  "See /sys/devices/system/node/has_memory, and Mems_allowed_list in "
			  "/proc/self/status",
			  call, node, strerror(error));
}

static void only(unsigned long *nodes, int node)
{
	memset(nodes, 0, NNVME_NODES / 8);
	nodes[(unsigned)node / BITS] = 1ul << (unsigned)node % BITS;
}

int nnvme_node_begin(int node, struct nnvme_node_policy *old, struct nnvme_err *err)
{
	struct nnvme_node_policy bind = { .mode = MPOL_BIND };

	memset(old, 0, sizeof(*old));
	if (node == NNVME_NODE_ANY)
		return 0;
	only(bind.nodes, node);
	if (syscall(SYS_get_mempolicy, &old->mode, old->nodes, MAX_NODE, NULL, 0ul))
		return refused("get_mempolicy", node, err);
	if (syscall(SYS_set_mempolicy, bind.mode, bind.nodes, MAX_NODE))
		return refused("set_mempolicy", node, err);
	return 0;
}

void nnvme_node_end(int node, const struct nnvme_node_policy *old)
{
	int error = errno; /* errno of what was done in between */

	if (node != NNVME_NODE_ANY)
		syscall(SYS_set_mempolicy, old->mode, old->nodes, MAX_NODE);
	errno = error;
}

int nnvme_node_prefer(int node, void *va, size_t len, struct nnvme_err *err)
{
	struct nnvme_node_policy prefer = { .mode = MPOL_PREFERRED };

	if (node == NNVME_NODE_ANY)
		return 0;
	only(prefer.nodes, node);
	/* after mlockall(MCL_FUTURE) they are there already, from any node: move them */
	if (syscall(SYS_mbind, va, len, prefer.mode, prefer.nodes, MAX_NODE,
		    (unsigned long)MPOL_MF_MOVE))
		return refused("mbind", node, err);
	return 0;
}

int nnvme_node_verify(int node, const void *va, size_t len, size_t page_size, struct nnvme_err *err)
{
	size_t elsewhere = 0;

	if (node == NNVME_NODE_ANY)
		return 0;
	for (size_t at = 0; at < len; at += page_size) {
		int is = -1;

		if (syscall(SYS_get_mempolicy, &is, NULL, 0ul, (const char *)va + at,
			    (unsigned long)(MPOL_F_NODE | MPOL_F_ADDR)))
			return refused("get_mempolicy", node, err);
		elsewhere += is != node;
	}
	if (!elsewhere)
		return 0;
	return nnvme_fail(err, -ENOMEM,
			  "NUMA node %d has not enough free memory: %zu of %zu pages came from "
			  "elsewhere; see /sys/devices/system/node/node%d/meminfo",
			  node, elsewhere, len / page_size, node);
}
