#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""results.json: what the program writes is read as it was meant, and what is wrong in a file is named. The
file is written by bench_results.c."""
import csv
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import bench_tap
from results import CELL_TEXTS, METRICS, SCHEMA, Wrong, find, get, read, sum_up, to_csv, to_json

HEAD = ('{ "schema": 3, "started": "", "harness": "", "emulated": true, "complete": true, "rounds": 1, '
        '"seconds": 1, "machine": {}, "device": {}, "cells": [')


class Results(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "results.json")
        subprocess.run([bench_tap.PROGRAM, self.path], check=True)
        self.text = self.path.read_text()

    def read(self):
        return read(str(self.path))

    def refused(self, message, content=None):
        if content is not None:
            self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with self.assertRaises(Wrong) as caught:
            self.read()
        self.assertIn(str(self.path), str(caught.exception))
        self.assertIn(message, str(caught.exception))

    def test_what_is_written_comes_back(self):
        r = self.read()
        self.assertEqual(r["schema"], SCHEMA)
        self.assertEqual((r["started"], r["harness"], r["backend"]),
                         ("2001-02-03T04:05:06Z", "bench", "null-co"))
        self.assertEqual((r["emulated"], r["complete"], r["rounds"], r["seconds"]), (True, False, 3, 0.2))
        self.assertEqual(r["machine"], {"kernel": "6.12", "command": 'a "b" \\ \té'})
        self.assertEqual(r["device"], {"second.bdf": "0000:01:00.0"})
        cell, other = r["cells"]
        self.assertEqual([cell[n] for n in (*CELL_TEXTS, "spins", "errors")],
                         ["kernel-dma-fq-plain", "randread-4k-qd1", "kernel", "plain", "DMA-FQ",
                          "DMA-FQ", None, "0000:01:00.0", False, 3])
        for i, round_ in enumerate(cell["rounds"]):
            self.assertEqual([round_[n] for n in ("ios", "errors", "mark", "seconds", "domain_read_back")],
                             [1 << 62, i, i + 1, 0.2, "DMA-FQ"])
            wanted = {"iops": (1000, 1200.25, 900)[i], "latency.p50_ns": 1 / 3,
                      "per_io.instructions_kernel": 0}
            self.assertEqual({m: get(round_, m) for m in METRICS}, {m: wanted.get(m) for m in METRICS})
        self.assertEqual([other[n] for n in ("row", "driver", "mode", "spins", "rounds")],
                         ["nnvme-noiommu", "nnvme", "noiommu", True, []])
        self.assertEqual([(s["row"], s["column"], s["reason"]) for s in r["skipped"]],
                         [("nnvme-iommu", None, "no IOMMU"),
                          ("nnvme-noiommu", "randread-512-qd32", "blocks")])

    def test_what_is_written_here_is_read_again(self):
        r = self.read()
        self.path.write_text(to_json(r))
        self.assertEqual(self.read(), r)

    def test_rounds_are_summed_up(self):
        """Whatever the file says."""
        self.path.write_text(self.text.replace('"spins": false', '"iops": { "median": 7 }, "spins": false'))
        r = self.read()
        cell = find(r, "kernel-dma-fq-plain", "randread-4k-qd1")
        self.assertIsNone(find(r, "kernel-dma-fq-plain", "randread-4k-qd32"))
        self.assertEqual(cell["iops"], {"median": 1000, "low": 900, "high": 1200.25})
        self.assertNotIn('"median"', self.text)
        self.assertIsNone(get(cell, "per_io.interrupts"))
        cell["rounds"][1]["domain_read_back"] = "DMA"
        sum_up(r)
        self.assertEqual(cell["domain_read_back"], "mixed")

    def test_csv_has_a_line_a_round(self):
        r = self.read()
        r["cells"][0]["device"] = 'a,"b"'
        text = to_csv(r)
        self.assertTrue(text.startswith(
            "row,column,driver,variant,domain,domain_read_back,mode,device,spins,round,seconds,ios,"
            "errors,iops,bytes_per_second,latency.mean_ns,"))
        self.assertIn('\nkernel-dma-fq-plain,randread-4k-qd1,kernel,plain,DMA-FQ,DMA-FQ,,"a,""b""",0,2,0.2,'
                      "4611686018427387904,1,1200.25,,,", text)
        self.assertEqual(len(list(csv.reader(io.StringIO(text)))), 4)

    def test_wrong_values_are_named(self):
        for old, new, message in (
                ('"schema": 3', '"schema": "1"', '"schema" is of type string, and not int'),
                ('"schema": 3,', "", 'there is no "schema"'),
                ('"complete": false', '"complete": 0', '"complete" is of type int, and not boolean'),
                ('"rounds": 3', '"rounds": 100000000', '"rounds" is 100000000, and not from 0 to 10000'),
                ('"rounds": 3', '"rounds": -1', '"rounds" is -1'),
                ('"rounds": 3', '"rounds": 3.5', "of type double, and not int"),
                ('"rounds": 3', '"rounds": true', "of type boolean, and not int"),
                ('"seconds": 0.2', '"seconds": null', 'there is no "seconds"'),
                ('"seconds": 0.2', '"seconds": -0.2', "not 0 or a number from 1e-15"),
                ('"seconds": 0.2', '"seconds": NaN', "not 0 or a number from 1e-15"),
                ('"seconds": 0.2', '"seconds": 1e999', "not 0 or a number from 1e-15"),
                ('"seconds": 0.2', '"seconds": 1' + 5000 * "0", "is no JSON"),
                ('"seconds": 0.2', '"seconds": 1' + 400 * "0", "not 0 or a number from 1e-15"),
                ('"kernel": "6.12"', '"kernel": 6.12', 'machine: "kernel" is of type double'),
                ('"cells": [', '"cells": [ 7,', '"cells"[0] is no object'),
                ('"cells": [', '"cells": {}, "cell": [', '"cells" is of type object, and not array'),
                ('"driver": "nnvme"', '"driver": "theirs"', 'cells[1]: "driver" is "theirs"'),
                ('"mode": "noiommu"', '"mode": "x"', 'cells[1]: "mode" is "x"'),
                ('"domain": "DMA-FQ"', '"domain": "dma"', 'cells[0]: "domain" is "dma"'),
                ('"row": "nnvme-noiommu"', '"row": null', 'cells[1]: there is no "row"'),
                ('"device": "0000:01:00.0"', '"device": "0000:01:00.0000000000000000"', "longer than 19"),
                ('"device": "0000:01:00.0"', '"device": "00\\u0000"', "has a zero byte"),
                ('"device": "0000:01:00.0"', '"device": "\\ud800"', "half a character"),
                ('"mark": 2', '"mark": []', 'cells[0].rounds[1]: "mark" is of type array'),
                ('"ios": 4611686018427387904', '"ios": 18446744073709551615', '"ios" is 1844674407'),
                ('"iops": 1200.25', '"iops": "many"', 'cells[0].rounds[1]: "iops" is of type string'),
                ('"column": "randread-512-qd32"', '"column": 5', 'skipped[1]: "column" is of type int'),
                ('"reason": "blocks"', '"because": "blocks"', 'skipped[1]: there is no "reason"')):
            with self.subTest(new[:40]):
                self.assertIn(old, self.text)
                self.refused(message, self.text.replace(old, new, 1))
        self.refused("is no JSON", self.text.encode().replace(b'"blocks"', b'"\xff"'))

    def test_numbers_that_are_next_to_none(self):
        """Too small or too large to draw, and sums of them would be none."""
        for number in ("5e-324", "1e-16", "1e19", "1" + 308 * "0"):
            self.refused("not 0 or a number from 1e-15", self.text.replace('"iops": 1200.25', f'"iops": {number}'))

    def test_a_cell_without_figures(self):
        """They follow from the rounds, whatever stands there."""
        whole = self.read()["cells"][0]
        for name in ("latency", "iops", "errors", "domain_read_back"):
            self.path.write_text(self.text.replace('"spins"', f'"{name}": 3, "spins"'))
            self.assertEqual(self.read()["cells"][0], whole)

    def test_csv_has_no_formulas(self):
        r = self.read()
        r["cells"][0]["row"] = "=cmd|' /C calc'!A0"
        self.assertIn("\n'=cmd|", to_csv(r))

    def test_another_schema_is_its_own_error(self):
        self.refused("its schema is 2, and this program reads 3",
                     self.text.replace('"schema": 3', '"schema": 2'))

    def test_what_is_not_known_is_left_alone(self):
        self.path.write_text(self.text.replace('"schema": 3,', '"schema": 3, "later": [ { } ],'))
        r = self.read()
        self.assertEqual(len(r["cells"]), 2)
        self.assertIn('"later"', to_json(r))
        self.path.write_text(self.text.replace('"iops": 1200.25,', ""))  # not measured
        self.assertIsNone(get(self.read()["cells"][0]["rounds"][1], "iops"))

    def test_files_that_are_of_another_kind(self):
        self.refused("is no JSON", "")
        self.refused("is no JSON", "{")
        self.refused("is no JSON", "{}{}")
        self.refused("is no JSON object", "[]")
        self.refused("is no JSON", 100000 * '{"a":')
        self.refused('cells[0].rounds[0]: "latency" is of type int, and not object', HEAD +
                     '{ "row": "", "column": "", "driver": "nnvme", "variant": "", "device": "", '
                     '"spins": true, "rounds": [ { "seconds": 1, "ios": 1, "errors": 0, "latency": 3 '
                     '} ] } ], "skipped": [] }')
        self.refused('"cells" has 10001 elements, and at most 10000 are read',
                     HEAD + 10000 * "{}," + '{}], "skipped": [] }')
        os.truncate(self.path, (64 << 20) + 1)
        self.refused("is no file of at most 64 MiB")
        for name, message in (("/no/such", "No such file"), ("/dev/zero", "is no file"),
                              (str(self.path.parent), "Is a directory|is no file")):
            self.assertRaisesRegex(Wrong, message, read, name)

    def test_a_file_cut_short(self):
        """Cut off anywhere, it is refused and not believed."""
        whole = self.path.read_bytes().rstrip()
        for length in range(len(whole) - 1, -1, -7):
            os.truncate(self.path, length)
            self.refused("is no JSON")


bench_tap.main(__name__)
