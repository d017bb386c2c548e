#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernel/guest/threads, with this process in QEMU's place: who is kept where, and what is answered."""
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "kernel/guest/threads"
count = 0


def check(good, name, *details):
    global count
    count += 1
    for detail in () if good else details:
        print(f"# {detail}")
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)


def be_thread(name, ready, end):
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
    ready.wait()
    end.wait()


def begin_threads(names):
    """Threads of these names, by name; and what ends them."""
    ready, end = threading.Barrier(len(names) + 1), threading.Event()
    threads = {name: threading.Thread(target=be_thread, args=(name, ready, end)) for name in names}
    for thread in threads.values():
        thread.start()
    ready.wait()
    return {name: thread.native_id for name, thread in threads.items()}, end


def run_delay(thread):
    return int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1])


def main():
    allowed = os.sched_getaffinity(0)
    half = sorted(allowed)[:len(allowed) // 2] or sorted(allowed)
    rest = sorted(allowed)[len(allowed) // 2:]
    threads, end = begin_threads(["CPU 0/TCG", "worker"])
    processor, worker = threads["CPU 0/TCG"], threads["worker"]
    with tempfile.TemporaryDirectory() as folder:
        pidfile = Path(folder, "pid")
        program = subprocess.Popen([PROGRAM, pidfile], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)  # it waits for a file that comes late
        pidfile.write_text(f"{os.getpid()}\n")
        before = {t: run_delay(t) for t in (os.getpid(), processor)}
        answers = []
        for asked in ("17", "18"):
            program.stdin.write(asked + "\n")
            program.stdin.flush()
            answers.append(program.stdout.readline().split())
        check(os.sched_getaffinity(processor) == set(rest), "the processor's thread has cores of its own",
              f"{os.sched_getaffinity(processor)} of {allowed}")
        check(all(os.sched_getaffinity(t) == set(half) for t in (os.getpid(), worker)),
              "all others have the other cores", f"{os.sched_getaffinity(os.getpid())} of {allowed}")
        check([a[0] for a in answers] == ["17", "18"], "an answer begins with what was asked", answers)
        check(int(answers[0][1]) <= int(answers[1][1]) and abs(int(answers[0][1]) / 1e6 - time.time()) < 3600,
              "then it has the time in us", answers)
        told = [dict(map(int, word.split(":")) for word in a[2:]) for a in answers]
        check(all(set(t) == {os.getpid(), processor} for t in told), "then the main thread and the processor's", told)
        check(all(before[t] <= told[0][t] <= told[1][t] <= run_delay(t) for t in before),
              "with how long each of them waited for a core", before, told)
        program.stdin.close()
        check(program.wait(60) == 0, "it ends when nobody asks any more", program.returncode)
    end.set()
    print(f"1..{count}")


sys.exit(main())
