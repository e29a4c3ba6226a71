"""Builds the parts of the documentation that the tool prints: `make docs` writes them, `--check` compares.

Tables stand between `<!-- table:NAME -->` and `<!-- /table:NAME -->`. Where the recorded data are absent, their tables
are left as they are, and a line says so.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
RECORDINGS = ROOT / "docs" / "howto" / "recordings.md"
CLI = ROOT / "docs" / "reference" / "cli.md"
REFUSALS = ROOT / "docs" / "reference" / "refusal-grader.md"
PACK_FORMAT = ROOT / "docs" / "reference" / "pack-format.md"
HALLUCINATION = ROOT / "docs" / "reference" / "hallucination.md"
TRANSFORMATIONS = ROOT / "docs" / "reference" / "transformations.md"
TAMPER = ROOT / "docs" / "reference" / "tamper-matrix.md"
COMMANDS = [
    [], ["plan", "make"], ["plan", "show"], ["plan", "countersign"], ["run"], ["resume"], ["verify"], ["report"], ["import"],
    ["pack", "init"], ["pack", "check"], ["pack", "sign"], ["pack", "show"], ["pack", "publish"], ["pack", "accept"],
    ["key", "new"], ["key", "show"], ["key", "fingerprint"], ["key", "trust"], ["key", "trust-time"], ["key", "trust-identity"],
    ["key", "rotate"], ["key", "withdraw"], ["key", "follow"],
    ["evidence", "witness"], ["evidence", "stamp"], ["evidence", "cosign"],
    ["evidence", "redact"], ["evidence", "seal"], ["evidence", "reveal"],
    ["battery", "list"], ["battery", "show"], ["battery", "draw"], ["battery", "check"], ["battery", "items"],
]  # fmt: skip


def countermark(*arguments: str) -> str:
    """What a command prints to standard output."""
    from countermark.cli import run_command

    printed = io.StringIO()
    with redirect_stdout(printed):
        run_command(list(arguments))
    return printed.getvalue()


def help_pages() -> str:
    """Every command's `--help`, as the tool prints it."""
    pages = ["# Commands\n\nPrinted by the tool itself (`make docs`).\n"]
    for words in COMMANDS:
        name = " ".join(["countermark", *words])
        text = subprocess.run(
            [sys.executable, "-m", "countermark.cli", *words, "--help"],
            capture_output=True, text=True, check=True, env={"COLUMNS": "100", "LANG": "C.UTF-8", "HOME": "/home/you"},
        ).stdout  # fmt: skip
        pages.append(f"## `{name}`\n\n```\n{text.rstrip()}\n```\n")
    return "\n".join(pages)


