# SPDX-License-Identifier: MIT
"""Results as a table: rows and columns in the order in which people are shown them, and what may be
claimed of two rows."""
import math
import re
from collections import namedtuple

from ratio import differs, figure_of, ratio_of
from results import Wrong, get, is_disturbed

MOST = 64  # rows, and columns: three times what there is

# What stands between the device and memory, and whose driver it is: what a colour means.
IDENTITY, DMA, DMA_FQ, NONE, IOMMU, NOIOMMU, OTHER = range(7)
GROUPS = ("kernel, identity", "kernel, DMA", "kernel, DMA-FQ", "kernel, no IOMMU",
          "this driver, iommu", "this driver, noiommu", "other")
SHORT = ("identity", "DMA", "DMA-FQ", "no IOMMU", "iommu", "noiommu", "other")
# How I/Os are handed over and waited for: what the shape of a point means.
KINDS = {"plain": "io_uring plain", "registered": "io_uring registered",
         "polled": "io_uring polled", "passthrough": "io_uring passthrough", "poll": "polling",
         "hybrid": "hybrid waiting", "interrupt": "interrupts"}
URINGS, WAITS = list(KINDS)[:4], list(KINDS)[4:]

# What is compared; the heading of a narrow column, the unit for people, what a figure is multiplied
# by for it, and the metrics that are added.
Subject = namedtuple("Subject", "title short unit scale metrics")
IOPS = Subject("IOPS", "IOPS", "", 1, ("iops",))
LATENCY = Subject("median latency", "p50, µs", "µs", 1e-3, ("latency.p50_ns",))
TAIL = Subject("99 % latency", "p99, µs", "µs", 1e-3, ("latency.p99_ns",))
CPU = Subject("CPU time per I/O", "CPU, µs", "µs", 1, ("cpu.user", "cpu.system"))
INSTRUCTIONS = Subject("instructions per I/O", "in\u00adstruc\u00adtions", "", 1,
                       ("per_io.instructions_user", "per_io.instructions_kernel"))

Row = namedtuple("Row", "name label group kind spins")
Column = namedtuple("Column", "name title family depth")
Pair = namedtuple("Pair", "topic a b title item label")


def describe_row(cell):
    driver, domain, mode = cell["driver"], cell.get("domain") or "", cell.get("mode") or ""
    group = OTHER
    if driver == "nnvme" and mode in SHORT:
        group = SHORT.index(mode)
    elif driver == "kernel":
        group = SHORT.index(domain) if domain in SHORT else OTHER if domain else NONE
    kind = cell["variant"] if cell["variant"] in KINDS else ""
    own = "nnvme " if group in (IOMMU, NOIOMMU) else ""
    label = f"{own}{SHORT[group]}, {kind}" if kind and group != OTHER else cell["row"]
    return Row(cell["row"], label, group, kind, cell["spins"])


def describe_column(name):
    """randread-4k-qd32: 4 KiB random read, depth 32."""
    family, _, depth = name.rpartition("-qd")
    if not family or not re.fullmatch(r"[0-9]{1,6}", depth):
        return Column(name, name, name, 0)
    found = re.fullmatch(r"(rand)?(read|write|rw)-([0-9]{1,9})(k?)", family)
    title = name
    if found:
        random, way, size, kilo = found.groups()
        way = "random" if way == "rw" else f"{'random' if random else 'sequential'} {way}"
        mixed = ", 70 % reads and 30 % writes" if found[2] == "rw" else ""
        title = f"{size} {'KiB' if kilo else 'B'} {way}{mixed}, depth {depth}"
    return Column(name, title, family, int(depth))


class Matrix:
    def __init__(self, results):
        rows, columns, self.cells, self.results = {}, {}, {}, results
        for cell in results["cells"]:
            rows.setdefault(cell["row"], describe_row(cell))
            columns.setdefault(cell["column"], describe_column(cell["column"]))
            self.cells.setdefault((cell["row"], cell["column"]), cell)  # of two, the first is shown
        if max(len(rows), len(columns)) > MOST:
            raise Wrong(f"the results have more than {MOST} rows or columns: they are not of this "
                        "benchmark")
        kinds = list(KINDS) + [""]
        families = list(dict.fromkeys(c.family for c in columns.values()))
        self.rows = sorted(rows.values(), key=lambda r: (r.group, kinds.index(r.kind), r.name))
        self.columns = sorted(columns.values(),
                              key=lambda c: (families.index(c.family), c.depth, c.name))

    def cell(self, row, column):
        return self.cells.get((row.name, column.name)) if row and column else None

    def row(self, group, kind):
        return next((r for r in self.rows if (r.group, r.kind) == (group, kind)), None)

    def random_reads(self, depth):
        """The column of 4 KiB random reads at that depth, or at the next below it, or the first."""
        fitting = [c for c in self.columns if c.family == "randread-4k" and c.depth <= depth]
        return fitting[-1] if fitting else self.columns[0] if self.columns else None

    def has(self, metric, column=None):
        return any(get(cell, metric) for (_, name), cell in self.cells.items()
                   if column is None or name == column.name)


