#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""report.html: one well-formed page that needs nothing from elsewhere, whatever the results hold."""
import math
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import bench_tap
import page
from bench_synthetic import listed, synthetic
from results import METRICS, SCHEMA, Wrong, find, put, read, sum_up, to_json

SAME = '<span class="same">no difference seen</span>'
DEEP = "randread-4k-qd32"
HOSTILE = "\"'><script>x()</script>`touch /tmp/bench-report-pwned`{{ 7 * 7 }}{% x %}\\\udcff\x1b\u202e"
MOST_BYTES = 500_000


def made(rounds, all_columns=False):
    return synthetic(bench_tap.PROGRAM, rounds, all_columns)


def section(text, name):
    return re.search(f'<section id="{name}">(.*?)</section>', text, re.S)[1]


def visible(text):
    """As people read it."""
    return re.sub(r"\s+", " ", "".join(ElementTree.fromstring(f"<x>{text}</x>").itertext()))


class Report(unittest.TestCase):
    def page(self, *results, name=None):
        """Checked as every page is: well-formed, small, and nothing in it is fetched or run."""
        for r in results:
            sum_up(r)
        text = page.of_two(*results) if len(results) == 2 else page.of_run(*results)
        if name and "NNVME_KEEP" in os.environ:
            Path(os.environ["NNVME_KEEP"], name + ".html").write_text(text)
        self.assertLess(len(text.encode()), MOST_BYTES)
        tree = ElementTree.fromstring(text.replace("<!DOCTYPE html>", "", 1))
        for element in tree.iter():
            self.assertNotIn(element.tag, ("script", "iframe", "object", "embed", "link", "base", "img"))
            for attribute, value in element.attrib.items():
                self.assertFalse(attribute.startswith("on") or attribute in ("src", "srcset"), attribute)
                if attribute == "href":
                    self.assertTrue(value.startswith("#"), value)
        self.assertNotRegex(text, r"url\(|@import|javascript:")
        return text

    def test_whole(self):
        r = made(3, True)
        text = self.page(r, name="whole")
        self.assertIn("Emulated machine: read ratios, not numbers.", text)
        self.assertIn("the nvme driver has no poll queues", text)
        self.assertIn("Reads of blocks that were never written, or were deallocated, measure no medium",
                      text)
        rows, columns = listed(bench_tap.PROGRAM)
        for name, _ in rows:
            self.assertIn(f">{name}<", text)
        for _, title, _ in columns:
            self.assertIn(title, text)
        for plot in ("IOPS", "Latency", "CPU time", "Instructions", "Throughput against latency"):
            self.assertIn('<svg class="panel"', text.split(f"<b>{plot}.</b>")[1].split("</figure>")[0])
        self.assertEqual(text, self.page(r))

    def test_what_people_want_first_comes_first(self):
        findings = section(self.page(made(5), name="default"), "findings")
        lead, table, rest = re.fullmatch(r"(.*?</p>)(.*?</table>)(.*)", findings, re.S).groups()
        self.assertIn("Behind the IOMMU, at depth 32, this driver does 4.0", visible(lead))
        self.assertIn("Without an IOMMU, at depth 32, this driver does 4.", visible(lead))
        self.assertRegex(visible(lead), r"needs 19\d instructions for an I/O, and the kernel's in DMA-FQ "
                         r"\(io_uring passthrough\) 3,\d\d\d: 0.05")
        self.assertEqual(lead.count("<span>"), 3)
        rows = [visible(f"<tr>{tr}</tr>") for tr in re.findall("<tr>(.*?)</tr>", table, re.S)]
        self.assertEqual(len(rows), 12)
        for n, name in enumerate(("identity", "DMA-FQ", "DMA", "no IOMMU")):
            self.assertRegex(rows[n], f"^kernel, {name}io_uring p(olled|assthrough), spins")
        self.assertTrue(rows[4].startswith("this driver, iommupolling, spins"))
        self.assertTrue(rows[5].startswith("this driver, noiommupolling, spins"))
        self.assertEqual(rows[1].count("1 ×"), 5)
        self.assertRegex(rows[10], r"4\.0\d ×18\d,\d\d\d")
        self.assertEqual(table.count('<span class="bar '), 60)
        self.assertEqual(rest.count('<svg class="panel"'), 3)

    def test_the_default_type_is_that_of_the_machine(self):
        results = made(2)
        self.assertNotIn("default type", section(self.page(results), "findings"))
        for of, text in (({"iommu": "DMA-FQ"}, "driver in DMA-FQ, its default type here."),
                         ({"iommu": "none", "second.iommu": "DMA"},
                          "driver in DMA-FQ (its default type here is DMA).")):
            results["device"].update(of)
            self.assertIn(text, visible(section(self.page(results), "findings")))

    def test_findings(self):
        findings = section(self.page(made(5)), "findings")
        self.assertIn(f"DMA-FQ against DMA:</span> io_uring plain {SAME}", findings)
        self.assertIn("identity against DMA:</span> io_uring plain <b>1.4", findings)
        self.assertNotIn(f"identity against DMA:</span> io_uring plain {SAME}", findings)
        self.assertNotIn("one round", findings)

    def test_equal_rows(self):
        """A row against one that is the same in every round: the interval is [1, 1]."""
        r = made(3)
        rounds = find(r, "kernel-dma-plain", DEEP)["rounds"]
        same = [{**x, "domain_read_back": "identity"} for x in rounds]
        find(r, "kernel-identity-plain", DEEP)["rounds"] = same
        self.assertIn(f"identity against DMA:</span> io_uring plain {SAME} "
                      '<span class="ci">[1.00–1.00]</span>', section(self.page(r), "findings"))
        for cell in r["cells"]:
            if cell["row"].startswith("nnvme-iommu") and cell["column"] == DEEP:
                cell["rounds"] = find(r, "kernel-dma-fq-passthrough", DEEP)["rounds"]
        self.assertIn("this driver and the kernel's in DMA-FQ (io_uring passthrough) are alike in IOPS: no "
                      "difference seen [1.00–1.00].", visible(section(self.page(r), "findings")))

    def test_one_round(self):
        r = made(1)
        r["complete"] = False
        text = self.page(r)
        self.assertIn("This run was interrupted.", text)
        self.assertIn("(one round: no interval)", section(text, "findings"))
        self.assertNotIn("no difference seen", section(text, "findings"))

    def test_doubts(self):
        r = made(3)
        find(r, "kernel-dma-plain", DEEP)["rounds"][1]["errors"] = 4321
        for round_ in find(r, "kernel-dma-fq-plain", DEEP)["rounds"]:
            round_["domain_read_back"] = "DMA"
        findings = section(self.page(r), "findings")
        self.assertIn("kernel-dma-plain, randread-4k-qd32: 4,321 of its I/Os failed", findings)
        self.assertIn("]†</span>", findings)
        self.assertIn("read back is DMA, and not DMA-FQ", findings)
        self.assertIn("DMA-FQ against DMA:</span> io_uring plain not compared", findings)

    def test_missing_rounds(self):
        """A row whose load died in the third round: what is said of it says how much it is."""
        r = made(5)
        cell = find(r, "kernel-dma-plain", DEEP)
        del cell["rounds"][2:]
        r["skipped"].append({"row": cell["row"], "column": cell["column"],
                             "reason": "failed in round 3: it was killed by signal 11"})
        del find(r, "kernel-dma-polled", DEEP)["rounds"][1:]
        text = self.page(r)
        self.assertIn("‡ It has fewer rounds than the run", text)
        findings = section(text, "findings")
        self.assertIn(", 2 of 5 rounds]‡</span>", findings)
        self.assertIn(">(1 of 5 rounds)‡</span>", findings)
        self.assertIn("kernel-dma-plain, randread-4k-qd32: It has 2 of 5 rounds (its figures are marked "
                      "‡): failed in round 3: it was killed by signal 11.", findings)
        self.assertIn("kernel-dma-polled, randread-4k-qd32: It has 1 of 5 rounds", findings)
        self.assertIn("‡ A: 2 of 5 rounds, B: 2 of 5", self.page(r, r))

    def test_disturbed(self):
        """A round beside which the machine did something else, of a row that slept and of one that spun."""
        r = made(3)
        for cell in r["cells"]:
            for round_ in cell["rounds"]:
                round_["run_delay"] = 0.002
        rounds = find(r, "nnvme-noiommu", DEEP)["rounds"]
        rounds[1]["run_delay"], rounds[2]["run_delay"] = 0.41, 0.06
        text = self.page(r, name="disturbed")
        self.assertIn("§ It was disturbed.", text)
        self.assertIn("Above 5 % of the time a round is disturbed", text)
        self.assertIn(">6.00§<small>0.200–41.0</small>", text)
        self.assertNotIn("Not measured in this run: run delay", text)
        findings = section(text, "findings")
        self.assertIn("]§</span>", findings)
        self.assertIn("nnvme-noiommu, randread-4k-qd32: In 2 of its 3 rounds the load waited for a "
                      "processor for up to 41 % of the time", findings)
        self.assertNotIn("nnvme-iommu, randread-4k-qd32: ", findings)
        self.assertIn(">disturbed</text>", section(text, "plots"))
        self.assertIn("<small>§ disturbed</small>", self.page(r, r))

    def test_plots_show_doubts(self):
        r = made(3)
        cell = find(r, "kernel-dma-plain", DEEP)
        del cell["rounds"][2]
        cell["rounds"][1]["errors"] = 7
        text = self.page(r)
        self.assertIn(">errors, 2 of 3 rounds</text>", section(text, "plots"))
        self.assertIn(">identity / DMA, plain (?)</text>", text)
        self.assertNotIn(">identity / DMA, polled (?)</text>", text)

    def test_plots_are_of_the_rounds(self):
        """The longest bar is that of the most IOPS, and half as many IOPS are half as long."""
        r = made(1)
        for cell in r["cells"]:
            cell["rounds"][0]["iops"] = 500 if cell["row"] == "kernel-dma-plain" else 1000
        panel = re.search("<b>IOPS.</b>.*?</svg>.*?(<svg class=\"panel\".*?</svg>)",
                          section(self.page(r), "plots"), re.S)[1]
        ends = [float(x) for x in re.findall(r'<path class="g\d w" d="M152 [0-9.]+H([0-9.]+)"', panel)]
        self.assertEqual(len(ends), 21)
        self.assertEqual(sorted(set(ends)), [ends[4], ends[0]])
        self.assertAlmostEqual((ends[4] - 152) / (ends[0] - 152), 0.5, delta=0.01)

    def test_empty(self):
        r = made(1)
        r["cells"], r["skipped"] = [], [{"row": "nnvme-noiommu", "column": None,
                                         "reason": "there is no controller"}]
        text = self.page(r)
        self.assertIn("There is no result", text)
        self.assertIn("there is no controller", text)

    def test_hostile(self):
        r = made(3)
        r["started"] = r["backend"] = r["device"]["model"] = HOSTILE
        r["machine"][HOSTILE] = HOSTILE
        for member in ("row", "column", "reason"):
            r["skipped"][0][member] = HOSTILE
        for cell in r["cells"][:3]:
            for member in ("row", "variant", "domain", "device"):
                cell[member] = HOSTILE
            for round_ in cell["rounds"]:
                round_["domain_read_back"] = HOSTILE
        for cell in r["cells"][5:8]:
            cell["column"] = HOSTILE
        text = self.page(r, name="hostile")
        self.assertIn("&#39;&gt;&lt;script&gt;", text)
        self.assertIn("{{ 7 * 7 }}{% x %}\\\ufffd\ufffd\ufffd", text)
        self.page(r, r)
        self.assertFalse(os.path.exists("/tmp/bench-report-pwned"))

    def test_numbers_from_nowhere(self):
        odd = (math.inf, -math.inf, math.nan, 1e308, -1, 0, 1e-308)
        r = made(3)
        for i, cell in enumerate(r["cells"]):
            for k, metric in enumerate(METRICS):
                for j, round_ in enumerate(cell["rounds"]):
                    put(round_, metric, odd[(i + k * 3 + j) % 7])
        self.page(r)
        self.page(r, r)

    def test_too_much(self):
        r = made(1)
        r["cells"] = [{**r["cells"][0], "row": f"row-{i}"} for i in range(100)]
        self.assertRaisesRegex(Wrong, "more than 64 rows or columns", self.page, r)

    def compare(self, rounds):
        """B has a quarter more IOPS in every round."""
        a, b = made(rounds), made(rounds, True)
        by_name = {(c["row"], c["column"]): c for c in a["cells"]}
        for cell in b["cells"]:
            cell["rounds"] = [dict(x) for x in by_name.get((cell["row"], cell["column"]), cell)["rounds"]]
            for round_ in cell["rounds"]:
                round_["iops"] *= 1.25
        b["machine"]["kernel"] = "7.3.0"
        return self.page(a, b, name="two")

    def test_compare(self):
        text = self.compare(4)
        for said in ("no interval is claimed", "7.3.0", "<b>1.25 ×</b><small>apart</small>", "Only in B"):
            self.assertIn(said, text)
        self.assertNotIn("of equal runs</small>", text)

    def test_compare_by_chance(self):
        """Too few rounds tell nothing apart: the page says how often equal runs look so."""
        for rounds, chance in ((2, 33), (3, 10)):
            text = self.compare(rounds)
            self.assertIn(f"1.25 ×<small>apart, as {chance} % of equal runs</small>", text)
            self.assertNotIn("<small>apart</small>", text)


    def test_compare_what_one_lacks(self):
        """Counts of instructions come from `./run bench` alone; and a cell can fail in its first round."""
        counted, other = made(4), made(4)
        for cell in other["cells"]:
            for round_ in cell["rounds"]:
                del round_["per_io"]
        other["cells"][0]["rounds"] = []
        self.assertIn("instructions per I/O", self.page(counted, other))
        self.page(other, counted)

    def test_compare_claims_nothing_of_what_is_in_doubt(self):
        for member, value in (("errors", 1), ("run_delay", 0.5), ("domain_read_back", "DMA")):
            b = made(4)
            for cell in b["cells"]:
                for round_ in cell["rounds"]:
                    round_["iops"] *= 1.25
            cell = find(b, "kernel-identity-plain", DEEP)
            cell["rounds"][0][member] = value
            text = self.page(made(4), b)
            claims = text.count("<b>1.25 ×</b><small>apart</small>")
            self.assertEqual(claims, len(b["cells"]) - 1, member)
        b["emulated"], b["seconds"] = False, 6
        text = self.page(made(4), b)
        self.assertNotIn("<small>apart</small>", text)
        self.assertRegex(text, r"seconds of a round</th><td[^>]*>5</td><td[^>]*>6<")

    def test_columns_that_one_row_lacks(self):
        r = made(3)
        r["skipped"] += [{"row": "nnvme-iommu-hybrid", "column": c, "reason": "no interrupts"}
                         for c in ("one", "two", "three")]
        text = section(self.page(r), "rows")
        self.assertEqual(text.count("no interrupts"), 1)
        self.assertIn("one, two, three", text)

    def test_a_row_that_failed_in_all_columns(self):
        """One reason for the whole row: its cells are in doubt for that."""
        r = made(3)
        cell = find(r, "nnvme-iommu", DEEP)
        del cell["rounds"][2]
        r["skipped"].append({"row": "nnvme-iommu", "column": None, "reason": "failed in round 3: no power"})
        self.assertIn("failed in round 3: no power.", section(self.page(r), "findings"))


