// SPDX-License-Identifier: MIT
/*
 * Bytes where the library expects text that it wrote itself, or that the kernel or the user did:
 * the state file of a device, its driver_override, a PCI address. It takes them or refuses them in
 * one line; what it takes it can write and read again.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "kernel/pci_former.h"
#include "tests/unit/kernel_fake.h"

static void check_line(const struct nnvme_err *err, int rc)
{
	assert_int_equal(err->code, rc);
	assert_true(strlen(err->text) > 10);
	assert_null(strchr(err->text, '\n'));
}

/* An address that is taken is written in full, and that is taken too. */
static void address(const char *text)
{
	char bdf[NNVME_BDF_SIZE], again[NNVME_BDF_SIZE];
	struct nnvme_err err = { 0 };
	int rc = nnvme_bdf_parse(text, bdf, &err);

	if (rc) {
		check_line(&err, rc);
		return;
	}
	assert_true(strlen(bdf) >= strlen("0000:00:00.0"));
	assert_int_equal(nnvme_bdf_parse(bdf, again, NULL), 0);
	assert_string_equal(bdf, again);
}

static void former(const char *text)
{
	static struct nnvme_former first, second;
	struct nnvme_err err = { 0 };
	int rc;

	fake_file(text, "/run/noiommu-nvme/%s", FAKE_IOMMU);
	rc = nnvme_former_read(FAKE_IOMMU, &first, &err);
	if (rc == -ENOENT)
		return;
	if (rc) {
		check_line(&err, rc);
		return;
	}
	assert_null(strchr(first.driver, '/'));
	assert_int_equal(nnvme_former_write(FAKE_IOMMU, &first), 0);
	assert_int_equal(nnvme_former_read(FAKE_IOMMU, &second, NULL), 0);
	assert_memory_equal(&first, &second, sizeof(first));
}

/* Whatever it says, the device is given back or the reason said, and no descriptor is left. */
static void unbind(const char *text, const char *override)
{
	struct nnvme_err err = { 0 };
	int rc;

	fake_file(text, "/run/noiommu-nvme/%s", FAKE_IOMMU);
	fake_file(override, "/sys/bus/pci/devices/%s/driver_override", FAKE_IOMMU);
	rc = nnvme_pci_unbind(FAKE_IOMMU, &err);
	if (rc)
		check_line(&err, rc);
	assert_int_equal(fake.fds, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *second;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	second = strchr(text, '\f');
	address(text);
	assert_int_equal(fake_setup(NULL), 0);
	former(text);
	unbind(text, second ? second + 1 : "(null)\n");
	fake_teardown(NULL);
	free(text);
	return 0;
}
