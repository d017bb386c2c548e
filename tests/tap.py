# SPDX-License-Identifier: MIT
"""The results of tests: TAP lines, counted and said as they come. Several threads may say them."""
import re
import threading

TAP = re.compile(r"^(not )?ok\b(?: +\d+(?= |$))?(?: +-(?= ))? *(.*)")


class Count:
    """What passed, failed or was skipped."""

    def __init__(self):
        self.passed = 0
        self.skipped = []
        self.failed = []  # (name, details)
        self.lock = threading.Lock()

    def say(self, *lines):
        """Lines that stay together."""
        with self.lock:
            print(*lines, sep="\n", flush=True)

    def add(self, good, name, details=()):
        if good:
            self.passed += 1
            self.say("ok     " + name)
            return
        self.failed.append((name, details))
        self.say(*("    " + line.rstrip() for line in details), "NOT OK " + name)

    def skip(self, name):
        self.skipped.append(name)
        self.say("skip   " + name)

    def summary(self):
        """Failures once more: of a long log often only the end is kept."""
        if self.skipped:
            self.say("-- skipped, and not passed:", *("   " + name for name in self.skipped))
        if self.failed:
            self.say("-- failed:")
        for name, details in self.failed:
            self.say("   " + name, *("       " + line.rstrip() for line in details[-20:]))
        self.say(f"{self.passed} passed, {len(self.failed)} failed")
        return 0 if (self.passed or self.skipped) and not self.failed else 1


class Program:
    """The TAP lines of one program: a result a line, and one more when they can't be trusted."""

    def __init__(self, count, name):
        self.count, self.name = count, name
        self.results, self.bad, self.planned, self.details = 0, 0, 0, []
        self.failure = None  # its explanation may follow it

    def line(self, text):
        match = TAP.match(text)
        nothing = re.match(r"^1\.\.0 *# *(skip\b.*)", text, re.IGNORECASE)
        if nothing:
            self.results += 1
            self.count.skip(f"{self.name}: # {nothing.group(1)}")
        elif not match:
            plan = re.match(r"^1\.\.(\d+)\s*$", text)
            if plan:
                self.planned += int(plan.group(1))
            else:
                self.details.append(text)
        if not match:
            return
        self.flush()
        self.results += 1
        name = f"{self.name}: {match.group(2).strip()}"
        if match.group(1):
            self.bad += 1
            self.failure = name
            return
        if re.search(r"# skip\b", name, re.IGNORECASE):
            self.count.skip(name)
        else:
            self.count.add(True, name)
        self.details = []

    def flush(self):
        if self.failure:
            self.count.add(False, self.failure, self.details[-60:])
            self.failure, self.details = None, []

    def end(self, status):
        self.flush()
        wrong = None
        if self.results == 0:
            wrong = "ran no test"
        elif self.results < self.planned:
            wrong = f"planned {self.planned} tests and ran {self.results}"
        elif status != 0 and self.bad == 0:
            wrong = "failed though each of its tests passed"
        if wrong:
            self.count.add(False, f"{self.name}: {wrong} (exit status {status})", self.details[-60:])
