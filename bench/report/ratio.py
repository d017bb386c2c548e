# SPDX-License-Identifier: MIT
"""From rounds to figures and ratios.

A figure is a median with its spread. A ratio of two rows is formed round by round (rounds are
interleaved, so that what disturbs a round disturbs both), with a 95 % interval: Student's t over
the logarithms of the ratios.
"""
import functools
import math
from collections import namedtuple

Figure = namedtuple("Figure", "median low high")
# low and high are None with fewer than two rounds; rounds are those that both have.
Ratio = namedtuple("Ratio", "ratio low high rounds")


def figure_of(values):
    """None stands for no value; without any there is no figure."""
    there = sorted(v for v in values if v is not None and v == v)
    if not there:
        return None
    middle, odd = divmod(len(there), 2)
    median = there[middle] if odd else there[middle - 1] / 2 + there[middle] / 2
    return Figure(median, there[0], there[-1])


def within(angle, df):
    """P(|T| <= t) of Student's t, t = sqrt(df) tan(angle).

    A finite sum of powers of the cosine (Abramowitz and Stegun, Handbook of Mathematical Functions,
    26.7.3 and 4): term k + 2 is term k times cos^2 (k + 1) / (k + 2), k being the cosine's power.
    """
    cosine = math.cos(angle)
    term, total = cosine if df % 2 else 1.0, 0.0
    for power in range(df % 2, df - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    if df % 2:
        return (angle + math.sin(angle) * total) * 2 / math.pi
    return math.sin(angle) * total


@functools.lru_cache
def t_quantile(df):
    """How many standard errors each way a 95 % interval reaches: the 97.5 % quantile."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # more than a double's 53 bits; within() only grows
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, df) < 0.95 else (low, middle)
    return math.sqrt(df) * math.tan(low)


def is_usable(value):
    return value is not None and 0 < value < math.inf


def exp(x):
    return math.exp(x) if x < 709 else math.inf


def ratio_of(a, b):
    """a[i] and b[i] are of the same round; without a pair of numbers above 0 there is no ratio."""
    logs = [math.log(x) - math.log(y) for x, y in zip(a, b) if is_usable(x) and is_usable(y)]
    n = len(logs)
    if not n:
        return None
    mean = math.fsum(logs) / n
    if n < 2:
        return Ratio(exp(mean), None, None, n)
    squares = math.fsum((x - mean) ** 2 for x in logs)
    half = t_quantile(n - 1) * math.sqrt(squares / (n - 1) / n)
    return Ratio(exp(mean), exp(mean - half), exp(mean + half), n)


def differs(ratio):
    """The interval lies wholly on one side of 1."""
    return ratio.low is not None and (ratio.low > 1 or ratio.high < 1)
