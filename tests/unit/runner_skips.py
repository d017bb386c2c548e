#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tap.py: a test that was skipped is neither passed nor failed, and is not forgotten."""
import contextlib
import importlib.machinery
import importlib.util
import io
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LINES = ("ok 1 - one", "ok 2 # SKIP two", "ok 3 - three: no mirror # SKIP", "ok 4 - skips nothing", "1..4")


def runner():
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(TESTS))
    loader = importlib.machinery.SourceFileLoader("runner", str(TESTS / "runner"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(module)
    return module


def main():
    module = runner()
    count, said = module.Count(), io.StringIO()
    with contextlib.redirect_stdout(said):
        program = module.Program(count, "p")
        for line in LINES:
            program.line(line)
        program.end(0)
        status = count.summary()
    for number, (name, got, wanted) in enumerate((
            ("passed", count.passed, 2), ("failed", count.failed, []),
            ("all of it skipped", module.exit_status({"result": "SKIP", "returncode": 0}), 0),
            ("a failure", module.exit_status({"result": "FAIL", "returncode": 0}), 1),
            ("skipped", count.skipped, ["p: # SKIP two", "p: three: no mirror # SKIP"]),
            ("said again", said.getvalue().count("p: # SKIP two"), 2),
            ("the last line", said.getvalue().splitlines()[-1], "2 passed, 0 failed"),
            ("success", status, 0)), 1):
        if got != wanted:
            print(f"# {got} and not {wanted}")
        print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
    print("1..8")


main()
