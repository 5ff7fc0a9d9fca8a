"""The review page: its server's guards by HTTP, and the page itself in the machine's Chromium, by keyboard only."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "moderation"))
from mod_review_parts import CATEGORIES, MemoryLog, put

from reference.moderation.review import CategoryText, Limits, QueueSettings, Reviewer, ReviewQueue
from reference.moderation.review.demo import demo_posts
from reference.moderation.review.page.serving import ReviewPage
from reference.moderation.types import Action, Media, Tier
from reference.serving.redis_store import connect, private_redis

TEXTS = [
    CategoryText("danger", "Danger", "Threats, incitement and plans to hurt somebody.", 4),
    CategoryText("hate", "Hate", "Attacks on people for what they are. Quoting in order to report it is allowed.", 3),
    CategoryText("spam", "Spam", "Bulk advertising, counterfeit goods and bait.", 1),
]
ANNA = Reviewer("anna", frozenset({"en", "ar"}))


@pytest.fixture(scope="module")
def server():
    with private_redis() as running:
        yield running


@pytest.fixture
def desk(server):
    client = connect(server.url)
    client.flushall()
    log = MemoryLog()
    # Long enough that a slow machine can press u in time; tests that need an end settle by their own clock.
    queue = ReviewQueue(client, log, settings=QueueSettings(undo_s=60, double_share=0), categories=CATEGORIES)
    queue.test_log = log
    yield queue
    client.close()


@pytest.fixture
def page_at(desk):
    with ReviewPage(desk, ANNA, TEXTS).running() as url:
        yield url


@pytest.fixture
def tab(browser, page_at):
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.problems, page.asked = [], []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: page.asked.append(request.url))
    page.at = page_at
    yield page
    assert page.problems == []
    assert all(url.startswith(page_at) for url in page.asked), "the page asked somewhere else"
    context.close()


def test_only_the_token_opens_the_page(page_at, desk):
    import httpx

    put(desk, "p")
    root = page_at.rsplit("/", 2)[0]
    with httpx.Client() as client:
        for path in ("/", "/wrong-token-000000/next", "/next", "/docs", "/openapi.json"):
            assert client.get(root + path).status_code == 404
        assert client.get(page_at + "next", headers={"host": "evil.example"}).status_code == 404
        answer = client.get(page_at)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-review": "1", "origin": "http://evil.example"},
        {"x-review": "1", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_foreign_request_changes_nothing(page_at, desk, headers):
    import httpx

    put(desk, "p")
    httpx.get(page_at + "next")
    body = {"post": "p", "action": "approve"}
    assert httpx.post(page_at + "verdict", json=body, headers=headers).status_code == 403
    assert httpx.post(page_at + "verdict", json=body, headers={"x-review": "1"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b"[1]", "object"),
        (b'{"post": 5, "action": "approve"}', "post"),
        (b'{"post": "p", "action": "remove"}', "remove"),
        (b'{"post": "p", "action": "reject", "category": "nonsense"}', "nonsense"),
        (b'{"post": "not mine", "action": "approve"}', "not open"),
        (b'{"note": "' + b"x" * 20_000 + b'"}', "16384"),
    ],
)
def test_a_wrong_request_gets_an_error_that_names_it(page_at, desk, body, named):
    import httpx

    put(desk, "p")
    httpx.get(page_at + "next")
    answer = httpx.post(page_at + "verdict", content=body, headers={"x-review": "1"})
    assert answer.status_code == 409
    assert named in answer.json()["error"]["message"]


def test_the_browser_gets_a_new_picture_and_never_the_authors_file(page_at, desk):
    import httpx
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from reference.moderation.review.demo import _picture

    comment = PngInfo()
    comment.add_text("Comment", "hidden words")
    out = io.BytesIO()
    Image.open(io.BytesIO(_picture())).save(out, "PNG", pnginfo=comment)
    assert b"hidden" in out.getvalue()
    put(desk, "p", images=(Media("a.png", out.getvalue()), Media("b.png", b"no picture")))
    httpx.get(page_at + "next")
    blurred = httpx.get(page_at + "media", params={"post": "p", "index": 0})
    clear = httpx.get(page_at + "media", params={"post": "p", "index": 0, "clear": "true"})
    for answer in (blurred, clear):
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content.startswith(b"\xff\xd8")
        assert b"hidden" not in answer.content
    assert len(blurred.content) < len(clear.content) / 2  # detail is gone, not covered
    assert httpx.get(page_at + "media", params={"post": "p", "index": 1}).status_code == 409
    assert httpx.get(page_at + "media", params={"post": "q", "index": 0}).status_code == 409


def test_a_shift_by_keyboard_only(tab, desk):
    for number, severity in enumerate((4, 3, 2)):
        put(desk, f"p{number}", severity=severity)
    tab.goto(tab.at)
    tab.get_by_role("heading", name="Post p0").wait_for()
    assert "1 of 20 this hour" in tab.locator("#wellbeing").inner_text()
    tab.keyboard.press("a")
    tab.get_by_role("heading", name="Post p1").wait_for()
    tab.keyboard.press("r")
    tab.get_by_role("button", name="2 Hate").wait_for()
    tab.keyboard.press("Escape")
    tab.keyboard.press("r")
    tab.keyboard.press("2")
    tab.get_by_role("heading", name="Post p2").wait_for()
    assert "Rejected: Hate" in tab.get_by_role("status").inner_text()
    tab.keyboard.press("u")
    tab.get_by_role("heading", name="Post p1").wait_for()
    tab.keyboard.press("n")
    tab.keyboard.type("are you sure?")
    tab.keyboard.press("Enter")
    tab.keyboard.press("e")
    tab.get_by_role("heading", name="Post p2").wait_for()
    tab.keyboard.press("r")
    tab.keyboard.press("3")
    tab.get_by_text("Nothing waits for you.").wait_for()
    desk._clock = lambda now=desk._clock: now() + 120  # the undo time is over
    desk.settle()
    rows = desk.test_log.rows
    assert rows["p0", Tier.PERSON].action is Action.APPROVE
    assert (rows["p2", Tier.PERSON].action, rows["p2", Tier.PERSON].category) == (Action.REJECT, "spam")
    assert [verdict.note for verdict in desk.verdicts("p1")] == ["are you sure?"]
    assert ("p1", Tier.PERSON) not in rows  # it waits for a lead


def test_text_is_text_and_what_hides_is_seen(tab, desk):
    attack = '<img src=x onerror="document.title=1"><script>document.title=2</script> moc\u202egnp.exe\u200b http://x.example/'
    put(desk, "p", text=attack, links=("javascript:document.title=3",))
    tab.goto(tab.at)
    tab.get_by_role("heading", name="Post p").wait_for()
    shown = tab.locator("#text").inner_text()
    assert '<img src=x onerror="document.title=1">' in shown
    assert "RLO" in shown
    assert "ZWSP" in shown
    assert tab.locator("#text img, #text script, main a").count() == 0
    assert tab.title() == "Review queue"


def test_media_are_blurred_until_asked_for(tab, desk):
    for post, decision in demo_posts(TEXTS)[:1]:
        desk.put(post, decision)
    tab.goto(tab.at)
    image = tab.locator("#media img")
    image.wait_for()
    assert "clear=false" in image.get_attribute("src")
    tab.keyboard.press("b")
    tab.locator('#media img[src*="clear=true"]').wait_for()


def test_help_opens_by_key_and_keys_do_nothing_behind_it(tab, desk):
    put(desk, "p")
    tab.goto(tab.at)
    tab.get_by_role("heading", name="Post p").wait_for()
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("a")
    tab.keyboard.press("?")
    assert not tab.locator("#help").is_visible()
    assert tab.get_by_role("heading", name="Post p").is_visible()


def test_every_control_has_a_name_and_can_be_reached_by_tab(tab, desk):
    put(desk, "p")
    tab.goto(tab.at)
    tab.get_by_role("heading", name="Post p").wait_for()
    seen = set()
    for _ in range(12):
        tab.keyboard.press("Tab")
        seen.add(tab.evaluate("document.activeElement.id"))
    assert {"approve", "reject", "escalate", "note-open", "help-open"} <= seen
    unnamed = tab.evaluate(
        "[...document.querySelectorAll('button,input')].filter(e => !e.textContent.trim() && !e.labels?.length).length"
    )
    assert unnamed == 0


def test_a_break_is_said(browser, desk):
    desk.settings = QueueSettings(undo_s=60, double_share=0, limits=Limits(severe_per_hour=1))
    put(desk, "p0", severity=4)
    put(desk, "p1", severity=4)
    with ReviewPage(desk, ANNA, TEXTS).running() as url:
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("heading", name="Post p0").wait_for()
        page.keyboard.press("a")
        page.get_by_text(re.compile("seen enough harmful items")).wait_for()
        page.close()


def test_screenshots_for_people(tab, desk):
    """Also writes them where WORKBOOK_SCREENSHOTS says, for whoever changes the page and wants to look at it."""
    for post, decision in demo_posts(TEXTS):
        desk.put(post, decision)
    tab.goto(tab.at)
    tab.get_by_role("heading", name="Post demo-1").wait_for()
    tab.locator("#media img").wait_for()
    folder = os.environ.get("WORKBOOK_SCREENSHOTS")
    for number in range(8):
        # A picture that is asked for after the verdict is refused: the post is the reviewer's no more.
        tab.wait_for_function("() => [...document.querySelectorAll('#media img')].every(one => one.complete)")
        box = tab.locator("#post").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280  # nothing runs out of the window
        if folder:
            tab.wait_for_timeout(200)
            tab.screenshot(path=f"{folder}/review-{number}.png")
            if number == 1:
                tab.keyboard.press("r")
                tab.screenshot(path=f"{folder}/review-choose.png")
                tab.keyboard.press("Escape")
        before = tab.locator("#post-title").inner_text()
        tab.keyboard.press("a")
        tab.wait_for_function(
            "old => document.getElementById('post-title').textContent !== old"
            " || !document.getElementById('rest').hidden",
            arg=before,
        )


def test_the_command_opens_a_demo_and_ends_on_ctrl_c():
    import signal
    import subprocess

    import httpx

    command = [sys.executable, "-m", "workbook.cli", "review-queue", "--demo", "--languages", "de"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        said = httpx.get(url + "next", timeout=60).json()  # the address is good from when it is told
        assert said["waiting"] == 8
        assert said["item"]["post"].startswith("demo-")
        assert len(httpx.get(url + "setup").json()["categories"]) >= 3
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
