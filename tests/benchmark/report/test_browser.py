"""The page in a real browser: it sorts, links, filters, turns dark, asks nobody for anything."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from benchmark.report.browser import needs_browser
from benchmark.report.conftest import EVIL
from g2d.runs.run import Run

pytestmark = needs_browser

COLUMN = """[...document.querySelectorAll('#table-1 > .wide tbody tr')]
.map((row) => row.cells[{place}].querySelector('.v')?.textContent ?? '')"""
LABELS = (
    "[...document.querySelectorAll('#table-1 > .wide tbody th')].map((cell) => cell.textContent)"
)
METHODS = ["joint", EVIL, "G²D", "lost"]
FUSED = "#table-1 > .wide thead tr:last-child th:nth-child(3)"


@pytest.fixture
def tab(browser, page):
    """The page, opened anew; whatever it complains of or asks for ends the test."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(page)
    yield browser
    assert browser.complaints == []
    assert set(browser.requests) == {page.resolve().as_uri()}


def sorting(tab):
    return tab.ask(f"document.querySelector('{FUSED}').getAttribute('aria-sort')")


def test_a_table_is_sorted_best_first_then_worst_then_as_it_was(tab):
    as_it_was = tab.ask(COLUMN.format(place=3))
    numbers = sorted((float(text) for text in as_it_was if text != "failed"), reverse=True)
    tab.click(f"{FUSED} button")
    assert sorting(tab) == "descending"
    assert tab.ask(COLUMN.format(place=3)) == [*map("{:.1f}".format, numbers), "failed"]
    tab.click(f"{FUSED} button")
    assert sorting(tab) == "ascending"
    # What is not there stays last.
    assert tab.ask(COLUMN.format(place=3)) == [*map("{:.1f}".format, numbers[::-1]), "failed"]
    tab.click(f"{FUSED} button")
    assert sorting(tab) is None
    assert tab.ask(LABELS) == METHODS


