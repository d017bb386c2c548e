#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts of instructions and doorbell writes, merged into the results of a timed run."""
import copy
import tempfile
import unittest
from pathlib import Path

import bench_tap
import merge
from results import SCHEMA, Wrong, get, read, sum_up, to_json

ROUNDS = 3
COUNTS = ("1 1000000 4000000 1000 500\n2 1000000 4100000 1000 500\n3 1000000 3900000 1000 500\n"
          "4 100000 0 32 32\n5 100000 0 32 32\n6 100000 0 32 32\n")
USER, KERNEL, SQ, CQ = merge.COUNTED


def cell(row, mark):
    """Of 1000 I/Os a round; the rounds' marks are @mark, @mark + 1, ..., or none."""
    return {"row": row, "column": "randread-4k-qd1", "driver": "kernel", "variant": "plain",
            "device": "0000:00:10.0", "spins": False,
            "rounds": [{"seconds": 1, "ios": 1000, "errors": 0, "iops": 1000, "mark": mark and mark + i}
                       for i in range(ROUNDS)]}


def results(*cells):
    r = {"schema": SCHEMA, "started": "2000-01-01T00:00:00Z", "harness": "bench", "emulated": False,
         "complete": True, "rounds": ROUNDS, "seconds": 1, "machine": {}, "device": {"bdf": "0000:00:10.0"},
         "cells": list(cells), "skipped": []}
    sum_up(r)
    return r


