// SPDX-License-Identifier: MIT
/*
 * Memory of a chosen NUMA node: on this machine's node, and on a fake machine of three nodes, where
 * the test supplies the system calls (the linker's --wrap=syscall) and decides where memory comes
 * from.
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dma/memory.h"
#include "dma/node.h"
#include "driver_rig.h"
#include "kernel/sys.h"

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define PAGE ((size_t)4096)
#define NODES 3
#define NODE2_POOL "/sys/devices/system/node/node2/hugepages/hugepages-1048576kB"

struct range {
	uintptr_t va;
	size_t len;
	int mode, node;
};

static struct {
	bool on;
	char root[64];
	struct range range[16];		/* of mbind() */
	unsigned binds;
	int mode;			/* the thread's policy */
	unsigned long nodes;
	unsigned sets;
	int full;		/* that node has one page less than wanted; -1: none */
	long fail;			/* this system call fails, with this errno */
	int error;
	bool hugetlb;		/* memory comes from where the thread's policy said at that time */
	int huge_node;
} fake;

static int node_of(unsigned long nodes)
{
	return nodes ? __builtin_ctzl(nodes) : -1;
}

static long fake_mbind(uintptr_t va, size_t len, int mode, unsigned long nodes)
{
	assert_true(fake.binds < 16);
	fake.range[fake.binds++] = (struct range){ va, len, mode, node_of(nodes) };
	return 0;
}

static long fake_where(int *node, uintptr_t va)
{
	*node = fake.hugetlb ? fake.huge_node : 0;
	for (unsigned i = 0; i < fake.binds; i++) {
		const struct range *r = &fake.range[i];

		if (va - r->va >= r->len)
			continue;
		*node = r->node;
		if (r->node == fake.full && va + PAGE == r->va + r->len)
			*node = (r->node + 1) % NODES;
	}
	return 0;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (!fake.on)
		return __real_syscall(number, a, b, c, d, e, f);
	if (number == fake.fail) {
		errno = fake.error;
		return -1;
	}
	switch (number) {
	case SYS_mbind:
		assert_int_equal(e, NNVME_NODES + 1);
		/* mlockall(MCL_FUTURE) has a mapping's pages come at once, before any policy */
		assert_int_equal(f, MPOL_MF_MOVE);
		return fake_mbind((uintptr_t)a, (size_t)b, (int)c, *(unsigned long *)d);
	case SYS_set_mempolicy:
		fake.sets++;
		fake.mode = (int)a;
		fake.nodes = *(unsigned long *)b;
		if (fake.mode == MPOL_BIND)
			fake.huge_node = node_of(fake.nodes);
		return 0;
	case SYS_get_mempolicy:
		if (e == (MPOL_F_NODE | MPOL_F_ADDR))
			return fake_where((int *)a, (uintptr_t)d);
		*(int *)a = fake.mode;
		*(unsigned long *)b = fake.nodes;
		return 0;
	}
	fail_msg("system call %ld", number);
	return -1;
}

