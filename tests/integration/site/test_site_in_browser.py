"""The site in the machine's Chromium, opened from the disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "workbook"))
from site_parts import listed, write_executed

from workbook.runner.run import write_report
from workbook.site import claims as claims_page
from workbook.site.folder import read_run

PAGES = ("index.html", "index_notebook.html", "q6_six.html", "q9_nine.html", "claims.html")
# Every text of a page that stands out from its ground by less than WCAG 2's 4.5 (3 for large letters).
WEAK_TEXTS = """() => {
  const parse = (colour) => { const v = colour.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const light = ([r, g, b]) => {
    const l = [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] > 0.99) return c;
    }
    return [255, 255, 255, 1];
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!walker.currentNode.data.trim()) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (["SCRIPT", "STYLE"].includes(element.tagName) || element.closest("math annotation")) continue;
    const [a, b] = [light(parse(style.color)), light(ground(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) weak.push(`${element.className || element.tagName} ${ratio.toFixed(2)}: `
      + walker.currentNode.data.trim().slice(0, 40));
  }
  return weak;
}"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from reference.sizing.claims import claims

    folder = tmp_path_factory.mktemp("site")
    ledger = tuple(claims(6))
    write_executed(folder, ledger)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims_page, "ledger", lambda: ledger)
        write_report(read_run(folder, listed(folder), folder))
    return folder


