import unicodedata

import pytest
from guardrails_support import texts
from hypothesis import given

from reference.serving.guardrails.redaction import RedactionRules, redact
from reference.serving.guardrails.types import PLACEHOLDERS

RULES = RedactionRules()


def clean(text: str, *regions: str) -> str:
    return redact(text, RedactionRules(regions=regions) if regions else RULES)[0]


FOUND = {
    "mail ann.lee+x@mail.example now": "mail [EMAIL] now",
    "ann [at] mail [dot] example": "[EMAIL]",
    "我的邮箱是li@mail.example，谢谢": "我的邮箱是[EMAIL]，谢谢",
    "call +44 20 7946 0018.": "call [PHONE].",
    "call (212) 555-0123 or +1 212-555-0123 ext. 45 now": "call [PHONE] or [PHONE] now",
    "my phone is 2125550123": "my phone is [PHONE]",
    "card 4111 1111 1111 1111, ok": "card [CARD], ok",
    "４１１１１１１１１１１１１１１１": "[CARD]",
    "pay DE89 3704 0044 0532 0130 00 today": "pay [IBAN] today",
    "ssn 773-22-8726": "ssn [SSN]",
    "from 203.0.113.9 and 2001:db8::7:1": "from [IP] and [IP]",
    "my password is Tr0ub4dor&3, really": "my password is [SECRET], really",
    "postgres://app:s3cr3tpw@db.example/x": "postgres://app:[SECRET]@db.example/x",
    "api key: abcd1234efgh5678": "api key: [SECRET]",
    "Mein Passwort ist Sommer#26x": "Mein Passwort ist [SECRET]",
}


@pytest.mark.parametrize(("text", "expected"), FOUND.items())
def test_personal_data_and_secrets_become_placeholders(text, expected):
    assert clean(text) == expected


HARMLESS = [
    "Order number 4111111111111111 is late.",
    "Is 4111 1111 1111 1112 valid?",
    "My order no. 2125550123 is late",
    "git clone git@code.example:team/repo.git",
    "icon@2x.png and left-pad@1.3.0",
    "version 10.2.0.14 at 127.0.0.1 or 192.168.0.7",
    "a::b and std::dec, 12:30:45, 00:1A:2B:3C:4D:5E",
    "max_tokens: 4096, tokens: 12345",
    "The password is required. The token is base64-encoded.",
    "password = os.environ['DB_PASSWORD']",
    "API_KEY=<your key>, SECRET=${SECRET}, token: [SECRET]",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "What does BEGIN PRIVATE KEY mean?",
    "counts: 7 4111 1 1 11 1111 1111 7",
    "SSN format 000-00-0000, part 773-22-8726-B",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_lookalikes_stay_as_they_are(text):
    assert clean(text) == text


def test_national_phone_formats_count_only_in_the_regions_asked_for():
    text = "ruf 030 901820 an"
    assert clean(text) == text
    assert clean(text, "DE") == "ruf [PHONE] an"


def test_secrets_longer_than_a_window_are_removed_to_their_end(token):
    import base64

    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    jwt = f"{head}.{token(3000)}.{token(43)}"
    assert clean(f"a {jwt} b") == "a [SECRET] b"


def test_a_key_that_is_longer_than_its_format_is_removed_whole(token):
    longer = token(30, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")
    assert clean(f"use AKIA{longer}, please") == "use [SECRET], please"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_private_keys_are_removed_from_head_to_tail(token, line_end):
    kind = "PRIVATE" + " KEY"
    body = line_end.join(token(64) for _ in range(30))
    pem = f"-----BEGIN RSA {kind}-----{line_end}{body}{line_end}abc=={line_end}-----END RSA {kind}-----"
    assert clean(f"here:\n{pem}\nTHE END, really") == "here:\n[SECRET]\nTHE END, really"


def test_a_number_across_a_window_edge_is_found():
    for lead in range(330, 400):
        text = "7 " * (lead // 2) + "4111 1111 1111 1111"
        assert "1111" not in clean(text), lead


@pytest.mark.slow
@given(texts)
def test_output_is_the_text_with_each_finding_replaced_by_its_label(text):
    out, findings = redact(text, RULES)
    rebuilt, position = [], 0
    for finding in findings:
        assert position <= finding.start < finding.end <= len(text)
        rebuilt += (text[position : finding.start], finding.label)
        position = finding.end
    assert out == "".join(rebuilt) + text[position:]


@pytest.mark.slow
@given(texts)
def test_redaction_never_more_than_doubles_a_text(text):
    assert len(redact(text, RULES)[0]) <= 2 * len(text)


@given(texts)
def test_findings_never_cut_a_grapheme(text):
    for finding in redact(text, RULES)[1]:
        following = text[finding.end : finding.end + 1]
        assert not following or unicodedata.category(following) not in ("Mn", "Me")


@pytest.mark.slow
@given(texts)
def test_placeholders_are_never_redacted_again(text):
    once, _ = redact(text, RULES)
    _, findings = redact(once, RULES)
    assert not any(once[f.start : f.end] in set(PLACEHOLDERS.values()) for f in findings)
