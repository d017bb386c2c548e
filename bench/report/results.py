# SPDX-License-Identifier: MIT
"""results.json: read, checked, summed up and written again; docs/bench-results.md describes it.

Results are the file's own dictionaries. The file may come from anywhere: nothing in it is believed
before its type, length and range were looked at. Members that are not known are left alone.
"""
import csv
import io
import json
import math
import os
import re
import stat
import tempfile

from ratio import figure_of

SCHEMA = 3
MOST_BYTES = 64 << 20
MOST_CELLS = MOST_ROUNDS = 10000
MOST_FACTS = 500
MOST_COUNT = 2**63 - 1
LEAST_NUMBER, MOST_NUMBER = 1e-15, 1e18  # of what is not 0: sums and quotients are numbers, too
MOST_RUN_DELAY = 0.05  # a round with more is disturbed

# The name in JSON, where a dot means nesting, and what people call it.
METRICS = {
    "iops": "I/Os per second",
    "bytes_per_second": "bandwidth",
    "latency.mean_ns": "latency, mean",
    "latency.p50_ns": "latency, median",
    "latency.p99_ns": "latency, 99 %",
    "latency.p999_ns": "latency, 99.9 %",
    "latency.max_ns": "latency, greatest",
    "cpu.user": "CPU, user",
    "cpu.system": "CPU, system",
    "per_io.interrupts": "interrupts",
    "per_io.sq_doorbells": "submission doorbell writes",
    "per_io.cq_doorbells": "completion doorbell writes",
    "per_io.maps": "IOMMU maps",
    "per_io.unmaps": "IOMMU unmaps",
    "per_io.invalidations": "IOMMU invalidations",
    "per_io.instructions_user": "instructions, user",
    "per_io.instructions_kernel": "instructions, kernel",
    "run_delay": "run delay",
}
# What sum_up() adds to a cell: it is in no file.
SUMS = {"errors", "domain_read_back", *(metric.partition(".")[0] for metric in METRICS)}
CELL_TEXTS = ("row", "column", "driver", "variant", "domain", "domain_read_back", "mode", "device")


# Control characters, and what changes the direction of text, takes no room or is half a character.
UNWANTED = re.compile("[\0-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
                      "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]")


def printable(text):
    return UNWANTED.sub("\ufffd", text)


class Wrong(Exception):
    """What is wrong, and where, in words for the user: text of a file in it is of any kind."""

    def __str__(self):
        said = printable(super().__str__())
        return said if len(said) <= 600 else said[:600] + "…"


def get(record, metric):
    """A metric of a round or a cell; None where it was not measured."""
    group, _, name = metric.rpartition(".")
    return ((record.get(group) or {}) if group else record).get(name)


def put(record, metric, value):
    group, _, name = metric.rpartition(".")
    if group and not record.get(group):
        record[group] = {}
    (record[group] if group else record)[name] = value


# --- checks ---

TYPES = {str: "string", int: "int", float: "double", bool: "boolean", list: "array", dict: "object"}


def fits(most):
    def fault(text):
        try:
            good = len(text.encode()) <= most and "\0" not in text
        except UnicodeEncodeError:  # half a character
            good = False
        return None if good else (f"is longer than {most} bytes, or has a zero byte or half a "
                                  "character in it")
    return fault


def one_of(*words):
    known = ", ".join(filter(None, words))
    return lambda text: None if text in words else f'is "{text}", and not one of {known}'


def from_0(most):
    return lambda n: None if 0 <= n <= most else f"is {n}, and not from 0 to {most}"


def number(n):
    return None if n == 0 or LEAST_NUMBER <= n <= MOST_NUMBER else (
        f"is {n}, and not 0 or a number from {LEAST_NUMBER:g} to {MOST_NUMBER:g}")


# What an object has: its type, what is wrong with a value, and whether it may be missing or null.
FILE = {"schema": (int, from_0(2**32 - 1)), "started": (str, fits(31)), "harness": (str, fits(11)),
        "backend": (str, fits(31), True), "emulated": (bool,), "complete": (bool,),
        "rounds": (int, from_0(MOST_ROUNDS)), "seconds": (float, number), "machine": (dict,),
        "device": (dict,), "cells": (list,), "skipped": (list,)}
CELL = {"row": (str, fits(47)), "column": (str, fits(23)), "variant": (str, fits(15)),
        "driver": (str, one_of("kernel", "nnvme")), "device": (str, fits(19)), "spins": (bool,),
        "domain": (str, one_of("", "identity", "DMA", "DMA-FQ"), True),
        "mode": (str, one_of("", "iommu", "noiommu"), True), "rounds": (list,)}
ROUND = {"seconds": (float, number), "ios": (int, from_0(MOST_COUNT)),
         "errors": (int, from_0(MOST_COUNT)), "mark": (int, from_0(MOST_COUNT), True),
         "domain_read_back": (str, fits(15), True)}
SKIPPED = {"row": (str, fits(47)), "column": (str, fits(23), True), "reason": (str, fits(299))}


