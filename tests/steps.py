# SPDX-License-Identifier: MIT
"""How long each step of a run took, and with how much of the processors; downloads apart."""
import os
import threading
import time
from pathlib import Path


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Steps:
    """The scripts that a step calls add a line to $NNVME_TIMES for what they download: see timed() of
    kernel/guest/common.sh."""

    def __init__(self, file=None, begun=None, now=time.time):
        self.now = now
        self.file = Path(file) if file else None
        self.begun = float(begun or now())
        self.taken = []  # (seconds, of a processor, what)
        self.parts = []  # (seconds, what): the programs in them
        self.lock = threading.Lock()

    def end(self, process, what, begun):
        """Waits for the process's end; its exit status."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with self.lock:
            self.taken.append((self.now() - begun, usage.ru_utime + usage.ru_stime, what))
        return process.returncode

    def part(self, seconds, what):
        with self.lock:
            self.parts.append((seconds, what))

    def told(self, kind):
        """(seconds, what) of the lines of that kind."""
        lines = self.file.read_text().splitlines() if self.file and self.file.exists() else []
        fields = [line.split("\t") for line in lines]
        return [(float(f[1]), f[2]) for f in fields if len(f) == 3 and f[0] == kind]

    def forget(self):
        if self.file:
            self.file.unlink(missing_ok=True)

    def summary(self, longest=12):
        """Lines for the end: the longest steps, and the whole."""
        steps = self.taken + [(seconds, None, what) for seconds, what in self.told("step")]
        steps.sort(key=lambda step: -step[0])
        yield "-- the longest steps, some at the same time, with their processor time, and programs:"
        for seconds, used, what in steps[:longest]:
            yield f"   {clock(seconds):>6} {'' if used is None else clock(used):>6}  {what}"
        for seconds, what in sorted(self.parts, reverse=True)[:longest]:
            yield f"   {clock(seconds):>6}         {what}"
        downloads = self.told("download")
        for seconds, what in sorted(downloads, reverse=True)[:3]:
            yield f"   {clock(seconds):>6}         download: {what}"
        yield f"-- {clock(self.now() - self.begun)} in all, {clock(sum(d[0] for d in downloads))} of it downloads"