static void make_dir(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", fake.root, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void make_file(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", fake.root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int three_nodes(void **state)
{
	static const char *const dirs[] = {
		"/sys", "/sys/devices", "/sys/devices/system", "/sys/devices/system/node",
		"/sys/devices/system/node/node0", "/sys/devices/system/node/node1",
		"/sys/devices/system/node/node2", "/sys/devices/system/node/node2/hugepages",
		NODE2_POOL,
	};

	memset(&fake, 0, sizeof(fake));
	fake.full = -1;
	fake.fail = -1;
	strcpy(fake.root, "/tmp/nnvme-node-XXXXXX");
	if (!mkdtemp(fake.root))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(dirs[i]);
	make_file(NODE2_POOL "/free_hugepages", "3\n");
	return 0;
}

static int no_nodes(void **state)
{
	char command[128];

	fake.on = false;
	nnvme_sys.root = "";
	snprintf(command, sizeof(command), "rm -r '%s'", fake.root);
	return system(command);
}

static void machine_on(void)
{
	nnvme_sys.root = fake.root;
	fake.on = true;
}

static void machine_off(void)
{
	nnvme_sys.root = "";
	fake.on = false;
}

/* ---- a machine of three nodes ---- */

/* Memory comes from where it is asked for, each node from its own chunks, and can be used. */
static void each_node_has_its_own_chunks(void **state)
{
	char *any, *again, *on[NODES], *more[NODES];
	struct rig r;

	rig_up(&r, NULL, 4);
	machine_on();
	any = rig_alloc(&r, PAGE);
	for (int node = 0; node < NODES; node++)
		on[node] = nnvme_mem_alloc_node(r.ctrl, PAGE, node, &r.err);
	assert_int_equal(fake.binds, NODES);
	for (int node = 0; node < NODES; node++) {
		assert_ptr_equal((void *)fake.range[node].va, on[node]);
		assert_int_equal(fake.range[node].mode, MPOL_PREFERRED);
		assert_int_equal(fake.range[node].node, node);
		assert_int_equal(fake.range[node].len, 2 * MIB);
	}
	again = rig_alloc(&r, PAGE);
	assert_ptr_equal(again, any + PAGE);
	for (int node = NODES - 1; node >= 0; node--) {
		more[node] = nnvme_mem_alloc_node(r.ctrl, PAGE, node, &r.err);
		assert_ptr_equal(more[node], on[node] + PAGE);
	}
	assert_int_equal(fake.binds, NODES);
	machine_off();
	for (int node = 0; node < NODES; node++) {
		assert_int_equal(rig_read(&r, on[node], 0, 8), 0);
		assert_int_equal(nnvme_mem_free(r.ctrl, on[node]), 0);
		assert_int_equal(nnvme_mem_free(r.ctrl, more[node]), 0);
	}
	rig_down(&r);
}

static void expect(struct rig *r, int node, int want, const char *word)
{
	uint64_t mapped = rig_mapped(r);

	machine_on();
	assert_null(nnvme_mem_alloc_node(r->ctrl, PAGE, node, &r->err));
	machine_off();
	assert_int_equal(r->err.code, want);
	if (!strstr(r->err.text, word))
		fail_msg("'%s' does not say '%s'", r->err.text, word);
	assert_int_equal(rig_mapped(r), mapped);
}

static void what_can_not_be_had_is_refused(void **state)
{
	static const struct {
		long call;
		int error;
		const char *word;
	} c[] = {
		{ SYS_mbind, EINVAL, "Mems_allowed_list" }, { SYS_mbind, EPERM, "CAP_SYS_NICE" },
		{ SYS_get_mempolicy, ENOSYS, "get_mempolicy" },
	};
	struct rig r;

	rig_up(&r, NULL, 4);
	expect(&r, 3, -EINVAL, "no NUMA node 3");
	expect(&r, -2, -EINVAL, "no NUMA node -2");
	expect(&r, NNVME_NODES, -EINVAL, "no NUMA node 1024");
	fake.full = 1;		/* its last page comes from node 2 */
	expect(&r, 1, -ENOMEM, "1 of 512 pages came from elsewhere; see "
	       "/sys/devices/system/node/node1/meminfo");
	fake.full = -1;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		fake.fail = c[i].call;
		fake.error = c[i].error;
		expect(&r, 1, -c[i].error, c[i].word);
	}
	rig_down(&r);
}

static void a_kernel_without_nodes(void **state)
{
	char node[128];
	struct rig r;

	rig_up(&r, NULL, 4);
	snprintf(node, sizeof(node), "rm -r '%s/sys/devices/system/node'", fake.root);
	assert_int_equal(system(node), 0);
	expect(&r, 0, -EINVAL, "knows no NUMA nodes");
	assert_non_null(nnvme_mem_alloc_node(r.ctrl, PAGE, -1, &r.err));
	rig_down(&r);
}