@pytest.fixture
def opened(browser, site):
    """opened(page, width, **context): a tab that notes what it logs (`said`) and asks for (`asked`)."""
    contexts = []

    def open_page(name: str, width: int = 1280, **settings):
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.said, tab.asked = [], []
        tab.on("console", lambda line: tab.said.append(line.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.goto((site / name.split("#")[0]).as_uri() + name[len(name.split("#")[0]) :])
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_logs_nothing_asks_nobody_and_shows_its_pictures(opened, name):
    tab = opened(name)
    assert tab.said == []
    assert [url for url in tab.asked if not url.startswith(("file:", "data:"))] == []
    assert tab.evaluate("[...document.images].filter((i) => !i.complete || !i.naturalWidth).length") == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_sideways(opened, name):
    tab = opened(name, 360)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    beyond = """[...document.querySelectorAll("main *")].filter((e) => !e.closest(
      ".wb-scroll, .wb-rich, pre, .wb-diagram, math, thead")
      && e.getBoundingClientRect().right > innerWidth + 1).length"""
    assert tab.evaluate(beyond) == 0


def test_prose_that_cells_print_wraps_and_columns_scroll_in_their_own_box_with_a_shadow(opened):
    tab = opened("q6_six.html", 360)
    prose, columns = (tab.locator("pre.wb-stream").filter(has_text=word) for word in ("0 0 0", "arm  "))
    wide = "(e) => e.scrollWidth > e.clientWidth"
    assert prose.evaluate(wide) is False
    assert columns.evaluate(wide) is True
    shadows = "(e) => getComputedStyle(e).backgroundAttachment.split(', ')"
    assert columns.evaluate(shadows)[:4] == ["local", "local", "scroll", "scroll"]


@pytest.fixture
def on_paper(opened, site, tmp_path):
    """The pages of a PDF of the page with every picture in them, printed by somebody who reads in dark mode."""
    import pypdfium2

    tab = opened("q6_six.html", color_scheme="dark")
    tab.locator("#wb-theme").click()
    tab.locator("#wb-theme").click()
    tab.pdf(path=tmp_path / "page.pdf", format="A4", print_background=True)
    pages = list(pypdfium2.PdfDocument(tmp_path / "page.pdf"))
    return tab, pages


def test_a_printed_page_is_white_and_without_what_only_a_screen_needs(on_paper):
    tab, pages = on_paper
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    assert "AI System Design Workbook" not in text
    assert "Dark mode" not in text
    assert "Next" not in text
    assert pages[0].render(scale=0.2).to_pil().convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    tab.emulate_media(media="print")
    assert tab.evaluate(WEAK_TEXTS) == []


def test_nothing_is_cut_off_on_paper(on_paper):
    tab, pages = on_paper
    text = "".join("".join(page.get_textpage().get_text_range() for page in pages).split())
    assert [number for number in range(40) if f"column{number}" not in text] == []
    assert "last_name" in text
    for page in pages:
        width = page.get_width()
        for thing in page.get_objects(max_depth=1):
            left, _, right, _ = thing.get_bounds()
            assert -1 <= left <= right <= width + 1
    tab.set_viewport_size({"width": 640, "height": 900})
    tab.emulate_media(media="print")
    beyond = """[...document.querySelectorAll("main *")].filter((e) => !e.closest("math, thead, .wb-self")
      && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
    assert tab.evaluate(beyond) == []
    whole = "[...document.querySelectorAll('figure, tr, .wb-diagram')].map((e) => getComputedStyle(e).breakInside)"
    assert set(tab.evaluate(whole)) == {"avoid"}, "a figure or a row is never split over two pages"


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_stands_out_from_its_ground(opened, name, mode):
    tab = opened(name, color_scheme=mode)
    assert tab.evaluate(WEAK_TEXTS) == []


def ground(tab) -> str:
    return str(tab.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_switch_changes_the_mode_and_the_next_page_remembers_it(opened, site):
    tab = opened("index.html", color_scheme="light")
    before, switch = ground(tab), tab.locator("#wb-theme")
    assert switch.get_attribute("aria-pressed") == "false"
    switch.click()
    dark = ground(tab)
    assert (dark != before, switch.get_attribute("aria-pressed")) == (True, "true")
    tab.goto((site / "q6_six.html").as_uri())
    assert ground(tab) == dark
    tab.locator("#wb-theme").click()
    assert ground(tab) == before


def test_without_storage_the_switch_still_works_and_nothing_is_logged(opened, browser, site):
    context = browser.new_context(color_scheme="light")
    context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }});")
    tab = context.new_page()
    said = []
    tab.on("console", lambda line: said.append(line.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto((site / "index.html").as_uri())
    before = ground(tab)
    tab.locator("#wb-theme").click()
    assert ground(tab) != before
    assert said == []
    context.close()


def test_figures_keep_a_white_ground_in_dark_mode(opened):
    tab = opened("q6_six.html", color_scheme="dark")
    grounds = """[...document.querySelectorAll(".wb-figure .wb-scroll, .wb-diagram")]
      .map((e) => getComputedStyle(e).backgroundColor)"""
    assert tab.evaluate(grounds) == ["rgb(255, 255, 255)"] * 2


def test_on_a_phone_the_navigation_is_a_menu_that_escape_closes(opened):
    tab = opened("q6_six.html", 360)
    menu, nav = tab.locator("#wb-menu"), tab.locator("#wb-nav")
    assert not nav.is_visible()
    menu.click()
    assert nav.is_visible()
    assert menu.get_attribute("aria-expanded") == "true"
    tab.keyboard.press("Escape")
    assert not nav.is_visible()
    menu.click()
    nav.get_by_role("link", name="2. Size it").click()
    assert not nav.is_visible()
    tab.wait_for_url("**#2.-Size-it")


def test_the_section_that_is_read_is_marked(opened):
    tab = opened("q6_six.html#2.-Size-it")
    marked = tab.locator(".wb-outline a[aria-current]")
    marked.filter(has_text="2. Size it").wait_for()  # the page may still be scrolling there
    assert marked.inner_text() == "2. Size it"


def test_the_first_key_leads_past_the_navigation(opened):
    tab = opened("q6_six.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "wb-skip"
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    tab.keyboard.press("Enter")
    tab.wait_for_function("document.activeElement.id === 'wb-main'")


def shown(tab) -> list[str]:
    rows = tab.locator("#wb-claims tbody tr:visible")
    return [rows.nth(number).get_attribute("data-verdict") for number in range(rows.count())]


def test_the_filter_shows_only_the_chosen_verdict_with_its_count_and_keeps_it_in_the_address(opened):
    tab = opened("claims.html")
    everything = shown(tab)
    assert len(set(everything)) > 1
    tab.locator("select[name=verdict]").select_option("does-not-hold")
    count = everything.count("does-not-hold")
    assert shown(tab) == ["does-not-hold"] * count
    assert tab.locator("#wb-count").inner_text() == f"{count} of {len(everything)} claims"
    assert tab.url.endswith("#verdict=does-not-hold")
    again = opened("claims.html#verdict=does-not-hold")
    assert shown(again) == ["does-not-hold"] * count
    again.get_by_role("button", name="Show all").click()
    again.locator("#wb-claims tbody tr:visible").nth(len(everything) - 1).wait_for()
    assert shown(again) == everything


def test_text_narrows_the_claims_word_by_word(opened):
    tab = opened("claims.html")
    first = tab.locator("#wb-claims tbody tr").first
    name = first.get_attribute("id")
    tab.locator("input[name=text]").fill(name.upper())
    assert name in [row.get_attribute("id") for row in tab.locator("#wb-claims tbody tr:visible").all()]
    tab.locator("input[name=text]").fill("no claim says this")
    assert shown(tab) == []


def test_without_scripts_everything_can_be_read_and_reached(opened):
    tab = opened("claims.html", 360, java_script_enabled=False)
    assert tab.locator("#wb-claims tbody tr").first.is_visible()
    assert not tab.locator("#wb-filter").is_visible()
    assert tab.locator("#wb-nav").is_visible()
    assert tab.locator("a.wb-noscript").is_visible()
    assert not tab.locator("#wb-theme").is_visible()
