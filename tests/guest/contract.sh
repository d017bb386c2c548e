# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short long
# guest: --iommu=split --cpus=2
# What the patched kernel must do, point by point, by raw ioctls: see contract/contract.h.
kills=20
[ "${NNVME_LONG:-0}" = 0 ] || kills=200
exec /tests/contract $kills
