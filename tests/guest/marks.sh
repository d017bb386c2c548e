# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --count
# The plugin that counts instructions and doorbell writes between marks, compared with known
# numbers.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
/tests/marks "/dev/$(disk "$NULL_IOMMU")"
