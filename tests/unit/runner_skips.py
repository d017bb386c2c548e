#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tap.py: a test that was skipped is neither passed nor failed, and is not forgotten."""
import contextlib
import importlib.machinery
import importlib.util
import io
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import cases_tap  # noqa: E402

TESTS = Path(__file__).resolve().parents[1]
LINES = ("ok 1 - one", "ok 2 # SKIP two", "ok 3 - three: no mirror # SKIP", "ok 4 - skips nothing", "1..4")


def runner():
    sys.path.insert(0, str(TESTS))
    loader = importlib.machinery.SourceFileLoader("runner", str(TESTS / "runner"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(module)
    return module


class Fake:
    """A run whose guest prints this and ends so."""

    def __init__(self, count, said="", status=0):
        self.count, self.command = count, None
        self.stdout, self.status = said.splitlines(True), status
        self.steps = self

    def start(self, command):
        self.command = command
        return self

    def part(self, *_):
        pass

    def end(self, *_):
        return self.status


def guest(module, kernel, said="", status=0):
    """What passed, what is skipped, what failed, and with which options the guest was to be booted."""
    run = Fake(module.Count(), said, status)
    boot = module.tiers.Boot(kernel, ("--cpus=2",), False)
    boot.scripts += ["a", "b"]
    with contextlib.redirect_stdout(io.StringIO()):
        module.guest(run, boot)
    options = [word for word in run.command if word[:2] == "--" and len(word) > 2 and "timeout" not in word]
    count = run.count
    return count.passed, [name.split(" # ")[0] for name in count.skipped], [f[0] for f in count.failed], options


def cut(module, said):
    """A guest whose first script ends like that; what failed."""
    return guest(module, "debian", "#:begin a\nok 1\n" + said + "#:begin b\nok 1\n\n#:end 0\n")[2]


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
    cases_tap.say((
            ("passed", count.passed, 2), ("failed", count.failed, []),
            ("all of it skipped", module.exit_status({"result": "SKIP", "returncode": 0}), 0),
            ("a failure", module.exit_status({"result": "FAIL", "returncode": 0}), 1),
            ("skipped", count.skipped, ["p: # SKIP two", "p: three: no mirror # SKIP", "q: # SKIP no mirror"]),
            ("said again", said.getvalue().count("p: # SKIP two"), 2),
            ("the last line", said.getvalue().splitlines()[-1], "2 passed, 0 failed"),
            ("success", status, 0),
            ("a guest that can't be made", guest(module, "other --qemu=suite", status=75),
             (0, ["guest a (other --qemu=suite)", "guest b (other --qemu=suite)"], [],
              ["--kernel=other", "--qemu=suite", "--cpus=2"])),
            ("but not that of most tests", guest(module, "debian", status=75),
             (0, [], ["guest a: did not begin", "guest b: did not begin", "guest a...: the guest ended with status 75"],
              ["--cpus=2"])),
            ("a script that fails in the middle of a line", cut(module, "what it does\n#:end 3\n"),
             ["guest a: failed though each of its tests passed (exit status 3)"]),
            ("a script without an end", cut(module, "not ok 2 x\nwhat it does#:end 1\n"),
             ["guest a: x", "guest a: did not come to its end"])))


main()
