#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Figures and ratios, and what they say of rows of which it is known whether they differ."""
import math
import random
import unittest

import bench_tap
from ratio import Figure, differs, figure_of, ratio_of, t_quantile

NAN, INF = math.nan, math.inf


class Statistics(unittest.TestCase):
    def test_t_is_that_of_the_tables(self):
        """The tables of any book have these."""
        known = {1: 12.706205, 2: 4.302653, 3: 3.182446, 4: 2.776445, 5: 2.570582, 6: 2.446912, 7: 2.364624,
                 8: 2.306004, 9: 2.262157, 10: 2.228139, 15: 2.131450, 20: 2.085963, 29: 2.045230,
                 30: 2.042272, 40: 2.021075, 60: 2.000298, 99: 1.984217, 100: 1.983972}
        for df, t in known.items():
            self.assertAlmostEqual(t_quantile(df), t, delta=1e-6)
        for df in range(2, 200):
            self.assertLess(t_quantile(df), t_quantile(df - 1))
        self.assertAlmostEqual(t_quantile(10001), 1.960201, delta=1e-5)

    def test_a_figure_is_median_and_ends(self):
        self.assertEqual(figure_of([5, 1, 4, 2, 3]), Figure(3, 1, 5))
        self.assertEqual(figure_of([10, 40, 20, 30]), Figure(25, 10, 40))
        self.assertEqual(figure_of([5]), Figure(5, 5, 5))

    def test_a_figure_leaves_out_what_is_not_there(self):
        self.assertEqual(figure_of([None, 7, NAN, 3, None]), Figure(5, 3, 7))
        self.assertIsNone(figure_of([None, NAN]))
        self.assertIsNone(figure_of([]))

    def test_an_interval_is_students(self):
        """Logarithms of the ratios: ln 2 - d, ln 2, ln 2 + d. Their mean is ln 2, their standard deviation
        d, the standard error d / sqrt 3, and t with two degrees of freedom 4.302653."""
        d = 0.1
        half = 4.302653 * d / math.sqrt(3)
        a, b = [2000 * math.exp(-d), 4000, 600 * math.exp(d)], [1000, 2000, 300]
        r = ratio_of(a, b)
        self.assertEqual(r.rounds, 3)
        self.assertAlmostEqual(r.ratio, 2, delta=1e-9)
        self.assertAlmostEqual(r.low, 2 * math.exp(-half), delta=1e-6)
        self.assertAlmostEqual(r.high, 2 * math.exp(half), delta=1e-6)
        self.assertTrue(differs(r))
        r = ratio_of(b, a)
        self.assertAlmostEqual(r.ratio, 0.5, delta=1e-9)
        self.assertAlmostEqual(r.high, 0.5 * math.exp(half), delta=1e-6)
        self.assertTrue(differs(r))

    def test_an_interval_around_1_is_no_difference(self):
        r = ratio_of([110, 90, 100], [100, 100, 100])
        self.assertTrue(r.low < 1 < r.high)
        self.assertFalse(differs(r))
        r = ratio_of([100, 100], [100, 100])
        self.assertEqual(r, (1, 1, 1, 2))
        self.assertFalse(differs(r))

    def test_pairs_are_of_one_round(self):
        """What disturbs a round disturbs both: rounds that differ tenfold, and a ratio that does not."""
        r = ratio_of([1350, 136, 13400, 1.35, 13.6], [1000, 100, 10000, 1, 10])
        self.assertAlmostEqual(r.ratio, 1.35, delta=0.01)
        self.assertTrue(1.3 < r.low and r.high < 1.4)
        self.assertTrue(differs(r))

    def test_rounds_that_one_lacks_are_left_out(self):
        r = ratio_of([NAN, 2, 4, 0, 8, INF, -1, 3], [1, 1, 2, 1, None, 1, 1])
        self.assertEqual(r.rounds, 2)
        self.assertAlmostEqual(r.ratio, 2, delta=1e-12)
        self.assertAlmostEqual(r.low, 2, delta=1e-12)

    def test_too_few_rounds_claim_nothing(self):
        r = ratio_of([500], [100])
        self.assertAlmostEqual(r.ratio, 5, delta=1e-12)
        self.assertIsNone(r.low)
        self.assertFalse(differs(r))
        self.assertIsNone(ratio_of([500], [None]))


class Known(unittest.TestCase):
    """Rounds of two rows, each with noise of its own of 5 %, and with what disturbs both of a round."""
    PAIRS = 1000

    def seen(self, rounds, speed):
        """How many of the pairs come out as different; the first row is @speed times as fast."""
        state = random.Random(rounds)
        found = 0
        for _ in range(self.PAIRS):
            disturbed = [math.exp(0.2 * state.gauss(0, 1)) for _ in range(rounds)]
            a, b = ([own * d * math.exp(0.05 * state.gauss(0, 1)) for d in disturbed] for own in (speed, 1))
            found += differs(ratio_of(a, b))
        return found

    def test_identical_rows_are_not_told_apart(self):
        """A 95 % interval: 950 are expected, give or take 7; too many is as wrong as too few."""
        for rounds in (3, 5):
            same = self.PAIRS - self.seen(rounds, 1)
            self.assertTrue(930 <= same <= 970, f"{rounds} rounds: {same}")

    def test_rows_that_differ_are(self):
        """Three rounds leave two degrees of freedom: a wide interval, which spans 1 for one pair in
        twenty."""
        self.assertGreaterEqual(self.seen(5, 1.35), 990)
        self.assertGreaterEqual(self.seen(3, 1.35), 900)


bench_tap.main(__name__)