def check(where, record, rules):
    """@where: "cells[3]: ", or "" at the top."""
    for name, (kind, *more) in rules.items():
        value = record.get(name)
        if value is None:
            if True not in more:
                raise Wrong(f'{where}there is no "{name}"')
        elif type(value) is not kind and (kind, type(value)) != (float, int):
            raise Wrong(f'{where}"{name}" is of type {TYPES[type(value)]}, and not {TYPES[kind]}')
        elif more and (fault := more[0](value)):
            raise Wrong(f'{where}"{name}" {fault}')


def check_list(where, records, most, rules):
    """Each of them in turn, with its place, when it is right."""
    if len(records) > most:
        raise Wrong(f'"{where}" has {len(records)} elements, and at most {most} are read')
    for i, record in enumerate(records):
        if type(record) is not dict:
            raise Wrong(f'"{where}"[{i}] is no object')
        check(f"{where}[{i}]: ", record, rules)
        yield f"{where}[{i}]", record


def check_metrics(where, record):
    for metric in METRICS:
        group, _, name = metric.rpartition(".")
        if group:
            check(where, record, {group: (dict, lambda _: None, True)})
        check(where, (record.get(group) or {}) if group else record, {name: (float, number, True)})


def check_file(results):
    if type(results) is not dict:
        raise Wrong("is no JSON object")
    check("", results, {"schema": FILE["schema"]})
    if results["schema"] != SCHEMA:
        raise Wrong(f"its schema is {results['schema']}, and this program reads {SCHEMA}")
    check("", results, FILE)
    for name in ("machine", "device"):
        facts = results[name]
        if len(facts) > MOST_FACTS or any(map(fits(47), facts)):
            raise Wrong(f"{name}: it has more than {MOST_FACTS} members, or a name of more than 47 "
                        "bytes")
        check(f"{name}: ", facts, dict.fromkeys(facts, (str, fits(511))))
    for where, cell in check_list("cells", results["cells"], MOST_CELLS, CELL):
        for inside, round_ in check_list(f"{where}.rounds", cell["rounds"], MOST_ROUNDS, ROUND):
            check_metrics(f"{inside}: ", round_)
    list(check_list("skipped", results["skipped"], MOST_CELLS, SKIPPED))


def read(path):
    """Checked and summed up; Wrong says what is the matter with the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
                raise Wrong(f"is no file of at most {MOST_BYTES >> 20} MiB")
            results = json.loads(file.read(found.st_size).decode())
        check_file(results)
    except OSError as error:
        raise Wrong(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{path}: is no JSON: {error}") from error
    except Wrong as error:
        raise Wrong(f"{path}: {error}") from None
    sum_up(results)
    return results


# --- what follows from the rounds ---

def sum_up(results):
    """Figures, errors and the domain of every cell; what the file says of them is not taken."""
    for cell in results["cells"]:
        rounds = cell["rounds"]
        for name in SUMS:
            cell.pop(name, None)
        cell["errors"] = sum(r["errors"] for r in rounds)
        domains = {r.get("domain_read_back") or None for r in rounds}
        found = "mixed" if len(domains) > 1 else next(iter(domains), None)
        cell["domain_read_back"] = found
        for metric in METRICS:
            figure = figure_of([get(r, metric) for r in rounds])
            put(cell, metric, figure and figure._asdict())


def find(results, row, column):
    return next((c for c in results["cells"] if c["row"] == row and c["column"] == column), None)


def is_disturbed(round_):
    return (round_.get("run_delay") or 0) > MOST_RUN_DELAY


# --- writing ---

def replace(path, text):
    """The file is the old one or the new one, whole; a link in its place is not followed."""
    temporary = None
    try:
        fd, temporary = tempfile.mkstemp(prefix=".bench.", dir=os.path.dirname(path) or ".")
        umask = os.umask(0)
        os.umask(umask)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, 0o666 & ~umask)
            os.fsync(fd)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise Wrong(f"{path}: cannot be written: {error.strerror}") from error


def plain(value):
    """53739520 and not 53739520.0; and no number that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float) and value == int(value) and value < 1e15:
        return int(value)
    return value


def to_json(results):
    def tidy(value):
        if isinstance(value, dict):
            return {k: tidy(v) for k, v in value.items()}
        return [tidy(v) for v in value] if isinstance(value, list) else plain(value)

    cells = [{k: v for k, v in cell.items() if k not in SUMS} for cell in results["cells"]]
    return json.dumps(tidy({**results, "cells": cells}), indent=2) + "\n"


def no_formula(text):
    """For a table that a spreadsheet opens."""
    return "'" + text if text[:1] in tuple("=+-@\t\r") else text


def to_csv(results):
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*CELL_TEXTS, "spins", "round", "seconds", "ios", "errors", *METRICS])
    for cell in results["cells"]:
        for number, round_ in enumerate(cell["rounds"], 1):
            of = {**cell, "domain_read_back": round_.get("domain_read_back")}
            out.writerow([*(no_formula(of.get(name) or "") for name in CELL_TEXTS),
                          int(cell["spins"]), number, plain(round_["seconds"]), round_["ios"],
                          round_["errors"], *(plain(get(round_, metric)) for metric in METRICS)])
    return text.getvalue()
