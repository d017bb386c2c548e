#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/lint-house on small houses of its own: each rule finds what breaks it, and only that."""
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "lint-house"
CC = shlex.split(os.environ.get("CC", "cc"))


def source(name, *called, include=()):
    """A function that calls others."""
    lines = [f'#include "{header}"' for header in include]
    lines += [f"int {function}(void);" for function in (name, *called)]
    value = " + ".join(function + "()" for function in called) or 1
    return "\n".join(lines) + f"\nint {name}(void) {{ return {value}; }}\n"


ERR, QPAIR = "noiommu_nvme/err.h", "noiommu_nvme/qpair.h"
SOUND = {
    "include/" + ERR: "#include <stdint.h>\nint fail(void);\n",
    "include/" + QPAIR: '#include "err.h"\nint submit(void);\n',
    "kernel/sys.h": "int sys(void);\n",
    "kernel/err.c": source("fail", include=[ERR]),
    "kernel/sys.c": source("sys", "fail", include=["kernel/sys.h", ERR]),
    "dma/table.c": source("table", "sys", include=["kernel/sys.h"]),
    "nvme/sq.h": "int slot(void);\n",
    "nvme/sq.c": source("slot", "table", include=["nvme/sq.h"]),
    "nvme/cq.c": source("reap", "slot", include=["nvme/sq.h"]),
    "nvme/ctrl.c": source("submit", "reap", include=[QPAIR]),
    "engine/engine.c": source("main", "submit", include=[QPAIR]),
    "bench/main.c": source("main", "submit", include=[QPAIR]),
    # no room of the house: a test may define and use what it likes
    "tests/fake.c": source("sys", "main"),
}

# What is changed in it, and what each line that must be found has to say.
CASES = (
    ("a sound house", {}, []),
    ("a call of the room above", {"kernel/sys.c": source("sys", "submit")},
     [("kernel/sys.c: uses nvme/ctrl.c, a room above: submit",)]),
    ("a variable of the room above",
     {"dma/table.c": "extern int depth;\nint table(void) { return depth; }\n",
      "nvme/sq.c": "int depth = 1;\n" + source("slot")},
     [("dma/table.c: uses nvme/sq.c, a room above: depth",)]),
    ("an include of the room above", {"dma/table.c": source("table", include=["nvme/sq.h"])},
     [('dma/table.c: uses nvme/sq.h, a room above: #include "nvme/sq.h"',)]),
    ("a public header of the room above", {"kernel/sys.h": f'#include "{QPAIR}"\n'},
     [("kernel/sys.h: uses include/noiommu_nvme/qpair.h, a room above",)]),
    ("a call of the room beside",
     {"bench/main.c": source("main", "perform"), "cli/perform.c": source("perform")},
     [("bench/main.c: uses cli/perform.c, a room beside: perform",)]),
    ("a call of the floor above",
     {"nvme/sq.c": source("slot", "submit"), "nvme/cq.c": source("reap")},
     [("nvme/sq.c: uses nvme/ctrl.c, a floor above: submit",)]),
    ("an include of the floor above",
     {"nvme/ctrl.h": "", "nvme/cq.c": source("reap", include=["nvme/ctrl.h"])},
     [("nvme/cq.c: uses nvme/ctrl.h, a floor above: #include",)]),
    ("a file without a floor", {"nvme/attic.c": source("attic")},
     [("nvme/attic.c: stands on no floor",)]),
    ("a circle of three files, with what ties it",
     {"cli/a.c": source("a", "b"), "cli/b.c": source("b", "c"), "cli/c.c": source("c", "a")},
     [("circle: cli/a.c -> cli/b.c (b); cli/b.c -> cli/c.c (c); cli/c.c -> cli/a.c (a)",)]),
    ("two circles that share a file",
     {"cli/a.c": source("a", "b", "c"), "cli/b.c": source("b", "a"), "cli/c.c": source("c", "a")},
     [("circle: cli/a.c -> cli/b.c (b); cli/b.c -> cli/a.c (a)",),
      ("circle: cli/a.c -> cli/c.c (c); cli/c.c -> cli/a.c (a)",)]),
    ("a circle of headers",
     {"kernel/sys.h": '#include "kernel/lock.h"\n', "kernel/lock.h": '#include "kernel/sys.h"\n'},
     [("circle: ", "kernel/sys.h -> kernel/lock.h", "kernel/lock.h -> kernel/sys.h")]),
    ("a circle of headers that have no folder in their names",
     {"engine/a.h": '#include "b.h"\n', "engine/b.h": '#include "a.h"\n'},
     [("circle: ", "engine/a.h -> engine/b.h", "engine/b.h -> engine/a.h")]),
    ("a public header that needs a private one",
     {"include/" + ERR: '#include "kernel/lock.h"\n', "kernel/lock.h": ""},
     [("include/noiommu_nvme/err.h: includes kernel/lock.h",)]),
    ("a public header that needs another library",
     {"include/" + QPAIR: "#include <linux/types.h>\n"},
     [("include/noiommu_nvme/qpair.h: includes linux/types.h",)]),
    ("an include of the tests",
     {"tests/x.h": "", "dma/table.c": source("table", include=["tests/x.h"])},
     [("dma/table.c: includes tests/x.h",)]),
    ("an include by another way", {"kernel/sys.c": '#include "./../nvme/sq.h"\n' + source("sys", "fail")},
     [("kernel/sys.c: uses nvme/sq.h, a room above",)]),
    ("and of the tests", {"tests/x.h": "", "dma/table.c": source("table", include=["../tests/x.h"])},
     [("dma/table.c: includes ../tests/x.h",)]),
    ("a comment within an include", {"kernel/sys.c": '#/**/include/* */"nvme/sq.h"\n' + source("sys", "fail")},
     [("kernel/sys.c: uses nvme/sq.h, a room above",)]),
    ("an include by a macro", {"kernel/sys.c": '#define H "nvme/sq.h"\n#include H\n' + source("sys", "fail")},
     [("kernel/sys.c: #include H: no name that can be looked up",)]),
    ("an include of what is no header", {"nvme/x.inc": "", "nvme/cq.c": source("reap", "slot", include=["nvme/x.inc"])},
     [("nvme/cq.c: includes nvme/x.inc, which is no file of the house",)]),
    ("two programs with a function of one name, each its own",
     {"bench/main.c": source("main", "help"), "bench/help.c": source("help"),
      "cli/main.c": source("main", "help"), "cli/help.c": source("help")}, []),
)


