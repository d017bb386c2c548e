/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_GUEST_INSN_QEMU_H
#define NNVME_KERNEL_GUEST_INSN_QEMU_H

/*
 * What this plugin uses of QEMU's interface for TCG plugins, version 1 (QEMU 6.2 to 8.1), for which
 * Debian has no header. QEMU's documentation, "QEMU TCG Plugins", describes each call. From 9.0 on
 * QEMU takes no plugin of that version.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_EXPORT __attribute__((visibility("default")))

struct qemu_info {
	const char *target;
	struct {
		int least, newest;
	} version;
	bool whole_system;
	int vcpus, max_vcpus;
};

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

enum { QEMU_NO_REGISTERS = 0 };	/* of enum qemu_plugin_cb_flags */
enum { QEMU_STORES = 2 };	/* of enum qemu_plugin_mem_rw */

typedef void (*qemu_translated)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_runs)(unsigned vcpu, void *data);
typedef void (*qemu_accesses)(unsigned vcpu, uint32_t info, uint64_t address, void *data);

/* What a plugin exports. */
extern QEMU_EXPORT int qemu_plugin_version;
QEMU_EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
				    char **argv);

/* What QEMU exports. */
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, qemu_translated call);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_runs call, int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_runs call,
					    int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_accesses call, int flags,
				      int access, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *address);
const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *address);

#endif
