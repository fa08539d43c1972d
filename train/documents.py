"""The tables of README and doc, from the CSV files that measured them:  python -m train.documents

A table stands between <!-- NAME --> and <!-- end -->, and ends by saying which networks it is of.
"""
import re
import sys
from functools import partial
from pathlib import Path

from . import figures, margins, tradeoff
from .rows import read

FIGURES = {name: ("doc/figures.csv", partial(figures.table, name=name)) for name in figures.TABLES}
TABLES = {  # by document: by name, the CSV and what makes the table of its rows
    "README.md": {"quality": FIGURES["quality"]},
    "doc/networks.md": {"splits": FIGURES["splits"], "coils": FIGURES["coils"], "margins": ("doc/margins.csv", margins.table),
                        "tradeoff": ("doc/tradeoff.csv", tradeoff.table)},
    "doc/prospective.md": {"held-out": FIGURES["held-out"]},
}


def networks(rows: list[dict]) -> str:
    """Which networks rows are of; train.rows.configuration names them last."""
    (of,) = {row["configuration"] for row in rows}
    return " and ".join(of.split("; ")[-2:])


def written(document: str, root: Path) -> str:
    """The document with its tables as the CSV files have them."""
    text = (root / document).read_text()
    for name, (csv, table) in TABLES[document].items():
        rows = read(root / csv)
        made = f"<!-- {name} -->\n{table(rows)}\n\nNetworks: {networks(rows)} ({csv}).\n<!-- end -->"
        text, found = re.subn(f"<!-- {name} -->\n.*?<!-- end -->", lambda _: made, text, flags=re.DOTALL)
        if found != 1:
            sys.exit(f"{document} has {found} places for the table {name}")
    return text


def main():
    root = Path()
    for document in TABLES:
        (root / document).write_text(written(document, root))


if __name__ == "__main__":
    main()
