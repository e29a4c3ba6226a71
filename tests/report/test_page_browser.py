"""The page in headless Chromium: nothing runs, nothing loads, nothing overflows, and it prints."""

import base64
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from countermark.report import render
from report_factory import crowded_report, full_report, hostile_report, mixed_report, simulated_report

BINARY, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BINARY is None or DRIVER is None, reason="Chromium and its driver are not installed here"
    ),
]
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
FILES = ("index.html", "index.ja.html")
A4_WIDTH = 695
"""CSS pixels between the margins of the page in print: 184 mm."""
LUMINANCE = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
const below = (node) => { for (; node; node = node.parentElement) { const c = getComputedStyle(node).backgroundColor; if (rgb(c)[3] === 255) return c; } return 'white'; };
const worst = {};
for (const node of document.querySelectorAll('body *')) {
  if (![...node.childNodes].some(c => c.nodeType === 3 && c.data.trim())) continue;
  if (!node.getClientRects().length || node.closest('.skip')) continue;
  const style = getComputedStyle(node);
  const colour = node.closest('svg') ? style.fill : style.color;
  const [a, b] = [light(rgb(colour)), light(rgb(below(node)))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) worst[node.tagName + '.' + node.getAttribute('class')] = [contrast, colour, below(node)];
}
return worst;
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and remembers what was asked for."""

    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # or a second look asks for nothing
        super().end_headers()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver

    assert BINARY is not None
    options = webdriver.ChromeOptions()
    options.binary_location = BINARY
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        driver.execute_cdp_cmd("Network.enable", {})
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, type[Quiet]]]:
    root = tmp_path_factory.mktemp("site")
    for name, report in {
        "plain": simulated_report(),
        "full": full_report(),
        "mixed": mixed_report(),
        "hostile": hostile_report(),
        "crowded": crowded_report(),
    }.items():
        (root / name).mkdir()
        for file, content in render(report).items():
            (root / name / file).write_bytes(content)
    handler = type("Handler", (Quiet,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def visit(browser: Any, address: str, *, width: int = 1280, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(address)


def requests(browser: Any) -> list[str]:
    """Addresses the page asked for since the last look."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["full", "mixed", "hostile"])
def test_nothing_overflows_fails_or_loads(
    browser: Any, site: tuple[str, type[Quiet]], name: str, width: int, file: str
) -> None:
    address, handler = site
    requests(browser)
    handler.asked.clear()
    visit(browser, f"{address}/{name}/{file}", width=width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert [url for url in requests(browser) if not url.startswith("data:")] == [f"{address}/{name}/{file}"]
    assert handler.asked == [f"/{name}/{file}"]
    assert browser.get_log("browser") == []
    assert browser.execute_script("return getComputedStyle(document.body).margin") == "0px", (
        "style was refused"
    )


@pytest.mark.parametrize("file", FILES)
def test_nothing_of_a_strangers_runs(browser: Any, site: tuple[str, type[Quiet]], file: str) -> None:
    visit(browser, f"{site[0]}/hostile/{file}")
    assert browser.execute_script("return window.bad === undefined")
    assert (
        browser.execute_script(
            "return document.querySelectorAll('script, img, iframe, form, object, embed, base, [onerror], [onload], [style]').length"
        )
        == 0
    )
    links = browser.execute_script("return [...document.links].map(link => link.getAttribute('href'))")
    assert all(link.startswith("#") or link in FILES for link in links)
    assert "<script>window.bad=1</script>" in browser.execute_script("return document.body.innerText")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", ["full", "mixed"])
def test_every_chart_has_a_name_and_every_sign_is_hidden(
    browser: Any, site: tuple[str, type[Quiet]], name: str, file: str
) -> None:
    visit(browser, f"{site[0]}/{name}/{file}")
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [
        node["name"]["value"]
        for node in nodes
        if not node.get("ignored") and node.get("role", {}).get("value") in ("image", "img")
    ]
    browser.execute_cdp_cmd("Accessibility.disable", {})
    charts = browser.execute_script("return document.querySelectorAll('svg.chart').length")
    assert charts == len(named) > 0
    assert all(named)
    assert (
        browser.execute_script(
            "return document.querySelectorAll('svg:not(.chart):not([aria-hidden=true])').length"
        )
        == 0
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "mixed"])
def test_text_has_contrast(browser: Any, site: tuple[str, type[Quiet]], name: str, scheme: str) -> None:
    visit(browser, f"{site[0]}/{name}/index.html", scheme=scheme)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.execute_script(LUMINANCE) == {}


def test_transcripts_are_folded_and_the_keyboard_finds_the_skip_link(
    browser: Any, site: tuple[str, type[Quiet]]
) -> None:
    from selenium.webdriver.common.keys import Keys

    visit(browser, f"{site[0]}/plain/index.html")
    states = browser.execute_script("return [...document.querySelectorAll('.event')].map(card => card.open)")
    assert states == [False, False, False, False]
    shelves = browser.execute_script(
        "return [...document.querySelectorAll('.shelf')].map(shelf => shelf.open)"
    )
    assert shelves == [True, False, False]
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("class") == "skip"
    assert browser.execute_script("return document.querySelector('.skip').getBoundingClientRect().left") == 0


def test_languages_link_to_each_other(browser: Any, site: tuple[str, type[Quiet]]) -> None:
    visit(browser, f"{site[0]}/plain/index.html")
    browser.execute_script("document.querySelector('.languages a').click()")
    assert browser.current_url.endswith("/plain/index.ja.html")
    assert browser.execute_script("return document.documentElement.lang") == "ja"


@pytest.mark.parametrize("file", FILES)
def test_page_prints(browser: Any, site: tuple[str, type[Quiet]], file: str, tmp_path: Path) -> None:
    visit(browser, f"{site[0]}/plain/{file}")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    document = base64.b64decode(printed["data"])
    assert document.startswith(b"%PDF-")
    assert len(document) > 20_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert (
        browser.execute_script("return getComputedStyle(document.querySelector('.print-only')).display")
        == "block"
    )
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


FOLDED = """
const tables = [...document.querySelectorAll('details.parts:not([open]) table')];
return [tables.length, tables.filter(table => table.checkVisibility()).length];
"""
CUT = """
const open = (folds) => { for (const fold of folds) fold.open = true };
open(document.querySelectorAll('details.parts'));
const place = (table) => table.closest('.scroll') ?? table.parentElement;
return [...document.querySelectorAll('table')].filter(table => table.scrollWidth > place(table).clientWidth)
  .map(table => table.caption.textContent);
"""


@pytest.mark.parametrize("file", FILES)
def test_of_a_whole_battery_folds_open_in_print_and_no_table_is_cut(
    browser: Any, site: tuple[str, type[Quiet]], file: str
) -> None:
    visit(browser, f"{site[0]}/crowded/{file}")
    tables, seen = browser.execute_script(FOLDED)
    assert tables > 15
    assert seen == 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script(FOLDED) == [tables, tables]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": A4_WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= A4_WIDTH
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    visit(browser, f"{site[0]}/crowded/{file}")
    assert browser.execute_script(CUT) == []
