#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/steps.py, and timed() and times_end() of kernel/guest/common.sh: which steps took the longest, downloads apart."""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import cases_tap  # noqa: E402
from steps import Steps  # noqa: E402

TIMED = 'set -eu; . "$1"; timed download "a deb" true; timed step "a failure" false || echo "failed: $?"'


def shell(file):
    return subprocess.run(["bash", "-c", TIMED, "x", str(TESTS.parent / "kernel/guest/common.sh")],
                          env={"PATH": "/usr/bin:/bin", "HOME": "/", **({"NNVME_TIMES": str(file)} if file else {})},
                          stdout=subprocess.PIPE, text=True, check=True).stdout


TIMES = """set -eu
. "$1"
times_begin
printf 'download\t8\tpackages\nstep\t8.2\tpackages\n' >"$NNVME_TIMES"
printf 'step\t125\tbuild\ndownload\t3\tdeb\ndownload\t2\tdeb\nstep\t70.5\tkernel\n' >>"$NNVME_TIMES"
NNVME_BEGUN=$(awk -v now="$EPOCHREALTIME" 'BEGIN { printf "%.6f", now - 210.5 }')
times_end 2>&1
[ ! -e "$NNVME_TIMES" ] || echo left
"""


def verb():
    """What a verb like demo says at its end, its columns by single blanks."""
    said = subprocess.run(["bash", "-c", TIMES, "x", str(TESTS.parent / "kernel/guest/common.sh")],
                          env={"PATH": "/usr/bin:/bin", "HOME": "/"}, stdout=subprocess.PIPE, text=True, check=True)
    return [" ".join(line.split()) for line in said.stdout.splitlines()[1:]]


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times"
        said = shell(file)
        kinds = [line.split("\t")[::2] for line in file.read_text().splitlines()]
        file.write_text("download\t65\tsources\ndownload\t5\timage\nstep\t70\tbuild\nhalf a li")
        steps = Steps(file, 1000, lambda: 1100)
        child = subprocess.Popen(["sh", "-c", "exit 3"])
        status = steps.end(child, "a child", 1050)
        for n in range(30):
            steps.part(n, f"program {n}")
        lines = list(steps.summary())
        steps.forget()
        left = file.exists()
    cases = (
        ("who asks is told of each command", kinds, [["download", "a deb"], ["step", "a failure"]]),
        ("and its status is the command's", said, "failed: 1\n"),
        ("nobody has to ask", shell(None), "failed: 1\n"),
        ("a step's status", status, 3),
        ("the longest step is first", [line.split()[0] for line in lines[1:3]], ["1:10", "0:50"]),
        ("what it waited for has its processor time", len(lines[2].split()), 4),
        ("programs follow, the longest first", "program 29" in lines[3], True),
        ("not all of them", any("program 3" in line for line in lines if line.endswith(" 3")), False),
        ("the longest download", "1:05" in lines[-3] and "sources" in lines[-3], True),
        ("the whole, and what of it is downloads", lines[-1], "-- 1:40 in all, 1:10 of it downloads"),
        ("the file is removed", left, False),
        ("a verb's steps in their order, without downloads, and its file is removed", verb(),
         ["2:05 build", "1:05 kernel", "-- 3:30 in all, 0:13 of it downloads"]),
    )
    cases_tap.say(cases)


main()
