import hashlib
import unittest
from pathlib import Path

from train import documents, figures
from train.rows import read

ROOT = Path(__file__).parents[2]


class Documents(unittest.TestCase):
    def test_their_tables_are_what_was_measured(self):
        for document in documents.TABLES:
            self.assertEqual(documents.written(document, ROOT), (ROOT / document).read_text(), f"{document}: run python -m train.documents")

    def test_the_figures_are_of_the_networks_that_are_there(self):
        networks = [f"{name} {hashlib.sha256((ROOT / name / f'{name}.onnx').read_bytes()).hexdigest()[:12]}" for name in ("score", "unet")]
        self.assertEqual(documents.networks(read(ROOT / "doc/figures.csv")), " and ".join(networks), "run make figures")

    def test_a_table(self):
        row = {"scan": "4 coils", "ssim": 0.5, "nfe": 10}
        rows = [row | {"scan": scan, "method": m, "psnr": 30 + i} for scan in ("4 coils", "8 coils", "8 coils, equispaced")
                for i, m in enumerate(figures.TABLES["coils"].methods)]
        lines = figures.table(rows, "coils").split("\n")
        self.assertEqual(lines[2], "| tv | 30.00 / .500 | 30.00 / .500 | 30.00 / .500 |")
        self.assertEqual(lines[-1].count(f"**{29 + len(lines[2:])}.00 / .500**"), 3)


if __name__ == "__main__":
    unittest.main()
