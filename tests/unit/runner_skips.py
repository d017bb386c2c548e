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


class Lacking:
    """A run whose guest needs what Debian's archive does not have."""

    def __init__(self, count):
        self.count, self.command = count, None

    def start(self, command):
        self.command = command
        return self

    stdout = ()

    @staticmethod
    def end(*_):
        return 75


def lacking(module):
    """What is skipped, what failed, and with which options the guest was to be booted."""
    run = Lacking(module.Count())
    boot = module.tiers.Boot("other --qemu=suite", ("--cpus=2",), False)
    boot.scripts += ["a", "b"]
    with contextlib.redirect_stdout(io.StringIO()):
        module.guest(run, boot)
    options = [word for word in run.command if word[:2] == "--" and len(word) > 2 and "timeout" not in word]
    return [name.split(" # ")[0] for name in run.count.skipped], run.count.failed, options


def main():
    module = runner()
    count, said = module.Count(), io.StringIO()
    with contextlib.redirect_stdout(said):
        program = module.Program(count, "p")
        for line in LINES:
            program.line(line)
        program.end(0)
        program = module.Program(count, "q")
        program.line("1..0 # SKIP no mirror")
        program.end(0)
        status = count.summary()
    for number, (name, got, wanted) in enumerate((
            ("passed", count.passed, 2), ("failed", count.failed, []),
            ("all of it skipped", module.exit_status({"result": "SKIP", "returncode": 0}), 0),
            ("a failure", module.exit_status({"result": "FAIL", "returncode": 0}), 1),
            ("skipped", count.skipped, ["p: # SKIP two", "p: three: no mirror # SKIP", "q: # SKIP no mirror"]),
            ("said again", said.getvalue().count("p: # SKIP two"), 2),
            ("the last line", said.getvalue().splitlines()[-1], "2 passed, 0 failed"),
            ("success", status, 0),
            ("a guest that can't be made", lacking(module),
             (["guest a (other --qemu=suite)", "guest b (other --qemu=suite)"], [],
              ["--kernel=other", "--qemu=suite", "--cpus=2"]))), 1):
        if got != wanted:
            print(f"# {got} and not {wanted}")
        print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
    print("1..9")


main()