class Merge(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.timed = results(cell("kernel-identity-plain", 0), cell("nnvme-iommu", 0))
        self.counted = results(cell("nnvme-iommu", 4), cell("kernel-identity-plain", 1))
        self.counts = self.read_counts(COUNTS)

    def read_counts(self, text):
        (self.folder / "marks.txt").write_text(text)
        return merge.read_counts(str(self.folder / "marks.txt"))

    def merge(self):
        merge.merge(self.timed, self.counted, self.counts)

    def test_figures(self):
        self.merge()
        kernel, nnvme = self.timed["cells"]
        self.assertEqual(get(kernel, USER)["median"], 1000)
        self.assertEqual(get(kernel, KERNEL), {"median": 4000, "low": 3900, "high": 4100})
        self.assertEqual(get(kernel["rounds"][1], KERNEL), 4100)
        self.assertEqual(get(kernel, SQ)["median"], 1)
        self.assertEqual(get(kernel, CQ)["median"], 0.5)
        self.assertEqual(get(kernel, "iops")["median"], 1000)
        self.assertEqual(get(nnvme, USER)["median"], 100)
        self.assertEqual(get(nnvme, SQ)["median"], 0.032)
        self.assertEqual(nnvme["rounds"][2]["mark"], 6)

    def test_failed_ios(self):
        self.counted["cells"][1]["rounds"][1]["errors"] = 3
        self.counted["cells"][0]["rounds"][0]["ios"] = 0
        self.merge()
        kernel, nnvme = self.timed["cells"]
        self.assertIsNone(get(kernel["rounds"][1], USER))
        self.assertIsNotNone(get(kernel["rounds"][2], USER))
        self.assertIsNone(get(nnvme["rounds"][0], SQ))

    def test_cells_of_one_alone(self):
        self.timed["cells"].append(cell("kernel-none-plain", 0))
        self.counted["cells"][0]["row"] = "kernel-DMA-plain"
        self.merge()
        self.assertIsNone(get(self.timed["cells"][1], USER))
        self.assertIsNone(get(self.timed["cells"][2], USER))
        self.assertIsNotNone(get(self.timed["cells"][0], USER))

    def refused(self, words):
        """With these words, and nothing is merged."""
        before = copy.deepcopy(self.timed)
        with self.assertRaises(Wrong) as caught:
            self.merge()
        self.assertIn(words, str(caught.exception))
        self.assertEqual(self.timed, before)

    def test_other_runs(self):
        lost = self.counts.pop(5)
        self.refused("round 2 of nnvme-iommu, randread-4k-qd1: its pair of marks, 5, was not counted")
        self.counts[5] = lost
        self.counted["cells"][0]["rounds"][0]["mark"] = 70000
        self.refused("70000, was not counted")
        self.counted["cells"][0]["rounds"][0]["mark"] = 4
        self.counted["rounds"] = 2
        self.refused("of 2 rounds, and the results of 3")
        self.counted["rounds"] = 3
        self.counted["device"]["bdf"] = "0000:00:11.0"
        self.refused('bdf is "0000:00:11.0" there, and "0000:00:10.0" here')
        self.counted["device"] = {"bdf": "0000:00:10.0", "second.bdf": "0000:01:00.0"}
        self.refused('second.bdf is "0000:01:00.0" there')
        self.counted["device"] = dict(self.timed["device"])
        self.counted["machine"]["kernel"] = "7.3.4"
        self.refused('kernel is "7.3.4" there, and "" here')

    def test_other_cells(self):
        """Of the same name, but not the same."""
        for name, value in (("driver", "nnvme"), ("variant", "polled"), ("domain", "DMA"), ("mode", "iommu"),
                            ("device", "0000:00:11.0")):
            self.counted["cells"][0][name], was = value, self.counted["cells"][0].get(name)
            self.refused(f'row nnvme-iommu: {name} is "{value}" there')
            self.counted["cells"][0][name] = was
        self.counted["cells"][1]["rounds"][2]["domain_read_back"] = "DMA"
        self.refused('domain type, kernel-identity-plain: domain_read_back is "DMA" there')

    def test_a_mark_of_two_rounds(self):
        self.counted["cells"][0]["rounds"][2]["mark"] = 4
        self.refused("round 3 of nnvme-iommu, randread-4k-qd1: its pair of marks, 4, is another round's")

    def test_rounds_without_counts_are_told(self):
        self.counted["cells"][0]["rounds"][1]["mark"] = 0
        self.assertEqual(merge.merge(self.timed, self.counted, self.counts), 1)

    def test_no_marks(self):
        """Nothing was counted: that is no success."""
        for c in self.counted["cells"]:
            for r in c["rounds"]:
                r["mark"] = 0
        self.refused("no round of the results was counted: count a run with --marks")
        self.counted = results()
        self.refused("no round of the results was counted")

    def test_bad_lines(self):
        for text, words in (
                ("1 2 3 4\n", ":1: not five numbers"), ("1 2 3 4 5\n2 3 4 5 6 7\n", ":2: not five numbers"),
                ("1 -2 3 4 5\n", "not five numbers"), ("x\n", "not five numbers"),
                ("\n", "not five numbers"),
                ("1 0 0 4 5\n", ":1: 0 instructions are no count"), ("1 2 3 4 5\n2 2 3 4 5", "cut off"),
                ("1 18446744073709551615 3 4 5\n", "18446744073709551618 instructions are no count"),
                ("0 2 3 4 5\n", "pair 0"), ("65536 2 3 4 5\n", "pair 65536"),
                ("7 2 3 4 5\n7 2 3 4 5\n", ":2: pair 7 for the second time")):
            with self.assertRaises(Wrong) as caught:
                self.read_counts(text)
            self.assertIn(words, str(caught.exception))
        with self.assertRaisesRegex(Wrong, "No such file"):
            merge.read_counts("/nonexistent/marks")
        self.assertEqual(self.read_counts(""), {})

    def test_files(self):
        (self.folder / "results.json").write_text(to_json(self.timed))
        (self.folder / "counted.json").write_text(to_json(self.counted))
        merge.merge_files(*(str(self.folder / f) for f in ("results.json", "counted.json", "marks.txt")))
        merged = read(str(self.folder / "results.json"))
        self.assertEqual(get(merged["cells"][0], KERNEL)["median"], 4000)
        self.assertEqual({p.name for p in self.folder.iterdir()},
                         {"results.json", "counted.json", "marks.txt", "results.csv"})


bench_tap.main(__name__)