class Command(unittest.TestCase):
    """As the program of the benchmark runs it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "results.json").write_text(to_json(made(2)))

    def run_it(self, status, *words, **options):
        done = subprocess.run([bench_tap.PROGRAM, *words], capture_output=True, text=True, cwd=self.folder,
                              check=False, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def test_report_beside_the_results_or_elsewhere(self):
        self.run_it(0, "report", "results.json")
        whole = (self.folder / "report.html").read_text()
        self.assertTrue(whole.endswith("</html>\n"))
        for words in (("--out", "a"), ("--out=b",)):
            (self.folder / words[-1][-1]).mkdir()
            self.run_it(0, "report", *words, str(self.folder / "results.json"))
            self.assertEqual((self.folder / words[-1][-1] / "report.html").read_text(), whole)
        self.run_it(0, "report", "results.json", "results.json")
        self.assertIn("Two runs side by side", (self.folder / "report.html").read_text())

    def test_wrong_words(self):
        for words in ((), ("a", "b", "c"), ("--frob", "a"), ("a", "--out"), ("a", "--out=")):
            self.assertIn("report takes one results.json or two", self.run_it(2, "report", *words))

    def test_a_file_that_talks_to_the_terminal(self):
        text = (self.folder / "results.json").read_text()
        for harm in ("\\u001b]0;x\\u0007" + 100_000 * "x", "\\ud800", "\\u202e"):
            (self.folder / "results.json").write_text(text.replace('"driver": "kernel"', f'"driver": "{harm}"', 1))
            said = self.run_it(1, "report", "results.json")
            self.assertTrue(said[:-1].isprintable(), said[:200])
            self.assertLess(len(said), 1000)

    def test_a_merge_of_what_cannot_be_written_again(self):
        """Nested too deeply: a sentence, and no file left behind."""
        text = (self.folder / "results.json").read_text()
        deep = text.replace('"schema"', '"later": ' + 600 * "[" + 600 * "]" + ', "schema"', 1)
        (self.folder / "results.json").write_text(deep.replace('"errors": 0', '"mark": 1, "errors": 0', 1))
        (self.folder / "marks").write_text("1 2 3 4 5\n")
        said = self.run_it(1, "merge", "results.json", "results.json", "marks")
        self.assertIn("nested too deeply", said)
        self.assertEqual(len(list(self.folder.iterdir())), 2)

    def test_nowhere(self):
        self.assertIn("/nonexistent/report.html: cannot be written: No such file",
                      self.run_it(1, "report", "results.json", "--out", "/nonexistent"))
        self.assertIn("noiommu-nvme-bench: none.json: cannot be read", self.run_it(1, "report", "none.json"))

    def test_the_report_follows_no_link(self):
        precious = self.folder / "precious"
        precious.write_text("precious\n")
        (self.folder / "report.html").symlink_to("precious")
        self.run_it(0, "report", "results.json")
        self.assertEqual(precious.read_text(), "precious\n")
        self.assertFalse((self.folder / "report.html").is_symlink())
        self.assertEqual(len(list(self.folder.iterdir())), 3)
        self.assertEqual((self.folder / "report.html").stat().st_mode & 0o777, 0o644)

    def test_without_the_program_that_makes_it(self):
        """As in the guest, which has no Python: the results are there, and it says what is missing."""
        alone = self.folder / "bench"
        shutil.copy(bench_tap.PROGRAM, alone)
        library = str(Path(bench_tap.PROGRAM).parents[1])
        for words in (("report", "results.json"), ("merge", "a", "b", "c")):
            done = subprocess.run([str(alone), *words], capture_output=True, text=True, cwd=self.folder,
                                  check=False, env={**os.environ, "LD_LIBRARY_PATH": library})
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{alone}-report cannot be started: No such file", done.stderr)
            self.assertIn("python3-jinja2", done.stderr)

    def test_without_jinja2(self):
        """It says which package to install, and the results can still be read and merged."""
        words = [str(Path(page.__file__).parent / "noiommu-nvme-bench-report"), "report", "results.json"]
        run = ("import runpy, sys; sys.modules['jinja2'] = None; sys.argv[:] = sys.argv[1:];"
               "sys.path.insert(0, sys.argv[0].rpartition('/')[0]);"
               "runpy.run_path(sys.argv[0], run_name='__main__')")
        done = subprocess.run(["/usr/bin/python3", "-B", "-c", run, *words], capture_output=True, text=True,
                              cwd=self.folder, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install python3-jinja2", done.stderr)
        self.assertFalse((self.folder / "report.html").exists())
        self.assertEqual(read(str(self.folder / "results.json"))["schema"], SCHEMA)


bench_tap.main(__name__)
