// SPDX-License-Identifier: MIT
/* Takes the devices, runs the tests, gives the devices back. See contract.h. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

const char *contract_noiommu[2];
const char *contract_iommu[2];
unsigned contract_kills = 20;

/* cmocka does not end the line of its message: begin a new one for the parent. */
static void end_line(int sig)
{
	if (write(STDERR_FILENO, "\n", 1) != 1)
		_exit(1);
}

pid_t contract_fork(void)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		signal(SIGABRT, end_line);
	}
	return child;
}

int contract_in_child(int (*fn)(void *), void *arg)
{
	pid_t child = contract_fork();
	int status;

	if (!child)
		_exit(fn(arg));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int contract_tidy(void **state)
{
	close_range(3, ~0u, 0);
	return 0;
}

int contract_drop_capability(int cap)
{
	cap_value_t value = cap;
	cap_t caps = cap_get_proc();
	int ret = 0;

	if (!caps || cap_set_flag(caps, CAP_EFFECTIVE, 1, &value, CAP_CLEAR) ||
	    cap_set_flag(caps, CAP_PERMITTED, 1, &value, CAP_CLEAR) || cap_set_proc(caps))
		ret = -errno;
	cap_free(caps);
	return ret;
}

static const char *device_of(const char *variable)
{
	const char *bdf = getenv(variable);

	if (!bdf) {
		fprintf(stderr, "contract: $%s is not set: it names a controller as 0000:41:00.0\n",
			variable);
		exit(2);
	}
	return bdf;
}

/* Bind every device to @driver, or back to its own. All are tried, whatever happens to one. */
static int bind_all(const char *driver)
{
	const char *all[] = { contract_noiommu[0], contract_noiommu[1], contract_iommu[0],
			      contract_iommu[1] };
	int ret, result = 0;

	for (unsigned i = 0; i < 4; i++) {
		ret = pcidev_bind(all[i], driver);
		if (!ret)
			continue;
		fprintf(stderr, "contract: %s cannot be bound to %s: %s\n", all[i],
			driver ? driver : "its own driver", strerror(-ret));
		result = ret;
	}
	return result;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc > 3) {
		fprintf(stderr, "usage: contract [KILLS [NAME-PATTERN]]\n");
		return 2;
	}
	if (argc > 1)
		contract_kills = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	contract_noiommu[0] = device_of("NVME_NOIOMMU");
	contract_noiommu[1] = device_of("NULL_NOIOMMU");
	contract_iommu[0] = device_of("NVME_IOMMU");
	contract_iommu[1] = device_of("NULL_IOMMU");

	pcidev_noiommu_mode(true);
	if (bind_all("vfio-pci")) {
		bind_all(NULL);
		return 2;
	}
	failed += contract_test_access();
	failed += contract_test_group();
	failed += contract_test_get_pa();
	failed += contract_test_attach();
	failed += contract_test_iova();
	failed += contract_test_map();
	failed += contract_test_reset();
	failed += contract_test_life();
	failed += contract_test_stress();
	if (bind_all(NULL))
		failed++;
	pcidev_noiommu_mode(false);
	return failed != 0;
}
