#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tiers.py: no test is in no tier, and what ./run test and ./run test --long boot and run."""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import cases_tap  # noqa: E402
import tiers  # noqa: E402

SCRIPTS = {
    "a": "# tier: short\n# guest: --iommu=split\n",
    "b": "# tier: short long\n# guest: --iommu=split\n",
    "c": "# tier: long\n# guest: --iommu=split\n",
    "d": "# tier: short\n# guest: --iommu=split\n# alone: it counts\n",
    "e": "# tier: long\n# kernel: stock\n# guest:\n",
    "none": "# guest: --iommu=off\n",
    "other": "# tier: middle\n# guest: --iommu=off\n",
    "still": "# tier: long\n",
    "x-lib": "# sourced\n",
}
ALSO = {"debug": "a b"}


def told(boots):
    return [(b.kernel, " ".join(b.scripts), b.long_form) for b in boots]


def made():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SCRIPTS.items():
            (Path(folder) / (name + ".sh")).write_text("# SPDX-License-Identifier: MIT\n" + text)
        return tiers.scripts(Path(folder))


def native():
    def test(name, *suites):
        return {"name": name, "suite": ["project:" + suite for suite in suites]}
    listed = [test("one", "short"), test("two", "long"), {"name": "three", "suite": ["project"]}, test("four", "big")]
    yield "native: the short tier", tiers.native(listed, "short"), (["one"], ["three", "four"])
    yield "native: the long tier", tiers.native(listed, "long"), (["two"], ["three", "four"])
    yield "native: by name", tiers.native(listed, "short", ["tw"])[0], []
    yield "native: by the build's name", tiers.native(listed, "long", ["asan"], "build-asan")[0], ["two"]


def commands():
    tiers.COMMANDS = (("one", "short", "native", "1", ()), ("two", "long", "guest", "2", ("x",)))
    yield "commands: the short tier", tiers.commands("short", "native"), [("one", "1", ())]
    yield "commands: in guests", tiers.commands("long", "guest"), [("two", "2", ("x",))]
    yield "commands: not here", tiers.commands("long", "native"), []
    yield "commands: by name", tiers.commands("short", "native", ["two"]), []


def guests(found):
    tiers.ALSO = ALSO
    yield "scripts in no tier, or without options", [f.split(":")[0] for f in tiers.faults(found)], \
        ["guest none", "guest other", "guest still"]
    yield "a row without its script", list(tiers.faults([], {"debug": "gone"})), \
        ["guest gone: debug is to run it, and there is no tests/guest/gone.sh"]
    short = [("debian", "a b", False), ("debian", "d", False)]
    yield "the short tier", told(tiers.boots(found, "short")), short
    yield "the long tier", told(tiers.boots(found, "long")), \
        [("debian", "b", True), ("debian", "c", False), ("stock", "e", False), ("debug", "a b", False)]
    yield "kernels to compile", tiers.compiled(found, "long"), ["debug"]
    yield "none for the short tier", tiers.compiled(found, "short"), []
    yield "nor for other tests", tiers.compiled(found, "long", ["guest c"]), []
    yield "by name", told(tiers.boots(found, "short", None, ["guest d"])), [("debian", "d", False)]
    yield "a kernel of the table", told(tiers.boots(found, "short", "debug")), [("debug", "a b", False)]
    yield "a script's own kernel", told(tiers.boots(found, "long", "stock")), [("stock", "e", False)]
    yield "a kernel that no tier has", told(tiers.boots(found, "short", "built")), \
        [("built", *rest) for _, *rest in short]
    yield "a name on a kernel", told(tiers.boots(found, "short", "stock", ["guest c"])), [("stock", "c", False)]


def main():
    own = tiers.scripts()
    cases = [("this tree has no such fault", list(tiers.faults(own)), []),
             ("and some scripts", len(own) > 9, True),
             ("each script runs in some tier", {s.name for s in own} -
              {s.name for tier in tiers.NAMES for _, s, _ in tiers.runs(own, tier)}, set()),
             ("each command is in one, and in a lane", {c[1:3] for c in tiers.COMMANDS} -
              {(tier, lane) for tier in tiers.NAMES for lane in ("native", "guest")}, set()),
             *native(), *commands(), *guests(made())]
    cases_tap.say(cases)


main()
