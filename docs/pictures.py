"""Takes the pictures the README shows: a real run of the reference subjects, its page in headless Chromium.

python docs/pictures.py            # needs chromium on the path; `make pictures`
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
SEED = "0123abcd"
WIDTH, HEIGHT = 1280, 2240
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def picture(page: Path, target: Path, profile: Path) -> None:
    """The first screens of a page as PNG."""
    subprocess.run(
        ["chromium", *FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}",
         f"--screenshot={target}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


def main() -> int:
    """Run, then photograph both languages."""
    if shutil.which("chromium") is None:
        print("no chromium here: the pictures stay as they are")
        return 0
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        audit = Path(folder) / "audit"
        subprocess.run(
            [sys.executable, "-m", "countermark.cli", "run", "--seed", SEED, "--out", str(audit)],
            check=True, capture_output=True, env={**os.environ, "COUNTERMARK_HOME": folder},
        )  # fmt: skip
        for page, image in (("index.html", "report.png"), ("index.ja.html", "report.ja.png")):
            picture(audit / "report" / page, IMAGES / image, Path(folder) / page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
