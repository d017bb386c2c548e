#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The man pages: each function has one that says what it must, mandoc has nothing against them.

usage: man_pages.py LIBRARY [DOXYGEN], the built libnoiommu_nvme.so
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LIBRARY, DOXYGEN = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
HEADERS = TOP / "include/noiommu_nvme"
SECTIONS = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "ERRORS", "THREADS", "SEE ALSO"]
OF_HEADERS = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"]
OTHERS = {"malloc", "poll", "printf"}  # pages that are not ours
# A worked example on the main ones.
EXAMPLES = """nnvme_ctrl_open nnvme_ctrl_close nnvme_read nnvme_poll nnvme_batch_begin nnvme_readv nnvme_mem_alloc
nnvme_mem_register nnvme_wait nnvme_arm nnvme_wait_many nnvme_admin_command nnvme_io_command""".split()
count = failed = 0


def check(name, bad):
    """@bad: what is wrong, a line each."""
    global count, failed
    count += 1
    failed += bool(bad)
    for line in bad[:20]:
        print(f"# {line}")
    print(f"{'not ok' if bad else 'ok'} {count} - {name}", flush=True)


def write(headers, out):
    command = [TOP / "docs/man3/pages", "--strict", "--doxygen", DOXYGEN, "--headers", headers, "--examples",
               TOP / "docs", "--examples", TOP / "docs/examples", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stderr.splitlines() or ([] if done.returncode == 0 else [f"status {done.returncode}"])


def exported():
    """Functions of the library, but those that its headers call @internal."""
    said = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    names = {line.split()[2].split("@")[0] for line in said.splitlines() if line.split()[1] == "T"}
    inner = set()
    for header in HEADERS.glob("*.h"):
        text = header.read_text()
        if re.search(r"@file(?:(?!\*/).)*@internal", text, re.DOTALL):
            inner |= set(re.findall(r"\b(nnvme_\w+)\(", text))
        inner |= set(re.findall(r"@internal(?:(?!\*/).)*\*/\s[^;{]*?\b(nnvme_\w+)\(", text, re.DOTALL))
    return names, names - inner


def mandoc(pages):
    """What it warns of."""
    said = subprocess.run(["mandoc", "-Tlint", "-W", "warning", *pages], capture_output=True, text=True, timeout=120)
    return (said.stdout + said.stderr).splitlines()


def missing_sections(page):
    wanted = SECTIONS if page.stem.startswith("nnvme_") else OF_HEADERS
    found = re.findall(r"^\.SH (.*)", page.read_text(), re.MULTILINE)
    return [f"{page.name}: no {s}" for s in wanted if s not in found]


def dead_ends(page, names):
    """Pages that it names and that are not there."""
    text = page.read_text()
    cited = re.findall(r"(?:\\fB)?([\w\\-]+?)(?:\\fP)? ?\((\d)\)", text)
    cited = {(name.replace("\\", ""), section) for name, section in cited}
    return [f"{page.name}: {name}({section})" for name, section in sorted(cited)
            if (name, section) not in names and name not in OTHERS]


def faults(work):
    """What the tool has to complain of."""
    broken = {
        "a function without a comment": ("probe.h", r"/\*\*\n \* Find out.*?\*/\n", "", "no comment"),
        "a parameter that is not described": ("probe.h", r" \* @param.*?\n", "", "no @param probe"),
        "a parameter that isn't there": ("probe.h", r"@param\[in,out\] probe", "@param prob", "prob"),
        "no word of the result": ("probe.h", r" \* @retval.*?\*/", " */", "@return or @retval"),
        "no word of threads": ("probe.h", r" \* @threads.*?\n", "", "@threads"),
        "a command that doxygen does not know": ("probe.h", r"@file", "@file\n * @nonsense", "nonsense"),
        "an example that isn't there": ("wait.h", r"epoll.c arm", "epoll.c leg", "leg"),
    }
    for name, (header, pattern, text, words) in broken.items():
        copy = Path(work) / name.replace(" ", "_")
        shutil.copytree(HEADERS, copy)
        old = (copy / header).read_text()
        new = re.sub(pattern, lambda _, text=text: text, old, count=1, flags=re.DOTALL)
        (copy / header).write_text(new)
        said = write(copy, Path(work) / "broken")
        check(f"{name} is complained of", [] if new != old and any(words in x for x in said) else ["said:", *said])


def later_paragraph(work):
    """What a comment goes on with after a section."""
    copy, out = Path(work) / "later", Path(work) / "later.out"
    shutil.copytree(HEADERS, copy)
    header = copy / "probe.h"
    header.write_text(header.read_text().replace("any time.\n", "any time.\n *\n * And a later paragraph.\n", 1))
    said = write(copy, out)
    page = (out / "noiommu_nvme_probe.3").read_text()
    description = page[page.index(".SH DESCRIPTION"):page.index(".SH FUNCTIONS")]
    check("a paragraph after a section is kept", said if "And a later paragraph." in description else [description])


def section_3(work, names):
    out = Path(work) / "man3"
    check("the headers' comments give pages without complaint", write(HEADERS, out))
    pages = sorted(out.glob("*.3"))
    every, functions = exported()
    check("the library exports functions", [] if len(functions) > 40 else [str(len(functions))])
    check("each has a page", sorted(f for f in functions if not (out / f"{f}.3").exists()))
    check("what is @internal has none", sorted(f for f in every - functions if (out / f"{f}.3").exists()))
    check("the inline ones have pages, too",
          [f for f in ("nnvme_read", "nnvme_batch_begin", "nnvme_poll") if not (out / f"{f}.3").exists()])
    check("each says what it takes, gives, and fails with", [x for p in pages for x in missing_sections(p)])
    texts = {p.stem: p.read_text() for p in pages}
    check("the main ones have an example",
          [f for f in EXAMPLES if ".SH EXAMPLE" not in texts.get(f, "")])
    check("mandoc has no warning", mandoc(pages))
    names = names | {(p.stem, "3") for p in pages}
    check("what they refer to exists", [x for p in pages for x in dead_ends(p, names)])
    return names


def main():
    hand = sorted(TOP.glob("docs/*.[178]"))
    names = {(p.stem, p.suffix[1:]) for p in hand} | {("fio", "1")}
    if not shutil.which("mandoc") or not DOXYGEN:
        print(f"1..0 # SKIP {'doxygen' if shutil.which('mandoc') else 'mandoc'} is not installed")
        return 0
    with tempfile.TemporaryDirectory() as work:
        names = section_3(work, names)
        check("mandoc has no warning of those written by hand", mandoc(hand))
        later_paragraph(work)
        faults(work)
    print(f"1..{count}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
