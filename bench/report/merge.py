# SPDX-License-Identifier: MIT
"""Instructions and doorbell writes into the results of a run that was timed.

They come from another run of the same rows and columns, in a guest that a plugin counts and slows
(kernel/guest/insn): its results say which round set which marks and how many I/Os were between
them, and the counter's file what it counted there.
"""
import re

from results import Wrong, find, put, read, replace, sum_up, to_csv, to_json

MARK_MAX = 65535  # bench/mark.h
COUNTED = ("per_io.instructions_user", "per_io.instructions_kernel", "per_io.sq_doorbells",
           "per_io.cq_doorbells")


def read_counts(path):
    """{pair of marks: (user, kernel, SQ, CQ)}"""
    counts = {}
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise Wrong(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r" *\d{1,20}( +\d{1,20}){4} *", line, re.ASCII):
            raise Wrong(f"{path}:{number}: not five numbers: pair, user, kernel, SQ, CQ")
        pair, *count = map(int, line.split())
        if not 0 < pair <= MARK_MAX:
            raise Wrong(f"{path}:{number}: pair {pair}: they are numbered from 1 to {MARK_MAX}")
        if pair in counts:
            raise Wrong(f"{path}:{number}: pair {pair} for the second time: count one run only")
        counts[pair] = count
    return counts


def check_same_run(timed, counted, counts):
    for name, value in timed["device"].items():
        other = counted["device"].get(name, "")
        if value != other:
            raise Wrong(f'the counts are of another machine: {name} is "{other}" there, and '
                        f'"{value}" here')
    if timed["rounds"] != counted["rounds"]:
        raise Wrong(f"the counts are of {counted['rounds']} rounds, and the results of "
                    f"{timed['rounds']}")
    for cell in counted["cells"]:
        for number, round_ in enumerate(cell["rounds"], 1):
            pair = round_.get("mark")
            if pair and pair not in counts:
                raise Wrong(f"round {number} of {cell['row']}, {cell['column']}: its pair of "
                            f"marks, {pair}, was not counted")


def merge(timed, counted, counts):
    """The counts go to the rounds of the same row, column and number; all of them, or it fails."""
    check_same_run(timed, counted, counts)
    merged = []
    for cell in counted["cells"]:
        to = find(timed, cell["row"], cell["column"])
        for mine, round_ in zip(to["rounds"] if to else (), cell["rounds"]):
            # What failed took instructions too, and nobody knows how many of them.
            if round_.get("mark") and round_["ios"] and not round_["errors"]:
                merged.append((mine, round_))
    if not merged:
        raise Wrong("no round of the results was counted: count a run with --marks, of the same "
                    "rows and columns")
    for mine, round_ in merged:
        mine["mark"] = round_["mark"]
        for metric, count in zip(COUNTED, counts[round_["mark"]]):
            put(mine, metric, count / round_["ios"])
    sum_up(timed)


def merge_files(timed, counted, marks):
    counts = read_counts(marks)
    results = read(timed)
    merge(results, read(counted), counts)
    replace(timed, to_json(results))
    replace(timed.removesuffix(".json") + ".csv", to_csv(results))
