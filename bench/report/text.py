# SPDX-License-Identifier: MIT
"""Numbers and untrusted text for the page."""
import math

from markupsafe import Markup, escape

from results import printable


def clean(value):
    """What goes into the page, unless we wrote it ourselves."""
    return value if isinstance(value, Markup) else printable(str(value))


def html(value):
    return escape(clean(value))


def number(value):
    """Three digits, or all before the point: 1.23, 45.6, 53,740; a dash for none."""
    if value is None or value != value:
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e15 or size < 1e-4:
        return f"{value:.2e}"
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.{next(p for p in range(1, 6) if p == 5 or size >= 9.995 / 10 ** (p - 1))}f}"


def ratio(value):
    """Two places, more where a ratio is close to 0."""
    return number(value) if value < 0.0995 or value >= 99.95 else f"{value:.2f}"


def claim(c):
    """1.38 × [1.33–1.43], no difference seen [0.97–1.04, 3 of 5 rounds]‡, 1.38 × (one round)"""
    if not c.verdict or c.verdict == "wrong domain":
        return Markup("not compared" if c.verdict else "–")
    one, said = c.verdict == "one round", []
    if not one:
        said.append(f"{ratio(c.ratio.low)}–{ratio(c.ratio.high)}")
    if c.ratio.rounds < c.asked:
        said.append(f"{c.ratio.rounds} of {c.asked} rounds")
    elif one:
        said.append("one round")
    if c.two_devices:
        said.append("two controllers")
    found = '<span class="same">no difference seen</span>' if c.verdict == "same" else \
        f"<b>{ratio(c.ratio.ratio)} ×</b>"
    left, right = "()" if one else "[]"
    return Markup(f'{found} <span class="ci">{left}{", ".join(said)}{right}{c.marks}</span>')


SCALES = {"latency": (1e-3, "µs"), "run_delay": (100, "% of the time"),
          "bytes_per_second": (1 / (1 << 20), "MiB/s")}


def shown(metric, value):
    """In the unit of the tables."""
    scale, _ = SCALES.get(metric.partition(".")[0], (1, ""))
    return number(value if value is None else value * scale)


def si(value, units):
    """1200 is "1.2 K"; of nanoseconds "1.2 µs"."""
    power = 0
    while value >= 999.5 and power < 3:
        value, power = value / 1000, power + 1
    return f"{value:.4g}{units[power]}"


COUNTS, TIMES = ("", " K", " M", " G"), (" ns", " µs", " ms", " s")


def is_finite(value):
    return value is not None and math.isfinite(value)