def rows_of(importer: list[str]) -> list[dict[str, object]]:
    """Import, audit and report, by the very commands of the page; the findings as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        recordings, audit, home = f"{folder}/recordings", f"{folder}/audit", f"{folder}/home"
        countermark("import", *importer, "--out", recordings)
        countermark("run", recordings, "--out", audit, "--seed", "00", "--home", home, "--json")
        found: list[dict[str, object]] = json.loads(countermark("report", audit, "--json"))["findings"]
    return found


def table_of(rows: Iterable[dict[str, object]]) -> str:
    """A Markdown table: as published (every run), and with a verdict."""
    lines = [
        "| subject | metric | as published, every run | with a verdict | 95 % interval (with a verdict) | no verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        published, outcomes, interval = row["published"], row["outcomes"], row["interval"]
        whole = share(published["k"], published["n"]) if published else "–"
        bounds = (
            f"{float(interval['low']):.2%} – {float(interval['high']):.2%}" if interval else row["withheld"]
        )
        none = sum(outcomes.values()) - outcomes["graded"]
        verdict = share(row["k"], row["n"])
        lines.append(
            f"| {row['subject']} | {row['metric']['id']} | {whole} | {verdict} | {bounds} | {none} |"
        )
    return "\n".join(lines)


def share(hits: int, trials: int) -> str:
    """`27.19 (171/629)`: percent and counts."""
    return f"{100 * hits / trials:.2f} ({hits}/{trials})" if trials else "– (0/0)"


def insert(text: str, name: str, table: str) -> str:
    """`text` with the table between its markers."""
    head, opening, rest = text.partition(f"<!-- table:{name} -->")
    _, closing, tail = rest.partition(f"<!-- /table:{name} -->")
    assert opening, f"no place for the table {name}"
    assert closing, f"no end for the table {name}"
    return f"{head}{opening}\n\n{table}\n\n{closing}{tail}"


def reach(folder: str) -> None:
    """Let the scripts of a folder be imported by name."""
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))


def recordings_page() -> str:
    """The page on recordings with its tables."""
    text = RECORDINGS.read_text()
    mapping = str(ROOT / "docs" / "howto" / "xstest.mapping.yaml")
    text = insert(text, "agentdojo", table_of(rows_of(["agentdojo", str(DATA / "agentdojo")])))
    return insert(text, "xstest", table_of(rows_of(["table", str(DATA / "xstest"), "--mapping", mapping])))


def hallucination_page() -> str:
    """The page on the grader `facts` with the agreement tables of its benchmark."""
    reach("benchmarks")
    from facts_agreement import tables

    text = HALLUCINATION.read_text()
    for name, table in tables(DATA).items():
        text = insert(text, name, table)
    return text


def refusals_page() -> str:
    """The page on the grader `refusal` with the tables of its benchmark."""
    reach("benchmarks")
    from refusal_agreement import by_hand, tables

    text = REFUSALS.read_text()
    for name, table in {**tables(DATA / "xstest"), "by_hand": by_hand()}.items():
        text = insert(text, name, table)
    return text


def pack_pages() -> dict[Path, str]:
    """The JSON Schemas of a release pack, and the page on its format with the fields as the models have them."""
    from countermark.pack.schemas import format_tables, pack_schemas

    pages = {ROOT / "schemas" / name: text for name, text in pack_schemas().items()}
    return pages | {PACK_FORMAT: insert(PACK_FORMAT.read_text(), "fields", format_tables())}


def transformations_page() -> str:
    """The page on transformations with its table."""
    from countermark.battery.transforms import CATALOGUE

    lines = [
        "| name | kind | family | words for | leads back | tuned on | idea |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in CATALOGUE.values():
        narrow = one.domain.pattern.replace("|", "\\|")
        shown = narrow.encode("ascii", "backslashreplace").decode()
        back = "no" if not one.invertible else "always" if narrow == "(?s:.*)" else f"`{shown}`"
        languages = ", ".join(one.languages)
        lines.append(
            f"| `{one.name}` | {one.kind} | {one.family} | {languages} | {back} | {one.developed_against} | {one.idea or '–'} |"
        )
    return insert(TRANSFORMATIONS.read_text(), "transformations", "\n".join(lines))


def tamper_page() -> str:
    """The tamper matrix with the tables of its own test."""
    reach("tests")
    from tamper_matrix import TABLES, table

    text = TAMPER.read_text()
    for name, mutations in TABLES.items():
        text = insert(text, name, table(mutations))
    return text


def main() -> int:
    """Write what changed; with `--check`, only say what would."""
    pages = {
        CLI: help_pages(),
        TAMPER: tamper_page(),
        TRANSFORMATIONS: transformations_page(),
        **pack_pages(),
    }
    if DATA.is_dir():
        pages[RECORDINGS] = recordings_page()
        pages[REFUSALS] = refusals_page()
        pages[HALLUCINATION] = hallucination_page()
    else:
        print(f"{DATA.name}: the recorded data are not beside this checkout; their tables stay as they are")
    stale = [page for page, text in pages.items() if not page.exists() or page.read_text() != text]
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'out of date' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            page.parent.mkdir(exist_ok=True)
            page.write_text(pages[page])
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
