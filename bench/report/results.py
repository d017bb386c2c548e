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
import stat
import tempfile

from ratio import figure_of

SCHEMA = 2
MOST_BYTES = 64 << 20
MOST_CELLS = MOST_ROUNDS = 10000
MOST_FACTS = 500
MOST_COUNT = 2**63 - 1
MOST_NUMBER = 1e308
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
CELL_TEXTS = ("row", "column", "driver", "variant", "domain", "domain_read_back", "mode", "device")


class Wrong(Exception):
    """What is wrong, and where, in words for the user."""


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


class Checker:
    """One object of the file, and its place in it, for messages."""

    def __init__(self, path, where, record):
        self.path, self.where, self.record = path, where, record

    def wrong(self, says):
        raise Wrong(f"{self.path}: {self.where + ': ' if self.where else ''}{says}")

    def member(self, name, kind, optional=False):
        value = self.record.get(name)
        if value is None:
            if not optional:
                self.wrong(f'there is no "{name}"')
        elif type(value) is not kind and not (kind is float and type(value) is int):
            self.wrong(f'"{name}" is of type {TYPES[type(value)]}, and not {TYPES[kind]}')
        return value

    def text(self, name, most, optional=False, words=None):
        value = self.member(name, str, optional) or ""
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > most or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            self.wrong(f'"{name}" is longer than {most} bytes, or has a zero byte or half a character in it')
        if words and value not in words:
            self.wrong(f'"{name}" is "{value}", and not one of {", ".join(w for w in words if w)}')

    def count(self, name, most, optional=False):
        value = self.member(name, int, optional)
        if value is not None and not 0 <= value <= most:
            self.wrong(f'"{name}" is {value}, and not from 0 to {most}')

    def number(self, name, optional=False):
        value = self.member(name, float, optional)
        if value is not None and not 0 <= value <= MOST_NUMBER:
            self.wrong(f'"{name}" is {value}, and not a number from 0 up')

    def records(self, name, most):
        value = self.member(name, list)
        if len(value) > most:
            self.wrong(f'"{name}" has {len(value)} elements, and at most {most} are read')
        prefix = f"{self.where}.{name}" if self.where else name
        for i, record in enumerate(value):
            if type(record) is not dict:
                self.wrong(f'"{name}"[{i}] is no object')
            yield Checker(self.path, f"{prefix}[{i}]", record)


def check_round(at):
    at.number("seconds")
    at.count("ios", MOST_COUNT)
    at.count("errors", MOST_COUNT)
    at.count("mark", MOST_COUNT, optional=True)
    at.text("domain_read_back", 15, optional=True)
    for metric in METRICS:
        group, _, name = metric.rpartition(".")
        record = at.member(group, dict, optional=True) if group else at.record
        Checker(at.path, at.where, record or {}).number(name, optional=True)


def check_cell(at):
    for name, most in (("row", 47), ("column", 23), ("variant", 15), ("device", 19)):
        at.text(name, most)
    at.text("driver", 7, words=("kernel", "nnvme"))
    at.text("domain", 11, optional=True, words=("", "identity", "DMA", "DMA-FQ"))
    at.text("mode", 11, optional=True, words=("", "iommu", "noiommu"))
    at.member("spins", bool)
    for round_ in at.records("rounds", MOST_ROUNDS):
        check_round(round_)


def check_facts(at, name):
    facts = at.member(name, dict)
    inside = Checker(at.path, name, facts)
    if len(facts) > MOST_FACTS:
        inside.wrong(f"it has more than {MOST_FACTS} members")
    for key in facts:
        if len(key.encode("utf-8", "surrogatepass")) > 47:
            inside.wrong("a name is longer than 47 bytes")
        inside.text(key, 511)


def check(path, results):
    if type(results) is not dict:
        raise Wrong(f"{path}: is no JSON object")
    at = Checker(path, "", results)
    at.count("schema", 2**32 - 1)
    if results["schema"] != SCHEMA:
        at.wrong(f"its schema is {results['schema']}, and this program reads {SCHEMA}")
    at.text("started", 31)
    at.text("harness", 11)
    at.text("backend", 31, optional=True)
    at.member("emulated", bool)
    at.member("complete", bool)
    at.count("rounds", MOST_ROUNDS)
    at.number("seconds")
    check_facts(at, "machine")
    check_facts(at, "device")
    for cell in at.records("cells", MOST_CELLS):
        check_cell(cell)
    for skipped in at.records("skipped", MOST_CELLS):
        skipped.text("row", 47)
        skipped.text("column", 23, optional=True)
        skipped.text("reason", 299)


def read(path):
    """Checked and summed up; Wrong says what is the matter with the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
                raise Wrong(f"{path}: is no file of at most {MOST_BYTES >> 20} MiB")
            text = file.read(found.st_size)
    except OSError as error:
        raise Wrong(f"{path}: cannot be read: {error.strerror}") from error
    try:
        results = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{path}: is no JSON: {error}") from error
    check(path, results)
    sum_up(results)
    return results


# --- what follows from the rounds ---

def sum_up(results):
    """Figures, errors and the domain of every cell: formed again, so that they can't say anything else."""
    for cell in results["cells"]:
        rounds = cell["rounds"]
        cell["errors"] = sum(r["errors"] for r in rounds)
        domains = {r.get("domain_read_back") or None for r in rounds}
        cell["domain_read_back"] = domains.pop() if len(domains) == 1 else "mixed" if domains else None
        for metric in METRICS:
            figure = figure_of([get(r, metric) for r in rounds])
            put(cell, metric, figure and figure._asdict())


def find(results, row, column):
    return next((c for c in results["cells"] if c["row"] == row and c["column"] == column), None)


def is_disturbed(round_):
    return (round_.get("run_delay") or 0) > MOST_RUN_DELAY


# --- writing ---

def replace(path, text):
    """The file is the old one or the new one, whole; a link in its place is replaced, and not followed."""
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

    return json.dumps(tidy(results), indent=2, ensure_ascii=False) + "\n"


def to_csv(results):
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*CELL_TEXTS, "spins", "round", "seconds", "ios", "errors", *METRICS])
    for cell in results["cells"]:
        for number, round_ in enumerate(cell["rounds"], 1):
            of = {**cell, "domain_read_back": round_.get("domain_read_back")}
            out.writerow([*(of.get(name) or "" for name in CELL_TEXTS), int(cell["spins"]), number,
                          plain(round_["seconds"]), round_["ios"], round_["errors"],
                          *(plain(get(round_, metric)) for metric in METRICS)])
    return text.getvalue()
