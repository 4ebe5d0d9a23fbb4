"""The leaderboard shows every figure of the comparison, best AUROC first, in Markdown and as a page."""

from html.parser import HTMLParser
from typing import Any

import pytest

from dfdetect.evaluation.comparison import compare
from dfdetect.evaluation.leaderboard import html_leaderboard, markdown_leaderboard
from tests.evaluation.test_comparison import detectors

COST: dict[str, Any] = {
    "backbone": "tiny",
    "image_size": 32,
    "parameters": 12345,
    "megabytes": 1.25,
    "cpu_ms": 7.5,
    "data_fingerprint": "abcdef0123456789",
    "test_fingerprint": "1111",
}


@pytest.fixture(scope="module")
def board():
    results = compare(detectors()[::-1], [0.5] * 3, 50)
    names = ("noisy/version_0", "<b>|mid", "best/version_0")
    costs: tuple[dict[str, Any], ...] = (COST, {}, COST | {"cpu_ms": None})
    runs = [{"name": name} | cost | result for name, cost, result in zip(names, costs, results, strict=True)]
    return {"images_fingerprint": "0123456789abcdef", "runs": runs}


class Cells(HTMLParser):
    """Texts of all table cells, and the tags that were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_markdown_ranks_by_auroc_and_shows_differences_and_cost(board):
    text = markdown_leaderboard(board)
    tables = text.split("## ")
    assert [table.split("\n")[0] for table in tables[1:]] == [
        "Metrics",
        "Against noisy/version_0",
        "p of no difference from noisy/version_0",
        "Cost",
    ]
    ranked = [line.split(" | ")[0] for line in tables[1].splitlines() if line.startswith("| ")][2:]
    assert ranked == ["| best/version_0", "| <b>\\|mid", "| noisy/version_0"]
    best = board["runs"][2]
    low, high = best["intervals"]["auroc"]
    assert f"| {best['auroc']:.3f} ({low:.3f} to {high:.3f}) |" in tables[1]
    against = best["against_first"]
    low, high = against["auroc"]["interval"]
    assert f"{against['auroc']['difference']:+.3f} ({low:+.3f} to {high:+.3f})" in tables[2]
    row = next(line for line in tables[3].splitlines() if line.startswith("| best/version_0"))
    assert row.split(" | ")[1] == f"{against['auroc']['p']:.3f} (Holm {against['auroc']['p_holm']:.3f})"
    assert row.split(" | ")[-1] == f"{against['delong_p']:.3f} (Holm {against['delong_p_holm']:.3f}) |"
    assert "| noisy/version_0 | tiny | 32 | 12,345 | 1.2 | 7.5 | abcdef012345 |" in tables[4]
    assert "checkpoint is gone" in tables[4]
    assert "fingerprint 0123456789ab" in text
    assert f"The 120 images share {best['n_groups']} groups" in text
    assert "Believe the bootstrap's" in text
    assert "Only 120 images" in text


def test_every_markdown_row_has_its_tables_columns(board):
    for table in markdown_leaderboard(board).split("## ")[1:]:
        rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1


def test_the_page_shows_the_same_and_needs_nothing_from_elsewhere(board):
    page = html_leaderboard(board)
    parsed = Cells()
    parsed.feed(page)
    written = [line for line in markdown_leaderboard(board).splitlines() if line.startswith("| ") and "---" not in line]
    cells = [c for line in written for c in line[2:-2].replace("\\|", "\0").split(" | ")]
    assert parsed.cells == [cell.replace("\0", "|") for cell in cells]
    assert "<b>|mid" in parsed.cells
    assert not any(name in attributes for _, attributes in parsed.tags for name in ("src", "href"))
    assert "://" not in page
    assert "prefers-color-scheme: dark" in page


def test_which_p_to_believe_depends_on_the_groups(board):
    def said(n_groups):
        runs = [run | {"n_groups": n_groups} for run in board["runs"]]
        return markdown_leaderboard(board | {"runs": runs})

    assert "No images share groups here: DeLong's test and the bootstrap ask the same.\n" in said(120)
    assert "Believe the bootstrap's, which draws groups.\n" in said(30)
    assert "Believe the bootstrap's, which draws groups; of so few, it can be too sure of itself as well.\n" in said(29)


def test_one_run_alone_is_compared_with_none():
    results = compare(detectors(count=1), [0.5], 20)
    text = markdown_leaderboard({"images_fingerprint": "0" * 64, "runs": [{"name": "alone"} | results[0]]})
    assert "## Against" not in text
    assert "DeLong" not in text
    assert "CPU ms:" not in text


def test_another_split_of_the_same_data_is_told(board):
    assert "different splits" not in markdown_leaderboard(board)
    first, second, third = board["runs"]
    changed = board | {"runs": [first, second, third | {"test_fingerprint": "2222"}]}
    assert "best/version_0 and noisy/version_0 were trained on different splits" in markdown_leaderboard(changed)


def test_undefined_figures_are_dashes(board):
    runs = [run | {"auroc": None, "intervals": run["intervals"] | {"auroc": None}} for run in board["runs"]]
    changed = board | {"runs": runs}
    assert "| - |" in markdown_leaderboard(changed)
    assert 'class="dot"' not in html_leaderboard(changed)
