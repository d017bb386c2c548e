# SPDX-License-Identifier: MIT
"""Python's unittest as TAP: a line a test. argv is the benchmark's program, and after it parts of names of
the tests to run; NNVME_KEEP=DIR leaves the pages that were made there, to look at."""
import os
import sys
import traceback
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench/report"))
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "noiommu-nvme-bench"


class Tap(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.good = True

    def line(self, test, error=None):
        self.good = self.good and not error
        for text in "".join(traceback.format_exception(*error)).splitlines() if error else ():
            print("# " + text)
        name = test.id().split(".", 1)[1].replace("test_", "").replace("_", " ")
        print(f"{'not ok' if error else 'ok'} {self.testsRun} - {name}", flush=True)

    def addSuccess(self, test):
        self.line(test)

    def addFailure(self, test, err):
        self.line(test, err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            self.testsRun += 1
            self.line(test, err)


def main(module):
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{part}*" for part in sys.argv[2:]] or None
    result = Tap()
    loader.loadTestsFromModule(sys.modules[module]).run(result)
    print(f"1..{result.testsRun}")
    sys.exit(not result.good)
