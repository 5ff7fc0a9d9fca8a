from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.moderation.links.checks import MAX_DEPTH, LinkCheck
from reference.moderation.links.extract import MAX_LINKS, links_of, may_hold_links
from reference.moderation.links.fraud_model import fraud_score, registered_domain
from reference.moderation.links.hosts import address_of, is_private
from reference.moderation.links.lists import LinkLists
from reference.moderation.types import ModerationError

CHECK = LinkCheck(model=False)


def rules(*links: str) -> set[str]:
    return {finding.rule for finding in CHECK.check(links)}


@pytest.mark.parametrize(
    ("link", "rule"),
    [
        ("https://bank.example@evil.example/", "link-credentials"),
        ("https://user:pass@evil.example/", "link-credentials"),
        ("http://127.0.0.1/admin", "link-private"),
        ("http://2130706433/", "link-private"),
        ("http://0177.0.0.1/", "link-private"),
        ("http://0x7f000001/", "link-private"),
        ("http://127.1/", "link-private"),
        ("http://10.1.2.3:8080/x", "link-private"),
        ("http://169.254.169.254/latest", "link-private"),
        ("http://[::1]/", "link-private"),
        ("http://[::ffff:127.0.0.1]/", "link-private"),
        ("http://localhost/", "link-private"),
        ("http://router.local/", "link-private"),
        ("http://8.8.8.8/", "link-address"),
        ("https://pаypal.example/", "link-scripts"),
        ("https://xn--pypal-4ve.example/", "link-scripts"),
        ("https://paypa1.example/", "link-brand"),
        ("https://paypal.com.evil.example/", "link-brand"),
        ("https://paypal-login.example/", "link-brand"),
        ("https://login-verify.example/x", "link-blocked"),
        ("https://www.login-verify.example/x", "link-blocked"),
        ("https:\\\\login-verify.example\\x", "link-blocked"),
        ("https://news.example/go?url=https%3A%2F%2Flogin-verify.example%2F", "link-blocked"),
        ("https://short.example/abc", "link-shortener"),
        ("javascript:alert(1)", "link-scheme"),
        ("ftp://files.example/", "link-scheme"),
        ("http://[::1", "link-unreadable"),
        ("http://", "link-unreadable"),
        ("http://a.example:99999/", "link-unreadable"),
        ("http://a.example/" + "x" * 5000, "link-unreadable"),
    ],
)
def test_a_bad_link_is_named(link: str, rule: str) -> None:
    assert rule in rules(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://paypal.com/pay", "https://photos.example/a?q=paypal", "https://docs.example/google",
        "www.club.example",
        "https://bücher.example/", "https://пример.example/", "news.example/2024/05/05", "https://apple-pie.example/recipe",
        "https://news.example/?url=https://docs.example/",
    ],
)  # fmt: skip
def test_an_ordinary_link_passes(link: str) -> None:
    assert rules(link) == set()


def test_redirects_are_followed_in_the_text_up_to_a_depth() -> None:
    link = "https://login-verify.example/"
    for _ in range(MAX_DEPTH):
        link = f"https://news.example/r?u={quote(link, safe='')}"
    assert "link-blocked" in rules(link)
    for _ in range(2):
        link = f"https://news.example/r?u={quote(link, safe='')}"
    assert "link-redirects" in rules(link)


def test_links_are_found_in_texts() -> None:
    text = "See https://a.example/x, (www.b.example/y) hxxps://c[.]example/z and d.example! mail me@e.example"
    assert links_of(text) == ["https://a.example/x", "www.b.example/y", "https://c.example/z", "d.example"]
    assert links_of("v1.2.3 and 3.5 and end.Start") == []


def test_too_many_links_are_said_not_swallowed() -> None:
    many = " ".join(f"https://h{i}.example/" for i in range(MAX_LINKS + 10))
    assert "link-many" in rules(*links_of(many))


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_no_link_raises(text: str) -> None:
    for link in (text, f"http://{text}", f"https://a.example/?url={text}"):
        CHECK.check([link])
    if links_of(text):
        assert may_hold_links(text)


@given(st.integers(0, 2**32 - 1))
def test_every_notation_of_an_address_is_the_same_address(value: int) -> None:
    octets = [value >> shift & 255 for shift in (24, 16, 8, 0)]
    dotted = ".".join(map(str, octets))
    forms = [dotted, str(value), hex(value), "0" + oct(value)[2:], ".".join(f"0{octet:o}" for octet in octets)]
    assert {str(address_of(form)) for form in forms} == {dotted}


def test_no_host_name_is_an_address() -> None:
    assert address_of("a.example") is None
    assert address_of("1.2.3.4.5") is None
    assert address_of("256.1.1.1") is None
    assert not is_private("news.example")


def test_the_fraud_model_scores_a_shady_address_above_a_plain_one() -> None:
    shady = fraud_score("http://secure-login-update.account-verify.xyz/paypal/confirm.php?id=83kd92")
    assert 0 <= fraud_score("https://en.wikipedia.org/wiki/Bread") < shady <= 1
    assert fraud_score("https://secure-login-verify.example/") == 0.0
    assert registered_domain("a.b.co.uk") == "b.co.uk"


def test_a_bad_list_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "l.toml"
    for body, word in (
        ('blok = ["x.example"]', "blok"),
        ("block = 3", "list of strings"),
        ('block = ["x.test"]\nallow = ["x.test"]', "x.test stands in block and in allow"),
        ("=", "TOML"),
    ):
        file.write_text(body)
        with pytest.raises(ModerationError, match=word):
            LinkLists.load(file)
