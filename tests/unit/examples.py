#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of docs/, linked with the software controller: what they read, and what they refuse.

usage: examples.py FOLDER, with the programs on_model_NAME
"""
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(sys.argv[1])
ARGUMENTS = {"example": [], "batch": ["100"], "threads": ["3", "50"], "epoll": ["5"]}
BLOCK = 512
count = failed = 0


def check(good, name, *details):
    global count, failed
    count += 1
    failed += not good
    for line in "\n".join(map(str, () if good else details)).splitlines():
        print(f"# {line}")
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)


def start(name, address, *arguments, model="interrupts=1"):
    return subprocess.Popen([FOLDER / f"on_model_{name}", address, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "NNVME_MODEL": model})


def end(program):
    """Its status, output and error; one that has not ended after a minute never will."""
    try:
        out, said = program.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        program.kill()
        out, said = program.communicate()
        said += b"(killed: it did not end)\n"
    return program.returncode, out, said.decode()


def run(*arguments, **options):
    return end(start(*arguments, **options))


def one_line(said):
    return said.count("\n") == 1 and said.endswith("\n")


def no_huge_pages():
    pools = Path("/proc/meminfo").read_text()
    return "HugePages_Free:        0" in pools or "HugePages_Free" not in pools


def reads(disk):
    """Each of them reads what is there."""
    data = os.urandom(1 << 20)
    Path(f"{disk}.1").write_bytes(data)
    model = f"size=1m,interrupts=1,file={disk}"
    for name, arguments in ARGUMENTS.items():
        if name == "example" and no_huge_pages():
            print("# example: not run, there is no free huge page", flush=True)
            continue
        status, out, said = run(name, "0000:41:00.0", *arguments, model=model)
        amount = {"batch": 100 * 4096, "threads": 150 * BLOCK, "epoll": 5 * BLOCK}.get(name, BLOCK)
        total = sum(x for x, in struct.iter_unpack("<Q", data[:amount])) % (1 << 64)
        good = out == data[:BLOCK] if name == "example" else out.decode().endswith(f"sum {total:016x}\n")
        check(status == 0 and good and not said, f"{name} reads what is there", status, out[:200], said)


def failures():
    for name, arguments in ARGUMENTS.items():
        status, _, said = run(name, "nonsense", *arguments)
        check(status == 1 and one_line(said) and "nonsense" in said, f"{name}: no such device", status, said)
        status, _, said = run(name, "0000:41:00.0", *arguments, "one too many")
        check(status == 2 and said.startswith("usage: "), f"{name}: a wrong usage", status, said)
        if name == "example" and no_huge_pages():
            continue
        status, _, said = run(name, "0000:41:00.0", *arguments, model="interrupts=1,bad_lba=0")
        check(status == 1 and one_line(said) and "Unrecovered Read Error" in said,
              f"{name}: a block that can't be read", status, said)
    for name in ("batch", "threads", "epoll"):
        arguments = ["1"] * (len(ARGUMENTS[name]) - 1) + ["18446744073709551615"]
        status, _, said = run(name, "0000:41:00.0", *arguments)
        check(status == 1 and one_line(said), f"{name}: more than the namespace has", status, said)
    status, _, said = run("epoll", "0000:41:00.0", "5", model="vectors=0")
    check(status == 1 and one_line(said), "epoll: a device without interrupts", status, said)


def lost():
    """All at once, because each gives up after ten seconds only."""
    programs = {name: start(name, "0000:42:00.0", *arguments) for name, arguments in ARGUMENTS.items()
                if name != "example" or not no_huge_pages()}
    for name, program in programs.items():
        status, _, said = end(program)
        check(status == 1 and one_line(said) and "complete" in said, f"{name}: a read that never completes",
              status, said)


with tempfile.TemporaryDirectory() as work:
    reads(Path(work) / "disk")
    failures()
    lost()
print(f"1..{count}")
sys.exit(failed > 0)