# --- what is to be held against a cell ---

def disturbed(cell):
    return sum(map(is_disturbed, cell["rounds"]))


def missing(cell, results):
    return len(cell["rounds"]) < results["rounds"]


def marks(results, *cells):
    """† I/Os failed, ‡ fewer rounds than the run, § disturbed."""
    return "".join(mark for mark, held in (
        ("†", any(c["errors"] for c in cells)),
        ("‡", any(missing(c, results) for c in cells)),
        ("§", any(disturbed(c) for c in cells))) if held)


def in_wrong_domain(cell):
    """What was read back isn't what the row stands for: nothing may be claimed of it."""
    domain, found = cell.get("domain"), cell["domain_read_back"]
    return bool(domain and found and domain != found)


def is_doubtful(cell):
    return cell["errors"] or disturbed(cell) or in_wrong_domain(cell)


def remark(cell, results):
    """The same beside a row of a plot."""
    if not cell:
        return "not run"
    return ", ".join(text for text, held in (
        ("errors", cell["errors"]),
        (f"{len(cell['rounds'])} of {results['rounds']} rounds", missing(cell, results)),
        ("disturbed", disturbed(cell))) if held)


# --- claims ---

def values(cell, subject):
    """Of each round; None where a part is missing."""
    for round_ in cell["rounds"]:
        parts = [get(round_, metric) for metric in subject.metrics]
        yield None if None in parts else sum(parts)


def figure_in(cell, subject):
    return figure_of(values(cell, subject)) if cell else None


# verdict: "" (not compared), "wrong domain", "one round", "same" or "differs"
Claim = namedtuple("Claim", "verdict ratio marks asked two_devices")


def claim_of(results, a, b, subject):
    """What may be said of @a compared to @b; either may be None."""
    if not a or not b:
        return Claim("", None, "", 0, False)
    if in_wrong_domain(a) or in_wrong_domain(b):
        return Claim("wrong domain", None, "", 0, False)
    ratio = ratio_of(values(a, subject), values(b, subject))
    verdict = "" if not ratio else "one round" if ratio.low is None else \
        "differs" if differs(ratio) else "same"
    return Claim(verdict, ratio, marks(results, a, b), results["rounds"],
                 a["device"] != b["device"])


def pairs(m):
    """The pairs of rows that are compared, as far as the results have both."""
    found = []

    def add(topic, a, b, title, item, label):
        rows = m.row(*a), m.row(*b)
        if all(rows):
            found.append(Pair(topic, *rows, title, item, label))

    for a, b in ((IDENTITY, DMA), (IDENTITY, DMA_FQ), (DMA_FQ, DMA)):
        for kind in URINGS:
            add("domains", (a, kind), (b, kind), f"{SHORT[a]} against {SHORT[b]}", KINDS[kind],
                f"{SHORT[a]} / {SHORT[b]}, {kind}")
    for a, b in ((NOIOMMU, NONE), (NOIOMMU, IDENTITY), (IOMMU, IDENTITY), (IOMMU, DMA),
                 (IOMMU, DMA_FQ)):
        for kind in URINGS:
            add("drivers", (a, "poll"), (b, kind), f"{GROUPS[a]} against {GROUPS[b]}", KINDS[kind],
                f"{SHORT[a]} / {SHORT[b]}, {kind}")
    for kind in WAITS:
        add("modes", (NOIOMMU, kind), (IOMMU, kind), "this driver, noiommu against iommu",
            KINDS[kind], f"noiommu / iommu, {kind}")
    for kind in WAITS[1:]:
        for group in (IOMMU, NOIOMMU):
            add("waits", (group, kind), (group, "poll"),
                f"this driver, {KINDS[kind]} against polling", SHORT[group],
                f"{kind} / poll, {SHORT[group]}")
    return found


COMPARED = (("domains", IOPS), ("domains", LATENCY), ("domains", INSTRUCTIONS), ("drivers", IOPS),
            ("drivers", LATENCY), ("drivers", INSTRUCTIONS), ("modes", IOPS), ("waits", LATENCY),
            ("waits", CPU))
