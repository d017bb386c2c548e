# SPDX-License-Identifier: MIT
"""report.html: one file, with all that it shows inside, of one run or of two side by side."""
import functools
import math
from pathlib import Path

import jinja2
from markupsafe import Markup

import matrix
import plot
import text
from matrix import CPU, INSTRUCTIONS, IOPS, LATENCY, SUMMARY
from results import METRICS, find, get

HERE = Path(__file__).resolve().parent
OPEN = 3  # columns that are not folded

# Figures that belong together, and what a column of them is called.
HEADINGS = (
    ("throughput", (("IOPS", "iops"), ("MiB/s", "bytes_per_second"))),
    ("latency, µs", (("mean", "latency.mean_ns"), ("median", "latency.p50_ns"),
                     ("99 %", "latency.p99_ns"), ("99.9 %", "latency.p999_ns"),
                     ("greatest", "latency.max_ns"))),
    ("CPU s per million I/Os", (("user", "cpu.user"), ("system", "cpu.system"))),
    ("instructions per I/O", (("user", "per_io.instructions_user"),
                              ("kernel", "per_io.instructions_kernel"))),
    ("per I/O", tuple((name, "per_io." + name.lower().replace(" ", "_")) for name in (
        "interrupts", "SQ doorbells", "CQ doorbells", "maps", "unmaps", "invalidations"))),
    ("waited for a processor", (("% of the time", "run_delay"),)),
)


@functools.cache
def template(name):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=lambda v: "" if v is None else text.clean(v))
    environment.globals.update(
        style=Markup((HERE / "report.css").read_text()), safe=Markup, say=text.claim, get=get,
        number=text.number, ratio=text.ratio, shown=text.shown, finite=text.is_finite,
        marks=matrix.marks, disturbed=matrix.disturbed, missing=matrix.missing,
        in_wrong_domain=matrix.in_wrong_domain, claim_of=matrix.claim_of, groups=matrix.GROUPS,
        short=matrix.SHORT, kinds=matrix.KINDS, iops=IOPS, open=OPEN)
    return environment.get_template(name)


FULL = ("square", "full: user; pale: kernel")


def plots(m):
    """[(title, what it shows, legend, panels)], without what was not measured."""
    rows = plot.Rows(m)
    present = {r.kind for r in m.rows}
    kinds = [(plot.POINTS[k], title) for k, title in matrix.KINDS.items() if k in present]
    points = (("disc", "median"), ("square", "99 %"), ("triangle", "99.9 %"))
    waits = "less is better. Of rows that spin (*) it includes waiting."
    for metric, title, caption, legend, panels in (
            ("iops", "IOPS", "More is better.", (),
             lambda: [rows.bars(c, IOPS) for c in m.columns]),
            ("latency.p50_ns", "Latency",
             "From submission to reap, on a logarithmic axis; less is better.", points,
             lambda: [rows.percentiles(c) for c in m.columns]),
            ("cpu.user", "CPU time", f"Seconds of CPU per million I/Os; {waits}", (FULL,),
             lambda: [rows.bars(c, CPU) for c in m.columns]),
            ("per_io.instructions_user", "Instructions", f"Executed by the guest per I/O; {waits}",
             (FULL,), lambda: [rows.bars(c, INSTRUCTIONS) for c in m.columns]),
            ("iops", "Throughput against latency", "IOPS to the right, median latency upward, both "
             "logarithmic; a line goes through the depths. Right and low is better.", kinds,
             lambda: plot.trades(m, m.columns))):
        if m.has(metric):
            yield title, caption, legend, panels()


def tables(m):
    for column in m.columns:
        found = [(title, [(name, metric) for name, metric in of if m.has(metric, column)])
                 for title, of in HEADINGS]
        yield column, [(title, of) for title, of in found if of]


def skipped(results):
    """{(row, reason): its columns}: what a row lacks, it often lacks in all of them."""
    found = {}
    for s in results["skipped"]:
        found.setdefault((s["row"], s["reason"]), []).append(s.get("column") or "all")
    return found


def of_run(results):
    m = matrix.Matrix(results)
    return template("run.html").render(
        r=results, m=m, sentences=list(matrix.sentences(m)), summary=list(matrix.summary(m)),
        subjects=SUMMARY, default_type=matrix.default_type(results),
        doubts=list(matrix.doubts(m)), comparisons=list(matrix.comparisons(m)),
        skipped=skipped(results), ratios=plot.ratios(m), pairs=matrix.pairs(m), names=plot.Rows(m).names(),
        plots=list(plots(m)), tables=list(tables(m)),
        unmeasured=[title for metric, title in METRICS.items() if not m.has(metric)],
        row_cells=[(r, [c for c in (m.cell(r, k) for k in m.columns) if c]) for r in m.rows])


# --- two runs ---

def apart_by_chance(n, k):
    """How often the spreads of equal runs do not overlap: of all orders of n + k values, those in
    which the n stand together at one end."""
    return min(2 / math.comb(n + k, n), 1)


def compared(a, b, subject, doubted):
    """(subject, figure of a, of b, ratio or None, how often equal runs are so far apart or None)

    Of what is @doubted nothing is claimed."""
    x, y = matrix.figure_in(a, subject), matrix.figure_in(b, subject)
    times = y.median / x.median if x and y and x.median > 0 else None
    if times is None or not 0 < times < math.inf:
        return subject, x, y, None, None
    of_a, of_b = (sum(v is not None for v in matrix.values(c, subject)) for c in (a, b))
    chance = apart_by_chance(of_a, of_b)
    apart = not doubted and chance < 1 and (x.high < y.low or y.high < x.low)
    return subject, x, y, times, chance if apart else None


def differing(a, b):
    yield "begun", a["started"], b["started"]
    for name, member in (("load by", "harness"), ("storage", "backend"), ("emulated", "emulated"),
                         ("complete", "complete"), ("seconds of a round", "seconds")):
        if a.get(member) != b.get(member):
            yield name, a.get(member), b.get(member)
    for part in ("machine", "device"):
        for name in dict.fromkeys((*a[part], *b[part])):
            if a[part].get(name) != b[part].get(name):
                yield name, a[part].get(name), b[part].get(name)


def of_two(a, b):
    m, other = matrix.Matrix(a), matrix.Matrix(b)
    subjects = [s for s in (IOPS, LATENCY, CPU, INSTRUCTIONS)
                if m.has(s.metrics[0]) or other.has(s.metrics[0])]
    found = []
    for column in m.columns:
        both = [(row, m.cell(row, column), other.cell(row, column)) for row in m.rows]
        lines = [(row, x, y, [compared(x, y, s, a["emulated"] != b["emulated"] or
                                       any(map(matrix.is_doubtful, (x, y)))) for s in subjects])
                 for row, x, y in both if x and y]
        if lines:
            found.append((column, lines))
    only = [(name, [c for c in mine["cells"] if not find(theirs, c["row"], c["column"])])
            for name, mine, theirs in (("A", a, b), ("B", b, a))]
    return template("two.html").render(
        a=a, b=b, tables=found, subjects=subjects, only=[(n, cells) for n, cells in only if cells],
        differing=list(differing(a, b)))