def build(top, files, objects):
    """@objects: compiled before, by source: what it includes changes no symbol here."""
    commands = []
    (top / "build").mkdir(parents=True)
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(("#pragma once\n" if name.endswith(".h") else "") + text)
    for name in (n for n in files if n.endswith(".c")):
        if files[name] not in objects:
            objects[files[name]] = top.parent / f"{len(objects)}.o"
            subprocess.run([*CC, "-w", "-c", "-I.", "-Iinclude", name, "-o", objects[files[name]]],
                           cwd=top, check=True)
        output = name.replace("/", "_") + ".o"
        os.link(objects[files[name]], top / "build" / output)
        commands.append({"directory": str(top / "build"), "file": "../" + name, "output": output})
    (top / "build/compile_commands.json").write_text(json.dumps(commands))


def lint(top):
    run = subprocess.run([PROGRAM, "--top", top], capture_output=True, text=True)
    return run.returncode, run.stdout.splitlines(), run.stderr


def fits(lines, wanted):
    return len(lines) == len(wanted) and all(
        any(all(w in line for w in words) for line in lines) for words in wanted)


def results(folder):
    objects = {}
    for number, (name, change, wanted) in enumerate(CASES):
        top = folder / f"house{number}"
        build(top, {**SOUND, **change}, objects)
        status, lines, said = lint(top)
        yield name, fits(lines, wanted) and status == bool(wanted), [*lines, said]
    top = folder / "half"
    build(top, SOUND, objects)
    (top / "build/nvme_sq.c.o").unlink()
    status, lines, said = lint(top)
    yield "an object that is not there", status == 1 and lines[0].startswith("nvme/sq.c: has no object"), [*lines, said]
    (folder / "plot").mkdir()
    status, lines, said = lint(folder / "plot")
    yield "a house that was not built", status == 1 and "./run build" in said, [*lines, said]


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = list(results(Path(folder)))
    for number, (name, good, details) in enumerate(found, 1):
        for line in () if good else details:
            print(f"# {line}")
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    print(f"1..{len(found)}")


main()