TOPICS = {"domains": "Domain types, the kernel's driver", "modes": "This driver in its two modes",
          "drivers": "This driver, polling, against the kernel's", "waits": "Ways of waiting"}


def comparisons(m):
    """[(title, [(column, [(title of pairs, [(item, claim)])])])], of what something is said."""
    columns = dict.fromkeys(filter(None, (m.random_reads(32), m.random_reads(1))))
    for topic, subject in COMPARED:
        at = []
        for column in columns:
            said = {}
            for pair in pairs(m):
                claim = claim_of(m.results, m.cell(pair.a, column), m.cell(pair.b, column), subject)
                if pair.topic == topic and claim.verdict:
                    said.setdefault(pair.title, []).append((pair.item, claim))
            if said:
                at.append((column, list(said.items())))
        if at:
            yield f"{TOPICS[topic]}: {subject.title}", at


# --- the table that comes first, and its three sentences ---

SUMMARY = (IOPS, LATENCY, TAIL, INSTRUCTIONS, CPU)
SUMMARY_GROUPS = (IDENTITY, DMA_FQ, DMA, NONE, IOMMU, NOIOMMU)


def fastest(m, column):
    """{group: its row with the most IOPS}, and what others are compared with: the kernel's driver
    in DMA-FQ, or the next best that there is."""
    chosen = {}
    for row in m.rows:
        figure = figure_in(m.cell(row, column), IOPS)
        if figure and figure.median > chosen.get(row.group, (0,))[0]:
            chosen[row.group] = figure.median, row
    chosen = {group: row for group, (_, row) in chosen.items()}
    return chosen, next((g for g in (DMA_FQ, DMA, IDENTITY, NONE) if g in chosen), None)


def default_type(results):
    """What the kernel gave a controller behind an IOMMU; None where the results don't say."""
    found = (results["device"].get(name) for name in ("iommu", "second.iommu"))
    return next((kind for kind in found if kind in SHORT[:3]), None)


# A figure; how many times that of the default it is, and what part of the greatest: None where
# there is no such number.
Cell = namedtuple("Cell", "value times share")


def quotient(a, b):
    return a / b if b and math.isfinite(a / b) else None


def summary(m):
    """[(column, default group, [(group, row, marks, [cell of each subject])])]"""
    for column in dict.fromkeys(filter(None, (m.random_reads(1), m.random_reads(32)))):
        chosen, default = fastest(m, column)
        medians = {g: [f and f.median for f in (figure_in(m.cell(row, column), s) for s in SUMMARY)]
                   for g, row in chosen.items()}
        most = [max(of, key=lambda v: v or 0) for of in zip(*medians.values())]
        lines = []
        for group in filter(chosen.get, SUMMARY_GROUPS):
            cell = m.cell(chosen[group], column)
            held = marks(m.results, cell) + ("≠" if in_wrong_domain(cell) else "")
            base = medians.get(default, [None] * len(SUMMARY))
            lines.append((group, chosen[group], held, [
                None if v is None else Cell(v * s.scale, quotient(v, b), quotient(v, top))
                for s, v, b, top in zip(SUMMARY, medians[group], base, most)]))
        if lines:
            yield column, default, lines


def sentences(m):
    """What a reader wants to know first, three at most."""
    deep, shallow = m.random_reads(32), m.random_reads(1)
    counted = deep and m.has(INSTRUCTIONS.metrics[0], deep)
    third = (IOMMU, INSTRUCTIONS, deep) if counted else (IOMMU, LATENCY, shallow)
    for group, subject, column in ((IOMMU, IOPS, deep), (NOIOMMU, IOPS, deep), third):
        chosen, default = fastest(m, column)
        cells = [m.cell(chosen.get(g), column) for g in (group, default)]
        claim = claim_of(m.results, *cells, subject)
        if claim.ratio:
            yield {"group": group, "subject": subject, "column": column, "claim": claim,
                   "default": default,
                   "kind": KINDS.get(chosen[default].kind, chosen[default].name),
                   "figures": [figure_in(c, subject).median * subject.scale for c in cells]}


def doubts(m):
    """[(cell, why)]: cells that are in doubt; a run that came to no end is said elsewhere."""
    reasons = {(s["row"], s.get("column")): s["reason"] for s in m.results["skipped"]}
    unknown = "the others are missing" if m.results["complete"] else ""
    for cell in m.results["cells"]:
        row = cell["row"]  # skipped in this column, or in all
        why = reasons.get((row, cell["column"])) or reasons.get((row, None)) or unknown
        rounds = missing(cell, m.results)
        if is_doubtful(cell) or (rounds and why):
            yield cell, rounds, why
