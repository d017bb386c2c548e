# SPDX-License-Identifier: MIT
"""Which test runs in which tier, and on which of the guest's kernels.

`short` is `./run test` and stays within 15 minutes on two cores; `long` is `./run test --long`. A native
test names its tier as its Meson suite, a script of tests/guest on one of its first lines, after the
options that its guest is booted with:
    # tier: short
    # guest: --iommu=split --nvme=mdts=0
What has a long form beside its short one (NNVME_LONG=1) says `# tier: short long`. A script that
needs another kernel than Debian's with the series says so: `# kernel: stock`. Those with the same
kernel and options share a boot, unless one has a line `# alone: WHY`."""
from pathlib import Path

GUEST = Path(__file__).resolve().parent / "guest"
NAMES = ("short", "long")
OWN = "debian"  # the kernel of those that name none

# What the long tier runs on other kernels besides, in its short form: ./run guest --help says which they are,
# and what other options may follow. Two processors at once are more than this machine's QEMU can.
ALSO = {
    "no-group": "contract cli modes",
    "7.3": "contract",
    "debian --qemu=bookworm-backports --cpus=2": "contract modes",
}

# These take the longest to build, and the guests that boot them come last.
COMPILED = ("built", "debug", "7.3")

# Programs of their own that print TAP: name, tier, whether natively or in guests, what it is, how it is called.
COMMANDS = (
    ("perf", "short", "native", "instructions per I/O", ("tests/perf/perf", "--tap")),
    ("fuzz", "short", "native", "fuzzers", ("./run", "fuzz", "--runs=1000")),
)


class Script:
    """A script of tests/guest, and what its first lines say."""

    def __init__(self, path):
        self.name = path.stem
        said = {}
        for line in path.read_text().splitlines()[:12]:
            key, colon, value = line[2:].partition(":")
            if line.startswith("# ") and colon and key in ("guest", "tier", "kernel", "alone"):
                said[key] = value.split()
        self.options = tuple(said.get("guest", ()))
        self.tiers = said.get("tier", [])
        self.kernel = " ".join(said.get("kernel", [OWN]))
        self.alone = "alone" in said
        self.fault = None
        if "guest" not in said:
            self.fault = "has no line `# guest: OPTIONS`"
        elif not self.tiers or set(self.tiers) - set(NAMES):
            self.fault = "is in no tier: give it a line `# tier: short`, `# tier: long` or `# tier: short long`"


class Boot:
    """Scripts that share a guest."""

    def __init__(self, kernel, options, long_form):
        self.kernel, self.options, self.long_form = kernel, options, long_form
        self.scripts = []

    def __str__(self):
        return f"guest {self.kernel} {' '.join(self.options)}: {', '.join(self.scripts)}"


def scripts(folder=GUEST):
    return [Script(path) for path in sorted(folder.glob("*.sh")) if not path.name.endswith("lib.sh")]


def faults(found, also=None):
    """What is wrong with headers and table: a script that would never run, a row without its script."""
    names = {script.name for script in found}
    for script in found:
        if script.fault:
            yield f"guest {script.name}: {script.fault}"
    for kernel, row in (ALSO if also is None else also).items():
        for name in sorted(set(row.split()) - names):
            yield f"guest {name}: {kernel} is to run it, and there is no tests/guest/{name}.sh"


def chosen(name, filters):
    return not filters or any(f in name for f in filters)


def on_kernel(found, tier, kernel, filters):
    """What `--kernel=KERNEL` runs: what is named; or what the tiers run there; or all, where that is nothing."""
    if filters:
        return found
    row = ALSO.get(kernel, "").split()
    there = [s for s in found if s.name in row or s.kernel == kernel and tier in s.tiers]
    return there or [s for s in found if s.kernel == OWN and tier in s.tiers]


def runs(found, tier, kernel=None, filters=()):
    """(kernel, script, whether in its long form), of those without faults."""
    if kernel:
        wanted = [(kernel, s, tier == "long") for s in on_kernel(found, tier, kernel, filters)]
    else:
        wanted = [(s.kernel, s, tier == "long") for s in found if tier in s.tiers]
        if tier == "long":
            wanted += [(other, s, False) for other in ALSO for s in found if s.name in ALSO[other].split()]
    return [run for run in wanted if not run[1].fault and chosen(f"guest {run[1].name}", filters)]


def commands(tier, lane, filters=()):
    """(name, what it is, how it is called)"""
    return [(name, title, args) for name, there, where, title, args in COMMANDS
            if (there, where) == (tier, lane) and chosen(name, filters)]


def boots(found, tier, kernel=None, filters=()):
    """The same, those together that share a guest."""
    grouped = {}
    for flavour, script, long_form in runs(found, tier, kernel, filters):
        long_form = long_form and "short" in script.tiers  # it has two
        key = flavour, script.options, script.name if script.alone else None, long_form
        grouped.setdefault(key, Boot(flavour, script.options, long_form)).scripts.append(script.name)
    return list(grouped.values())


def compiled(found, tier, filters=()):
    """The kernels that are compiled for these guests."""
    return [kernel for kernel in COMPILED if kernel in {boot.kernel for boot in boots(found, tier, None, filters)}]


def native(listed, tier, filters=(), build="build"):
    """From what Meson says of its tests: the names in this tier, and those in none."""
    names, none = [], []
    for test in listed:
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        if not suites & set(NAMES):
            none.append(test["name"])
        elif tier in suites and chosen(f"{build} {test['name']}", filters):
            names.append(test["name"])
    return names, none
