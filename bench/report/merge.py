# SPDX-License-Identifier: MIT
"""Instructions and doorbell writes into the results of a run that was timed.

They come from another run of the same rows and columns, in a guest that a plugin counts and slows
(kernel/guest/insn): its results say which round set which marks and how many I/Os were between
them, and the counter's file what it counted there.
"""
import re
import sys

from results import Wrong, find, put, read, replace, sum_up, to_csv, to_json

MARK_MAX = 65535  # kernel/guest/insn/mark.h
MOST = 1 << 62  # the counter's sums wrap above 2^64
COUNTED = ("per_io.instructions_user", "per_io.instructions_kernel", "per_io.sq_doorbells",
           "per_io.cq_doorbells")


def read_counts(path):
    """{pair of marks: (user, kernel, SQ, CQ)}"""
    counts = {}
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise Wrong(f"{path}: cannot be read: {error.strerror}") from error
    if text and not text.endswith("\n"):
        raise Wrong(f"{path}: its last line is cut off: the counter was killed or its disk full")
    for number, line in enumerate(text.splitlines(), 1):
        if not re.fullmatch(r" *\d{1,20}( +\d{1,20}){4} *", line, re.ASCII):
            raise Wrong(f"{path}:{number}: not five numbers: pair, user, kernel, SQ, CQ")
        pair, *count = map(int, line.split())
        if not 0 < pair <= MARK_MAX:
            raise Wrong(f"{path}:{number}: pair {pair}: they are numbered from 1 to {MARK_MAX}")
        if pair in counts:
            raise Wrong(f"{path}:{number}: pair {pair} for the second time: count one run only")
        if not 0 < sum(count[:2]) < MOST:
            raise Wrong(f"{path}:{number}: {sum(count[:2])} instructions are no count of any I/O")
        counts[pair] = count
    return counts


def check_same(what, timed, counted, names):
    for name in names:
        here, there = timed.get(name) or "", counted.get(name) or ""
        if here != there:
            raise Wrong(f'the counts are of another {what}: {name} is "{there}" there, and '
                        f'"{here}" here')


def check_same_run(timed, counted):
    check_same("machine", timed["machine"], counted["machine"], ("kernel", "cpu"))
    check_same("machine", timed["device"], counted["device"],
               dict.fromkeys((*timed["device"], *counted["device"])))
    if timed["rounds"] != counted["rounds"]:
        raise Wrong(f"the counts are of {counted['rounds']} rounds, and the results of "
                    f"{timed['rounds']}")


def marked(counted, counts):
    """(cell, number of the round, round) of all that set marks; each pair was counted, once."""
    seen = set()
    for cell in counted["cells"]:
        for number, round_ in enumerate(cell["rounds"]):
            pair = round_.get("mark")
            where = (f"round {number + 1} of {cell['row']}, {cell['column']}: its pair of marks, "
                     f"{pair}")
            if not pair:
                continue
            if pair not in counts:
                raise Wrong(f"{where}, was not counted")
            if pair in seen:
                raise Wrong(f"{where}, is another round's")
            seen.add(pair)
            yield cell, number, round_


def merge(timed, counted, counts):
    """The counts go to the rounds of the same row, column and number; returns how many got none."""
    check_same_run(timed, counted)
    merged = []
    for cell, number, round_ in list(marked(counted, counts)):
        to = find(timed, cell["row"], cell["column"])
        # What failed took instructions too, and nobody knows how many of them.
        if not to or number >= len(to["rounds"]) or not round_["ios"] or round_["errors"]:
            continue
        check_same(f"row {cell['row']}", to, cell,
                   ("driver", "variant", "domain", "mode", "device"))
        check_same(f"domain type, {cell['row']}", to["rounds"][number], round_,
                   ("domain_read_back",))
        merged.append((to["rounds"][number], round_))
    if not merged:
        raise Wrong("no round of the results was counted: count a run with --marks, of the same "
                    "rows and columns")
    for mine, round_ in merged:
        mine["mark"] = round_["mark"]
        for metric, count in zip(COUNTED, counts[round_["mark"]]):
            put(mine, metric, count / round_["ios"])
    sum_up(timed)
    return sum(len(cell["rounds"]) for cell in timed["cells"]) - len(merged)


def merge_files(timed, counted, marks):
    counts = read_counts(marks)
    results = read(timed)
    without = merge(results, read(counted), counts)
    if without:
        print(f"noiommu-nvme-bench: {without} timed rounds have no counts", file=sys.stderr)
    replace(timed, to_json(results))
    replace(timed.removesuffix(".json") + ".csv", to_csv(results))
