# SPDX-License-Identifier: MIT
"""Results that no machine gave: every row and column that the program lists, with a little noise that is
always the same. Shaped like an emulated machine with a second controller that has no IOMMU."""
import functools
import random
import re
import subprocess

from results import SCHEMA, put, sum_up

URINGS = {"plain": 20, "registered": 16, "polled": 13, "passthrough": 12}
DOMAINS = {"identity": 1, "dma": 1.5, "dma-fq": 1.5, "none": 1.05}
READ_BACK = {"identity": "identity", "dma": "DMA", "dma-fq": "DMA-FQ"}
WAITS = {"poll": 0.05, "hybrid": 6, "interrupt": 12}


@functools.cache
def listed(program):
    """([(row, title)], [(column, title, whether it is a default)]) of `noiommu-nvme-bench rows`."""
    text = subprocess.run([program, "rows"], check=True, capture_output=True, text=True).stdout
    rows, columns = text.split("columns (* by default):\n")
    return (re.findall(r"^  (\S+) +(.*)", rows, re.M),
            [(name, title.removesuffix(" (--destroy-data)"), star == "*")
             for star, name, title in re.findall(r"^([* ]) (\S+) +(.*)", columns, re.M)])


class Row:
    def __init__(self, name):
        self.name = name
        if name.startswith("kernel-"):
            self.driver, self.domain, self.mode = "kernel", *name[7:].rsplit("-", 1)[:1], ""
            self.variant = name.rpartition("-")[2]
            self.user, self.kernel = 4, URINGS[self.variant] * DOMAINS[self.domain]
        else:
            self.driver, self.domain, self.mode = "nnvme", "", name.split("-")[1]
            self.variant = (name.split("-") + ["poll"])[2]
            self.user, self.kernel = 4.2, WAITS[self.variant]
        self.spins = self.variant in ("polled", "passthrough", "poll")
        self.second = self.domain == "none" or self.mode == "noiommu"


def round_of(row, column, noise):
    """Of a made-up device that takes 60 us."""
    depth, big = int(column.rpartition("qd")[2]), "128k" in column
    each = (row.user + row.kernel) * (4 if big else 1)
    iops = 1e6 / max(each, (60 + each) / min(depth, 12)) * noise()
    mean = depth / iops * 1e9
    p99 = mean * (2 if row.spins else 4) * noise()
    p999 = p99 * 3 * noise() ** 6
    measured = {
        "iops": iops, "bytes_per_second": iops * (131072 if big else 4096), "latency.mean_ns": mean,
        "latency.p50_ns": mean * 0.95 * noise(), "latency.p99_ns": p99, "latency.p999_ns": p999,
        "latency.max_ns": p999 * 20 * noise() ** 12,
        "cpu.user": row.user * (6 if row.spins and depth == 1 else 1) * noise(),
        "cpu.system": row.kernel * noise(), "per_io.interrupts": 0 if row.spins else 1 / min(depth, 4),
        "per_io.sq_doorbells": 1 / depth, "per_io.cq_doorbells": 1 / depth,
        "per_io.instructions_user": row.user * (45 if row.driver == "nnvme" else 90) * noise(),
        "per_io.instructions_kernel": row.kernel * 190 * noise()}
    if row.domain in READ_BACK:
        maps = 0 if row.domain == "identity" else 1
        measured |= {"per_io.maps": maps, "per_io.unmaps": maps,
                     "per_io.invalidations": {"dma": 1, "dma-fq": 0.004, "identity": 0}[row.domain]}
    made = {"seconds": 5, "ios": int(iops * 5), "errors": 0, "domain_read_back": READ_BACK.get(row.domain)}
    for metric, value in measured.items():
        put(made, metric, value)
    return made


def synthetic(program, rounds, all_columns=False):
    """All rows of the default columns, or of all columns; one row is left out, with a reason."""
    state = random.Random(1)
    rows, columns = listed(program)
    cells = []
    for column, _, default in columns:
        for name, _ in rows:
            if name == "kernel-none-polled" or not (default or all_columns):
                continue
            row = Row(name)
            cells.append({
                "row": name, "column": column, "driver": row.driver, "variant": row.variant,
                "domain": READ_BACK.get(row.domain), "mode": row.mode or None,
                "device": "0000:41:00.0" if row.second else "0000:01:00.0", "spins": row.spins,
                "rounds": [round_of(row, column, lambda: state.uniform(0.97, 1.03)) for _ in range(rounds)]})
    results = {
        "schema": SCHEMA, "started": "2001-02-03T04:05:06Z", "harness": "bench", "backend": "null-co",
        "emulated": True, "complete": True, "rounds": rounds, "seconds": 5,
        "machine": {"kernel": "6.12.117", "cpu": "QEMU TCG CPU version 2.5+", "governor": "none",
                    "command": "noiommu-nvme-bench --device 0000:01:00.0 --second-device 0000:41:00.0 "
                               f"--rows kernel-identity-plain,nnvme-noiommu --time 5 --rounds {rounds}"},
        "device": {"bdf": "0000:01:00.0", "model": "QEMU NVMe Ctrl", "second.bdf": "0000:41:00.0"},
        "cells": cells,
        "skipped": [{"row": "kernel-none-polled", "column": None,
                     "reason": "the nvme driver has no poll queues: nvme.poll_queues=2 on the kernel's "
                               "command line gives it some"}]}
    sum_up(results)
    return results