/* The thread's own policy is back afterwards, whether there was memory or not. */
static void huge_pages_by_the_threads_policy(void **state)
{
	struct nnvme_memory mem = { 0 };
	struct nnvme_err err = { 0 };
	int ret;

	fake.mode = MPOL_INTERLEAVE;
	fake.nodes = 6;
	fake.hugetlb = true;
	machine_on();
	ret = nnvme_memory_get(2 * MIB, 2 * MIB, 2, &mem, &err);
	assert_int_equal(fake.huge_node, 2);
	assert_int_equal(fake.sets, 2);
	assert_int_equal(fake.mode, MPOL_INTERLEAVE);
	assert_int_equal(fake.nodes, 6);
	assert_true(!ret || ret == -ENOMEM);	/* the machine under the test may have none */
	nnvme_memory_put(&mem);
	/* eight pages of 1 GiB: no machine here has them, so trying takes none from others */
	assert_int_equal(nnvme_memory_get(8 * GIB, GIB, 2, &mem, &err), -ENOMEM);
	assert_int_equal(fake.mode, MPOL_INTERLEAVE);
	assert_non_null(strstr(err.text, "8 huge pages of 1048576 kB are needed and 3 are free on "
					 "NUMA node 2"));
	assert_non_null(strstr(err.text, "n=" NODE2_POOL "/nr_hugepages; echo $(($(cat "
			       "$n) + 5)) > $n"));
	fake.fail = SYS_set_mempolicy;
	fake.error = EINVAL;
	assert_int_equal(nnvme_memory_get(2 * MIB, 2 * MIB, 1, &mem, &err), -EINVAL);
	machine_off();
}

/* There are enough pages, but not for us: no nonsense is advised. */
static void free_huge_pages_that_are_not_ours(void **state)
{
	struct nnvme_memory mem = { 0 };
	struct nnvme_err err = { 0 };

	make_file(NODE2_POOL "/free_hugepages", "999999999\n");
	machine_on();
	assert_int_equal(nnvme_memory_get(8 * GIB, GIB, 2, &mem, &err), -ENOMEM);
	machine_off();
	/* nodes have no such file: mm/hugetlb_sysfs.c, per_node_hstate_attrs */
	assert_non_null(strstr(err.text,
			       "(/sys/kernel/mm/hugepages/hugepages-1048576kB/resv_hugepages)"));
	assert_null(strstr(err.text, "echo"));
}

/* ---- this machine ---- */

/* Where the kernel says that a page is; below 0: not known. */
static int real_node(void *va)
{
	int node = -1;

	if (__real_syscall(SYS_move_pages, 0, 1ul, &va, NULL, &node, 0))
		return -1;
	return node;
}

static void on_this_machines_node(void **state)
{
	struct nnvme_memory mem = { 0 };
	int before = -1, after = -1;
	struct nnvme_err err;
	struct rig r;
	char *buf;

	if (access("/sys/devices/system/node/node0", F_OK) ||
	    __real_syscall(SYS_get_mempolicy, &before, NULL, 0ul, NULL, 0ul))
		skip();
	rig_up(&r, NULL, 4);
	buf = nnvme_mem_alloc_node(r.ctrl, 64 * PAGE, 0, &r.err);
	if (!buf)
		fail_msg("%s", r.err.text);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(real_node(buf + i * PAGE), 0);
	assert_int_equal(rig_read(&r, buf, 0, 8), 0);
	rig_down(&r);
	if (nnvme_memory_get(2 * MIB, 2 * MIB, 0, &mem, &err))
		print_message("# %s\n", err.text);
	else
		assert_int_equal(real_node(mem.va), 0);
	nnvme_memory_put(&mem);
	assert_int_equal(__real_syscall(SYS_get_mempolicy, &after, NULL, 0ul, NULL, 0ul), 0);
	assert_int_equal(after, before);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, three_nodes, no_nodes)
	const struct CMUnitTest tests[] = {
		T(each_node_has_its_own_chunks), T(what_can_not_be_had_is_refused),
		T(a_kernel_without_nodes),
		T(huge_pages_by_the_threads_policy), T(free_huge_pages_that_are_not_ours),
		T(on_this_machines_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