def test_a_table_is_sorted_by_the_keyboard(tab):
    head = "#table-1 > .wide thead th:first-child"
    tab.ask(f"document.querySelector('{head} button').focus()")
    tab.key("Enter", "\r")
    assert tab.ask(LABELS) == [EVIL, "G²D", "joint", "lost"]
    assert tab.ask(f"document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    assert tab.ask("document.querySelectorAll('[aria-sort]').length") == 1


def test_an_error_is_sorted_least_first(tab):
    """A metric of which less is better, in the group of columns after the first."""
    heads = tab.ask(
        "[...document.querySelectorAll('#table-1 > .wide thead tr:last-child th')]"
        ".map((head) => head.textContent)"
    )
    place = next(i for i, text in enumerate(heads) if "MAPE" in text and "fused" in text)
    tab.click(f"#table-1 > .wide thead tr:last-child th:nth-child({place + 1}) button")
    shown = [float(text) for text in tab.ask(COLUMN.format(place=place + 1)) if text != "failed"]
    assert shown == sorted(shown)


def test_a_number_leads_to_its_runs(tab, folder):
    tab.click("#table-1 > .wide tbody tr:first-child td:nth-of-type(3) a")
    shown = tab.ask(
        "[...document.querySelector(location.hash).querySelectorAll('.run')]"
        ".map((run) => [run.id.slice(4), run.checkVisibility()])"
    )
    assert [seen for _, seen in shown] == [True, True]
    value = tab.ask(f"{COLUMN.format(place=3)}[0]")
    results = [Run(folder / name).result for name, _ in shown]
    assert value == f"{100 * np.mean([r['test']['accuracy']['fused'] for r in results]):.1f}"


def test_a_link_opens_a_run_and_draws_its_answers(tab, folder):
    (name,) = (
        run.name
        for run in folder.glob("ToyData-g2d-seed1-*")
        if Run(run).description["task"]["kind"] == "classification"
    )
    target = f"document.getElementById('run-{name}')"
    tab.ask(f"location.hash = '#run-{name}'")
    assert tab.ask(f"{target}.open && {target}.checkVisibility()")
    assert -1 < tab.ask(f"{target}.getBoundingClientRect().top") < 100
    drawn = tab.ask(
        f"[...{target}.querySelectorAll('.cm tbody tr')]"
        ".map((row) => [...row.cells].slice(1).map((cell) => +cell.textContent || 0))"
    )
    said = Run(folder / name).predictions("test")
    expected = np.zeros((3, 3), int)
    for right, answered in zip(said["target"], said["logits/fused"].argmax(1), strict=True):
        expected[right, answered] += 1
    assert drawn == expected.tolist()


def test_runs_are_filtered_by_words(tab):
    seen = (
        "[...document.querySelectorAll('.setting')].filter((one) => one.checkVisibility()).length"
    )
    whole = tab.ask(seen)
    tab.ask("document.getElementById('filter').focus()")
    tab.type("g²d heights")
    assert tab.ask(seen) == 1
    assert tab.ask("document.getElementById('filtered').textContent") == f"1 of {whole} settings"
    hidden = tab.ask("document.querySelector('.setting[hidden]').id")
    tab.ask(f"location.hash = '#{hidden}'")
    assert tab.ask(seen) == whole


def test_dark_and_light(browser, page):
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.ask(paper)
    browser.click("#theme")
    dark = browser.ask(paper)
    assert dark != light
    browser.media(paper=True)
    assert browser.ask(paper) == "rgb(255, 255, 255)"
    browser.ask("localStorage.removeItem('g2d-theme')")
    browser.open(page, dark=True)
    assert browser.ask(paper) == dark
    browser.click("#theme")
    assert browser.ask(paper) == light
    browser.ask("localStorage.removeItem('g2d-theme')")


def test_text_can_be_told_from_its_ground(browser, page):
    """4.5 to 1 for all colours of text, light and dark (WCAG 2, AA)."""
    names = ("ink", "soft", "link", "bad")
    for dark in (False, True):
        browser.open(page, dark=dark)
        ground = luminance(browser, "paper")
        for name in names:
            one, other = sorted((luminance(browser, name), ground))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (name, dark)


def luminance(tab, name):
    tab.ask(f"document.body.style.color = 'var(--{name})'")
    said = tab.ask("getComputedStyle(document.body).color")
    parts = [int(part) / 255 for part in said[4:-1].split(",")]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_a_phone_only_tables_scroll_and_rows_keep_their_names(browser, page):
    browser.open(page, width=390, height=844)
    assert browser.ask("document.documentElement.scrollWidth") == 390
    box = "document.querySelector('#table-1 .wide')"
    assert browser.ask(f"{box}.scrollWidth > {box}.clientWidth")
    browser.ask(f"{box}.scrollLeft = 200")
    left = browser.ask(
        "document.querySelector('#table-1 > .wide tbody th').getBoundingClientRect().left"
    )
    assert left == browser.ask(f"{box}.getBoundingClientRect().left")


def test_on_paper_what_folds_is_open(tab):
    closed = "document.querySelectorAll('details.more:not([open])').length"
    assert tab.ask(closed) > 0
    tab.ask("dispatchEvent(new Event('beforeprint'))")
    assert tab.ask(closed) == 0
    tab.ask("dispatchEvent(new Event('afterprint'))")
    assert tab.ask(closed) > 0
    assert tab.paper().startswith(b"%PDF")


def test_what_stands_behind_a_number_is_shown_to_the_keyboard(tab):
    tab.ask("document.querySelector('#table-1 > .wide tbody td a').focus()")
    assert tab.ask("document.getElementById('tip').textContent").startswith("Mean of 2 seeds: ")
    tab.ask("document.activeElement.blur()")
    assert tab.ask("document.getElementById('tip').hidden")


def test_a_screenshot(tab, tmp_path):
    picture = tab.picture(tmp_path / "page.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1400, 900)
