#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What `./run perf` takes for a figure: nothing that was not counted passes for a small one."""
import importlib.machinery
import importlib.util
import tempfile
import unittest
from pathlib import Path

import bench_tap

PATH = str(Path(__file__).resolve().parents[1] / "perf/perf")
SPEC = importlib.util.spec_from_loader("perf", importlib.machinery.SourceFileLoader("perf", PATH))
perf = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(perf)

COUNTED = """fn=(1) nnvme_fio_queue
5 10
cfn=(2) nnvme_fio_commit
calls=1 5
fn=(2)
7 3
fn=(3) nnvme_fio_getevents
8 3
fn=(4) nnvme_fio_event
9 1
"""


class Figures(unittest.TestCase):
    def test_limits(self):
        for value, limit, met in ((60, 60, True), (60.1, 60, False), (20, 60, True), (-8.2, 60, False),
                                  (8, 150, False), (0, 60, False), (7, None, True), (0, None, False)):
            self.assertEqual(perf.Figure(value, limit).met(), met, (value, limit))
        others = {"plain": perf.Figure(50, 60)}
        self.assertTrue(perf.Figure(55, against="plain").judge(others))
        self.assertFalse(perf.Figure(55.1, against="plain").judge(others))
        self.assertFalse(perf.Figure(1, against="plain").judge(others))

    def test_hooks_that_were_not_counted(self):
        self.assertEqual(perf.uncounted(COUNTED), [])
        self.assertEqual(perf.uncounted(COUNTED.replace("fio_queue", "fio_queue.part.0")), ["queue"])
        # called, but toggled off
        self.assertEqual(perf.uncounted(COUNTED.replace("\nfn=(2)\n7 3", "")), ["commit"])

    def test_what_does_not_end(self):
        """It gets a signal that it can handle."""
        was, perf.PATIENCE = perf.PATIENCE, 1
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder, "said")
            command = ["sh", "-c", f"trap 'echo ended >{said}; exit 1' TERM; sleep 60 & wait"]
            with self.assertRaisesRegex(SystemExit, "no end after 1 seconds"):
                perf.run(command, "sleeping")
            self.assertEqual(said.read_text(), "ended\n")
        perf.PATIENCE = was
        self.assertEqual(perf.run(["echo", "done"], "echo"), "done\n")
        self.assertRaisesRegex(SystemExit, "false failed", perf.run, ["false"], "false")

    def test_three_parts(self):
        self.assertEqual(perf.totals(["totals: 3\n", "totals: 2\n", "totals: 1\n"], ""), [3, 2, 1])
        for texts in (["totals: 3\n"], ["totals: 3\n", "totals: 0\n", "totals: 1\n"]):
            self.assertRaises(SystemExit, perf.totals, texts, "")


bench_tap.main(__name__)
