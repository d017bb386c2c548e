# SPDX-License-Identifier: MIT
"""Plots as SVG inside the page: each panel is a picture of its own, and the style sheet gives it
its colours and its place, so that one form serves light and dark, a phone and a wide screen."""
import math

from markupsafe import Markup

import matrix
from ratio import is_usable
from results import get
from text import COUNTS, TIMES, html, is_finite, si

WIDTH, ROW, TOP, BOTTOM, GAP = 400, 15, 22, 20, 7
WIDEST = 2.5  # times a ratio, that its interval can widen the axis

SHAPES = {"disc": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z", "square": "M-3-3h6v6h-6z",
          "triangle": "M0-4L4 3H-4z", "diamond": "M0-4L4 0 0 4-4 0z"}
POINTS = dict(zip(matrix.KINDS, ("disc", "square", "triangle", "diamond", "triangle", "square",
                                 "disc")))


class Axis:
    """A range of values, its marks, and where a value is between two pixels."""

    def __init__(self, log=False, units=COUNTS):
        self.log, self.units, self.least, self.most = log, units, math.inf, -math.inf

    def cover(self, *values):
        for value in values:
            if is_usable(value) or (is_finite(value) and not self.log and value >= 0):
                self.least, self.most = min(self.least, value), max(self.most, value)

    def span(self, left, right, widen=1.25):
        self.left, self.right = left, right
        if self.log:
            if self.least > self.most:
                self.least, self.most = 1, 10
            self.least, self.most = self.least / widen, min(self.most * widen, 1e308)
        else:
            self.least, self.most = 0, min((self.most if self.most > 0 else 1) * 1.04, 1e308)

    def at(self, value):
        f = math.log if self.log else float
        share = (f(value) - f(self.least)) / (f(self.most) - f(self.least))
        return self.left + max(-0.02, min(1.02, share)) * (self.right - self.left)

    def marks(self, most):
        if not self.log:
            step = 10.0 ** math.floor(math.log10(self.most / most))
            step *= next(s for s in (1, 2, 5, 10, 20) if self.most / step / s <= most)
            return [i * step for i in range(int(self.most / step) + 1)]
        found = []
        low, high = math.floor(math.log10(self.least)), math.ceil(math.log10(self.most))
        for factors in ((1, 1.2, 1.5, 2, 3, 5, 8), (1, 2, 5), (1, 3), (1,)):
            found = [v for p in range(low, high + 1) for f in factors
                     if self.least <= (v := f * 10.0 ** p) <= self.most]
            if len(found) <= most + 1:
                break
        return found[::1 + len(found) // (most + 1)] or [self.least]


def path(css, d):
    return f'<path class="{css}" d="{d}"/>'


def point(css, shape, x, y):
    return f'<use class="{css}" href="#{shape}" x="{x:.1f}" y="{y:.1f}"/>'


def label(x, y, text, css=""):
    style = f' class="{css}"' if css else ""
    return f'<text x="{x:g}" y="{y:g}"{style}>{html(text)}</text>'


def picture(title, height, parts, width=WIDTH):
    return Markup(f'<svg class="panel" viewBox="0 0 {width} {height:g}" role="img" '
                  f'aria-label="{html(title)}">{label(0, 12, title, "t")}{"".join(parts)}</svg>\n')


def places(keys):
    """From the top down; those of one key stand together. The last is where the next would be."""
    y, found = float(TOP), []
    for i, key in enumerate(keys):
        y += GAP if i and key != keys[i - 1] else 0
        found.append(y)
        y += ROW
    return found + [y]


def x_axis(axis, y, marks):
    at = [(axis.at(v), si(v, axis.units)) for v in axis.marks(marks)]
    return [path("grid", "".join(f"M{x:.1f} {TOP - 4}V{y:g}" for x, _ in at)),
            *(label(round(x, 1), y + 13, text, "m") for x, text in at)]


class Rows:
    """Panels with a row for each row of the results."""
    gutter = 152

    def __init__(self, m):
        self.m, self.ys = m, places([r.group for r in m.rows])

    def names(self):
        """Once a page, with the shapes of points; each panel refers to them."""
        names = "".join(label(self.gutter - 6, y + 11, r.label + (" *" if r.spins else ""), "e")
                        for r, y in zip(self.m.rows, self.ys))
        shapes = "".join(f'<path id="{name}" d="{d}"/>' for name, d in SHAPES.items())
        return Markup('<svg class="defs" width="0" height="0" aria-hidden="true"><defs>'
                      f'<g id="names">{names}</g>{shapes}</defs></svg>\n')

    def panel(self, column, axis, draw):
        """draw(row, y), called when the axis is known, returns a row's parts, and its thin line."""
        axis.span(self.gutter, WIDTH - 12)
        parts, lines = ['<use href="#names"/>', *x_axis(axis, self.ys[-1], 4)], ""
        for row, y in zip(self.m.rows, self.ys):
            cell = self.m.cell(row, column)
            if cell:
                drawn, line = draw(row, y)
                parts, lines = parts + drawn, lines + line
            remark = matrix.remark(cell, self.m.results)
            if remark:
                parts.append(label(WIDTH - 2 if cell else self.gutter + 4, y + 11, remark,
                                   "e f" if cell else "f"))
        return picture(column.title, self.ys[-1] + BOTTOM, parts + [path("s", lines)])

    def bars(self, column, subject):
        """The first metric of @subject, paler what else belongs to that, and the spread."""
        axis, of = Axis(), {}
        for row in self.m.rows:
            cell = self.m.cell(row, column)
            whole = matrix.figure_in(cell, subject)
            if whole and is_finite(whole.median) and is_finite(whole.high):
                of[row.name] = min(get(cell, subject.metrics[0])["median"], whole.median), whole
                axis.cover(whole.high)

        def draw(row, y):
            if row.name not in of:
                return [], ""
            first, whole = of[row.name]
            x, end = axis.at(first), axis.at(whole.median)
            y += 7.5
            pale = path(f"g{row.group} w pale", f"M{x:.1f} {y:g}H{end:.1f}") if end > x else ""
            return ([path(f"g{row.group} w", f"M{self.gutter} {y:g}H{x:.1f}"), pale],
                    f"M{axis.at(whole.low):.1f} {y:g}H{axis.at(whole.high):.1f}")
        return self.panel(column, axis, draw)

    def percentiles(self, column):
        axis = Axis(log=True, units=TIMES)
        points = (("latency.p50_ns", "disc"), ("latency.p99_ns", "square"),
                  ("latency.p999_ns", "triangle"))
        figures = {}
        for row in self.m.rows:
            cell = self.m.cell(row, column)
            found = [(f, shape) for metric, shape in points if cell and (f := get(cell, metric)) and
                     is_usable(f["low"]) and is_finite(f["high"])]
            figures[row.name] = found
            axis.cover(*(v for f, _ in found for v in (f["low"], f["high"])))

        def draw(row, y):
            found, y = figures[row.name], y + 7.5
            return ([point(f"g{row.group}", shape, axis.at(f["median"]), y) for f, shape in found],
                    "".join(f"M{axis.at(f['low']):.1f} {y:g}H{axis.at(f['high']):.1f}"
                            for f, _ in found))
        return self.panel(column, axis, draw)


def trade(m, columns):
    """A line a row through the depths of a family: right is more, down is sooner."""
    x, y, height, lines = Axis(log=True), Axis(log=True, units=TIMES), 260, []
    for row in m.rows:
        points = []
        for column in columns:
            cell = m.cell(row, column)
            iops, time = (get(cell, "iops"), get(cell, "latency.p50_ns")) if cell else (None, None)
            if iops and time and all(is_usable(v) for f in (iops, time) for v in f.values()):
                points.append((iops, time))
                x.cover(*iops.values())
                y.cover(*time.values())
        lines.append((row, points))
    x.span(44, WIDTH - 12)
    y.span(height - BOTTOM, TOP)
    parts = x_axis(x, height - BOTTOM, 5)
    for value in y.marks(6):
        parts += [path("grid", f"M44 {y.at(value):.1f}H{WIDTH - 12}"),
                  label(40, round(y.at(value) + 4, 1), si(value, TIMES), "e")]
    for row, points in lines:
        at = [(x.at(i["median"]), y.at(t["median"])) for i, t in points]
        line = "".join(f"{'L' if n else 'M'}{a:.1f} {b:.1f}" for n, (a, b) in enumerate(at))
        spread = "".join(f"M{x.at(i['low']):.1f} {b:.1f}H{x.at(i['high']):.1f}"
                         f"M{a:.1f} {y.at(t['low']):.1f}V{y.at(t['high']):.1f}"
                         for (i, t), (a, b) in zip(points, at))
        parts += [path(f"g{row.group}", line + spread),
                  *(point(f"g{row.group}", POINTS.get(row.kind, "disc"), a, b) for a, b in at)]
    title = columns[0].title.partition(",")[0] if len(columns) > 1 else columns[0].title
    return picture(title, height, parts)


def trades(m, columns):
    return [trade(m, [c for c in columns if c.family == family])
            for family in dict.fromkeys(c.family for c in columns)]


def ratio_panel(m, pairs, subject, column, ys):
    """A line a pair: its interval, grey where that spans 1; a ring is a ratio that has none."""
    axis, claims, gutter = Axis(log=True), [], 190
    axis.cover(0.8, 1.6)
    for pair in pairs:
        cells = [c for c in (m.cell(pair.a, column), m.cell(pair.b, column)) if c]
        claim = matrix.claim_of(m.results, m.cell(pair.a, column), m.cell(pair.b, column), subject)
        claims.append((pair, claim, matrix.marks(m.results, *cells)))
        if claim.ratio and is_usable(claim.ratio.ratio):
            r = claim.ratio
            axis.cover(r.ratio)
            if r.low is not None:  # what is hardly known must not press all others together
                axis.cover(max(r.low, r.ratio / WIDEST), min(r.high, r.ratio * WIDEST))
    axis.span(gutter, WIDTH - 12)
    parts = x_axis(axis, ys[-1], 4) + [path("one", f"M{axis.at(1):.1f} {TOP - 4}V{ys[-1]:g}")]
    for (pair, claim, doubt), y in zip(claims, ys):
        parts.append(label(gutter - 6, y + 11, pair.label + (" (?)" if doubt else ""), "e"))
        if not claim.ratio or not is_usable(claim.ratio.ratio):
            continue
        colour = 7 if claim.verdict == "same" else pair.a.group
        x, y = axis.at(claim.ratio.ratio), y + 7.5
        one = claim.verdict == "one round"
        if not one and is_usable(claim.ratio.low) and is_usable(claim.ratio.high):
            low, high = axis.at(claim.ratio.low), axis.at(claim.ratio.high)
            parts.append(path(f"g{colour}", f"M{low:.1f} {y:g}H{high:.1f}"))
        parts.append(point(f"g{colour}{' ring' if one else ''}", "disc", x, y))
    return picture(f"{subject.title}, depth {column.depth}", ys[-1] + BOTTOM, parts)


def ratios(m):
    column, pairs = m.random_reads(32), matrix.pairs(m)
    subjects = [s for s in (matrix.IOPS, matrix.LATENCY, matrix.INSTRUCTIONS)
                if m.has(s.metrics[0], column)]
    ys = places([p.title for p in pairs])
    return [ratio_panel(m, pairs, s, column, ys) for s in subjects] if pairs else []
