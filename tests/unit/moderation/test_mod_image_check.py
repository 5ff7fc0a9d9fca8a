"""The image check as a whole: categories, hosts in QR codes, and what is said when something cannot look."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reference.moderation.images.check import Images
from reference.moderation.images.classifier import SHIPPED, ImageClassifier
from reference.moderation.images.decoding import ImageLimits
from reference.moderation.images.hashes import KnownImages
from reference.moderation.images.qr import payload_host, read_qr
from reference.moderation.images.synthetic import BLOCKED_HOSTS, LABELS, make
from reference.moderation.links.lists import entry_over
from reference.moderation.types import UNAVAILABLE, UNREADABLE, Finding, Media, ModerationError, Tier


def png(image: Any) -> Media:
    target = io.BytesIO()
    Image.fromarray(image).save(target, "PNG")
    return Media("made.png", target.getvalue())


@pytest.fixture(scope="module")
def classifier() -> ImageClassifier:
    return ImageClassifier(SHIPPED)


@pytest.fixture(scope="module")
def images(classifier: ImageClassifier) -> Images:
    return Images(classifier, blocked_hosts=BLOCKED_HOSTS)


def pictures(seed: int, count: int, *labels: str, payload: str = "") -> list[Any]:
    rng = np.random.default_rng(seed)
    return [make(rng, "test", frozenset(labels), payload).image for _ in range(count)]


def of(findings: tuple[Finding, ...], category: str) -> float:
    return max((one.score for one in findings if one.category == category), default=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("label", ["forbidden_symbol", "banned_logo"])
def test_the_shipped_model_ranks_pictures_with_the_mark_above_those_without(
    label: str, classifier: ImageClassifier
) -> None:
    place = LABELS.index(label)
    with_mark = classifier.probabilities(pictures(1, 40, label))[:, place]
    without = classifier.probabilities(pictures(2, 40))[:, place]
    assert (with_mark[:, None] > without[None]).mean() > 0.85


def test_the_sidecar_carries_held_out_figures_with_bounds() -> None:
    made = json.loads(SHIPPED.read_text())
    for label in LABELS:
        for side in ("false_positive_at_half", "false_negative_at_half"):
            row = made["held_out"][label][side]
            assert row["low"] <= row["rate"] <= row["high"]
            assert row["of"] > 500


def test_a_qr_code_to_a_blocked_host_is_spam_and_one_to_a_menu_is_not(images: Images) -> None:
    spam = pictures(3, 12, "qr_code", payload="https://www.free-coins.example/win")
    menu = pictures(3, 12, "qr_code", payload="https://menu.cafe.example/today")
    assert sum(of(found, "qr_spam") for found in images.check_frames(spam)) >= 10
    assert all(of(found, "qr_spam") == 0 for found in images.check_frames(menu))
    one = next(f for found in images.check_frames(spam) for f in found if f.category == "qr_spam")
    assert one.rule == "free-coins.example"
    assert "www.free-coins.example" in one.detail


def test_a_spam_code_that_is_missed_goes_to_a_person_when_the_model_sees_it(images: Images) -> None:
    blurred = [np.asarray(Image.fromarray(p).resize((70, 70)).resize((300, 300))) for p in pictures(4, 10, "qr_code")]
    unread = [image for image in blurred if not read_qr(image)]
    assert unread
    for found, score in zip(images.check_frames(unread), images.classifier.probabilities(unread)[:, 2], strict=True):  # type: ignore[union-attr]
        assert (of(found, UNREADABLE) == 1.0) == (score >= images.settings.unread_qr)


@pytest.mark.parametrize(
    ("payload", "host"),
    [
        ("https://Free-Coins.example./a?b", "free-coins.example"),
        ("free-coins.example/x", "free-coins.example"),
        ("http://user:pw@free-coins.example:8080", "free-coins.example"),
        ("WIFI:S:cafe;P:secret;;", ""),
        ("https://[", ""),
        ("mailto:a@menu.cafe.example", ""),
        ("hello", ""),
        ("https://bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_host_of_a_payload(payload: str, host: str) -> None:
    assert payload_host(payload) == host


def test_a_blocked_host_covers_what_lies_under_it_and_no_more() -> None:
    hosts = {"free-coins.example"}
    assert entry_over("a.b.free-coins.example", hosts) == "free-coins.example"
    assert entry_over("not-free-coins.example", hosts) == ""
    assert entry_over("example", hosts) == ""


def test_a_known_picture_is_named_by_its_rule_and_not_classified(classifier: ImageClassifier) -> None:
    (image,) = pictures(5, 1, "forbidden_symbol")
    known = KnownImages()
    known.add("case-7", image, "reported before")
    (found,) = Images(classifier, known).check([png(image)])
    assert [(one.category, one.rule, one.tier) for one in found] == [("known_image", "case-7", Tier.RULES)]


def test_broken_images_are_unreadable_in_their_place(images: Images) -> None:
    (good,) = pictures(6, 1)
    results = images.check([Media("a", b""), png(good), Media("c", png(good).data[:50])])
    assert [of(found, UNREADABLE) for found in results] == [1.0, 0.0, 1.0]
    assert images.check([]) == []


def test_an_animation_with_frames_that_nobody_saw_goes_to_a_person(classifier: ImageClassifier) -> None:
    frames = [Image.fromarray(image).resize((64, 64)) for image in pictures(7, 6)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    (found,) = Images(classifier, limits=ImageLimits(frames=3)).check([Media("a.gif", target.getvalue())])
    assert "3 of 6 frames" in next(one.detail for one in found if one.category == UNREADABLE)


def test_without_a_model_or_with_one_that_fails_the_check_says_unavailable(
    classifier: ImageClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = pictures(8, 1)
    (found,) = Images(None).check([png(image)])
    assert of(found, UNAVAILABLE) == 1.0

    def fails(frames: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(classifier, "probabilities", fails)
    (found,) = Images(classifier).check([png(image)])
    assert "RuntimeError" in next(one.detail for one in found if one.category == UNAVAILABLE)


def test_the_model_is_never_as_certain_as_a_known_image(
    monkeypatch: pytest.MonkeyPatch, classifier: ImageClassifier
) -> None:
    monkeypatch.setattr(classifier, "probabilities", lambda frames: np.ones((len(frames), 3), np.float32))
    (found,) = Images(classifier).check([png(pictures(1, 1)[0])])
    scores = [one.score for one in found if one.detector == "image_model"]
    assert len(scores) == 2
    assert all(0.999 < score < 1 for score in scores)


def test_the_version_changes_with_whatever_changes_an_outcome(classifier: ImageClassifier) -> None:
    known = KnownImages()
    known.add_hashes("a", ["0" * 64], "made")
    variants = [
        Images(classifier),
        Images(None),
        Images(classifier, known),
        Images(classifier, blocked_hosts=["free-coins.example"]),
        Images(classifier, limits=ImageLimits(frames=3)),
    ]
    assert len({one.version for one in variants}) == len(variants)


def own_model(folder: Path, **changes: Any) -> Path:
    sidecar = json.loads(SHIPPED.read_text())
    data = (SHIPPED.parent / sidecar["model"]).read_bytes()
    (folder / "own.onnx").write_bytes(data)
    sidecar |= {"model": "own.onnx", "sha256": hashlib.sha256(data).hexdigest()} | changes
    (folder / "own.json").write_text(json.dumps(sidecar))
    return folder / "own.json"


def test_a_model_of_the_users_own_is_taken_by_either_of_its_files(tmp_path: Path, classifier: ImageClassifier) -> None:
    labels = [{"name": name, "category": "known_image"} for name in ("a", "b", "c")]
    path = own_model(tmp_path, labels=labels)
    for named in (path, path.with_suffix(".onnx")):
        assert ImageClassifier.load({"WORKBOOK_IMAGE_MODEL": str(named)}).labels == ("a", "b", "c")
    assert ImageClassifier.load({}).version == classifier.version


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": "0" * 64}, "has sha256"),
        ({"labels": []}, "out of range"),
        ({"labels": [{"name": "a", "category": "b"}]}, "names 1 labels"),
        ({"labels": [{"name": "a"}]}, "not as it must be"),
        ({"output": "guesses"}, "not as it must be"),
        ({"input": {"width": 64, "height": 64, "mean": [0, 0, 0], "std": [1, 1, 1]}}, "one float input"),
        ({"input": {"width": 128, "height": 128, "mean": [0, 0, 0], "std": [1, 1, 0]}}, "out of range"),
        ({"model": "../own.onnx"}, "not as it must be"),
        ({"model": "none.onnx"}, "cannot read"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModerationError, match=reason):
        ImageClassifier(own_model(tmp_path, **changes))


def test_a_model_that_is_missing_or_no_onnx_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModerationError, match="is not there"):
        ImageClassifier.load({"WORKBOOK_IMAGE_MODEL": str(tmp_path / "none.onnx")})
    path = own_model(tmp_path, sha256=hashlib.sha256(b"zorgle").hexdigest())
    (tmp_path / "own.onnx").write_bytes(b"zorgle")
    with pytest.raises(ModerationError, match="onnxruntime cannot load"):
        ImageClassifier(path)
