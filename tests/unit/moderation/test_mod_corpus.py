from __future__ import annotations

import gzip
import itertools
import json
import re
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from reference.moderation.corpus import (
    benign_lookalikes,
    evasion_suite,
    made_corpus,
    replay_lines,
    replay_posts,
    splits,
)
from reference.moderation.corpus import datasets as sets
from reference.moderation.corpus.labelled import SPLITS, templates
from reference.moderation.corpus.languages import LANGUAGES
from reference.moderation.corpus.transforms import HARD_TRANSFORMS, TRANSFORMS, disguise, has_token
from reference.moderation.types import ModerationError


@pytest.mark.slow
def test_no_template_and_no_text_is_in_two_splits() -> None:
    made = splits()
    parts = [made.train, made.calibration, made.held_out]
    for one, other in itertools.combinations(parts, 2):
        assert not {row.template for row in one} & {row.template for row in other}
        assert not {row.post.text for row in one} & {row.post.text for row in other}


def test_held_out_rows_suffice_for_the_claims() -> None:
    held_out = splits().held_out
    assert sum(not row.violating for row in held_out) >= 8000
    assert sum(row.violating for row in held_out) >= 1500


def test_every_functionality_of_english_is_in_every_split() -> None:
    by_split = {name: {one.functionality for one in templates() if one.split == name} for name in SPLITS}
    english = {one.functionality for one in templates() if not one.functionality.startswith("foreign")}
    assert all(english <= names for names in by_split.values())


def test_the_same_seed_makes_the_same_posts_and_another_seed_others() -> None:
    assert made_corpus(300, 5) == made_corpus(300, 5)
    assert {row.post.text for row in made_corpus(300, 5)} != {row.post.text for row in made_corpus(300, 6)}


def test_prevalence_is_exact_and_texts_are_different() -> None:
    rows = made_corpus(2000, 3, 0.05)
    assert sum(row.violating for row in rows) == 100
    assert len({row.post.text for row in rows}) == len({row.post.id for row in rows}) == 2000


def test_implicit_posts_hold_no_token_and_some_allowed_posts_hold_one() -> None:
    rows = made_corpus(6000, 1, 0.4)
    assert not any(has_token(row.post.text) for row in rows if row.functionality.endswith("implicit"))
    allowed = [row for row in rows if row.functionality in ("quotation", "reclaimed", "token_counter_speech")]
    assert allowed
    assert all(has_token(row.post.text) and not row.violating for row in allowed)


def test_addresses_are_on_reserved_hosts_only() -> None:
    found = [url for row in made_corpus(5000, 2, 0.5) for url in re.findall(r"https?://\S+", row.post.text)]
    assert found
    assert all((urlsplit(url).hostname or "").endswith(".example") for url in found)


def test_at_least_fifty_languages_have_all_their_posts() -> None:
    assert len(LANGUAGES) >= 50
    assert all(
        len(texts) == 5 and all(texts) and "{w}" in texts[3] and "{w}" in texts[4] for texts in LANGUAGES.values()
    )


@pytest.mark.parametrize("name", [*TRANSFORMS, *HARD_TRANSFORMS])
def test_a_disguise_changes_the_token_and_nothing_else(name: str) -> None:
    for seed in range(20):
        text = disguise("so, my zorgle says hi", name, Random(seed))
        assert text.startswith("so, my ")
        assert text.endswith(" says hi")
        assert not re.search(r"\bzorgle\b", text)


def test_the_suites_are_what_they_say() -> None:
    suite = evasion_suite(5)
    assert {row.transform for row in suite} == set(TRANSFORMS)
    assert all(row.violating for row in suite)
    benign = benign_lookalikes(1000)
    assert len({row.post.text for row in benign}) == 1000
    assert not any(row.violating or has_token(row.post.text) for row in benign)


@pytest.mark.slow
def test_replay_is_about_as_long_as_real_posts_and_both_forms_agree() -> None:
    posts = list(replay_posts(3000, 4))
    assert 75 <= sum(len(post.text) for post in posts) / 3000 <= 95
    assert len({post.text for post in posts}) == 3000
    lines = [json.loads(line) for line in replay_lines(3000, 4)]
    assert [(line["id"], line["text"], line["language"]) for line in lines] == [
        (post.id, post.text, post.language) for post in posts
    ]


def test_bad_requests_name_the_argument() -> None:
    with pytest.raises(ModerationError, match="n=0"):
        made_corpus(0)
    with pytest.raises(ModerationError, match="prevalence=2"):
        made_corpus(10, prevalence=2)


def test_readers_name_what_a_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "labeled_data.csv"
    with pytest.raises(ModerationError, match=r"labeled_data\.csv"):
        sets.davidson(path)
    path.write_text("id,tweet\n1,hello\n")
    with pytest.raises(ModerationError, match="no column class"):
        sets.davidson(path)
    path.write_text("class,tweet\n7,hello\n")
    with pytest.raises(ModerationError, match="row 2: label '7'"):
        sets.davidson(path)
    path.write_bytes(b"class,tweet\n1,\xff\xfe\n")
    with pytest.raises(ModerationError, match="UTF-8"):
        sets.davidson(path)
    path.write_text("class,tweet\n1,a zorgle\n2,tea\n")
    assert [row.violating for row in sets.davidson(path)] == [True, False]


def test_hatecheck_keeps_templates_and_functionalities_and_languages(tmp_path: Path) -> None:
    (tmp_path / "cases_german.csv").write_text(
        "functionality,test_case,label_gold,templ_id\n"
        "slur_h,alle zorgle raus,hateful,17\nident_nh,hallo,non-hateful,18\n"
    )
    rows = sets.multilingual_hatecheck(tmp_path)
    assert [(row.functionality, row.template, row.language, row.violating) for row in rows] == [
        ("slur_h", "de-hc-17", "de", True),
        ("ident_nh", "de-hc-18", "de", False),
    ]
    (tmp_path / "cases_klingon.csv").write_text("functionality,test_case,label_gold\n")
    with pytest.raises(ModerationError, match="klingon"):
        sets.multilingual_hatecheck(tmp_path)


def test_surge_labels(tmp_path: Path) -> None:
    path = tmp_path / "toxicity_en.csv"
    path.write_text("text,is_toxic\nzorgle,Toxic\ntea,Not Toxic\n")
    assert [row.violating for row in sets.surge(path)] == [True, False]


@pytest.mark.parametrize("packed", [False, True])
def test_rows_marked_s3_never_leave_the_reader(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("samples.jsonl.gz" if packed else "samples.jsonl")
    lines = [{"prompt": "tea", "H": 0}, {"prompt": "not to be read", "S3": 1}, {"prompt": "zorgle", "H": 1}]
    data = "\n".join(map(json.dumps, lines)).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    rows = sets.openai_1680(path)
    assert [(row.post.text, row.violating) for row in rows] == [("tea", False), ("zorgle", True)]
    path.write_bytes(b"{not json")
    with pytest.raises(ModerationError, match="samples"):
        sets.openai_1680(path)
