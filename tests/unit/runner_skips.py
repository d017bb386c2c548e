#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/runner: a test that was skipped is neither passed nor failed, and is not forgotten."""
import contextlib
import io
from pathlib import Path

RUNNER = Path(__file__).resolve().parents[1] / "runner"
LINES = ("ok 1 - one", "ok 2 # SKIP two", "ok 3 - three: no mirror # SKIP", "ok 4 - skips nothing", "1..4")


def main():
    runner = {"__name__": "runner", "__file__": str(RUNNER)}
    exec(RUNNER.read_text().replace("sys.exit(main())", ""), runner)
    count = runner["Count"]()
    with contextlib.redirect_stdout(io.StringIO()):
        program = runner["Program"](count, "p")
        for line in LINES:
            program.line(line)
        program.end(0)
    for number, (name, got, wanted) in enumerate((
            ("passed", count.passed, 2), ("failed", count.failed, []),
            ("all of it skipped", runner["exit_status"]({"result": "SKIP", "returncode": 0}), 0),
            ("a failure", runner["exit_status"]({"result": "FAIL", "returncode": 0}), 1),
            ("skipped", count.skipped, ["p: # SKIP two", "p: three: no mirror # SKIP"])), 1):
        if got != wanted:
            print(f"# {got} and not {wanted}")
        print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
    print("1..5")


main()
