"""Images of a post: decoded, looked up among known pictures, classified, their QR codes read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from reference.moderation.links.lists import entry_over
from reference.moderation.types import MOST_OF_A_MODEL, UNAVAILABLE, UNREADABLE, Finding, Media, Tier

from .classifier import ImageClassifier
from .decoding import ImageLimits, UnreadableError, decode
from .hashes import KnownImages
from .qr import payload_host, read_qr

QR_LABEL = "qr_code"


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Attributes:
    report: the least calibrated probability that becomes a finding; the policy's thresholds lie above it.
    read_qr: the least probability of a QR code at which the reader runs; it costs more than all else together.
    unread_qr: a probability of a QR code from which one that cannot be read goes to a person.
    """

    report: float = 0.02
    read_qr: float = 0.02
    unread_qr: float = 0.9


class Images:
    """ImageCheck. `classifier` None: its part of every check says UNAVAILABLE, so that a person looks.

    `blocked_hosts`: registered names; hosts under them count. Known pictures are not classified any more.
    """

    def __init__(
        self,
        classifier: ImageClassifier | None,
        known: KnownImages | None = None,
        blocked_hosts: Collection[str] = frozenset(),
        limits: ImageLimits | None = None,
        settings: ImageSettings | None = None,
    ) -> None:
        self.classifier = classifier
        self.known = known if known is not None else KnownImages()
        self.blocked_hosts = frozenset(host.lower().rstrip(".") for host in blocked_hosts)
        self.limits = limits or ImageLimits()
        self.settings = settings or ImageSettings()

    @property
    def version(self) -> str:
        model = self.classifier.version if self.classifier else "none"
        parts = (model, self.known.version, sorted(self.blocked_hosts), self.settings, self.limits)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def check(self, images: Sequence[Media]) -> list[tuple[Finding, ...]]:
        """Never raises for an image: what cannot be decoded is UNREADABLE, what did not run UNAVAILABLE."""
        results: list[list[Finding]] = [[] for _ in images]
        frames: list[Any] = []
        owners: list[int] = []
        for place, media in enumerate(images):
            try:
                decoded = decode(media.data, self.limits)
            except UnreadableError as reason:
                results[place].append(_finding(UNREADABLE, 1.0, Tier.RULES, "image", f"Image not readable: {reason}."))
                continue
            if decoded.unseen:
                detail = f"{decoded.unseen} of {decoded.header.frames} frames of the animation were not looked at."
                results[place].append(_finding(UNREADABLE, 1.0, Tier.RULES, "image", detail))
            frames.extend(decoded.frames)
            owners.extend([place] * len(decoded.frames))
        for place, found in zip(owners, self.check_frames(frames), strict=True):
            results[place].extend(found)
        return [strongest(found) for found in results]

    def check_frames(self, frames: Sequence[Any]) -> list[tuple[Finding, ...]]:
        """Per RGB uint8 frame [h, w, 3] what is in it."""
        results: list[list[Finding]] = [[] for _ in frames]
        open_places = []
        for place, frame in enumerate(frames):
            match = self.known.find(frame) if len(self.known) else None
            if match:
                detail = f"Matches known image {match.id} ({match.reason}), {match.distance} of 256 bits apart."
                results[place].append(_finding("known_image", 1.0, Tier.RULES, "image_hash", detail, match.id))
            else:
                open_places.append(place)
        looked = [frames[place] for place in open_places]
        for place, found in zip(open_places, self._modelled(looked), strict=True):
            results[place].extend(found)
        return [tuple(found) for found in results]

    def _modelled(self, frames: Sequence[Any]) -> list[list[Finding]]:
        if not frames:
            return []
        problem, probabilities = "no image model is loaded", None
        if self.classifier is not None:
            try:
                probabilities = self.classifier.probabilities(frames)
            except Exception as error:  # onnxruntime's errors have no common type; a post must not be lost by them
                problem = f"the image model failed ({type(error).__name__})"
        results: list[list[Finding]] = []
        for place, frame in enumerate(frames):
            found: list[Finding] = []
            likely = 1.0
            if probabilities is None or self.classifier is None:
                found.append(_finding(UNAVAILABLE, 1.0, Tier.MODELS, "image_model", f"Not classified: {problem}."))
            else:
                for label, score in zip(self.classifier.spec.labels, probabilities[place].tolist(), strict=True):
                    if label.category and score >= self.settings.report:
                        detail = f"The image model sees {label.name.replace('_', ' ')} (probability {score:.2f})."
                        score = min(score, MOST_OF_A_MODEL)
                        found.append(_finding(label.category, score, Tier.MODELS, "image_model", detail))
                if QR_LABEL in self.classifier.labels:
                    likely = float(probabilities[place][self.classifier.labels.index(QR_LABEL)])
            if likely >= self.settings.read_qr:
                seen = probabilities is not None and self.classifier is not None and QR_LABEL in self.classifier.labels
                sure = seen and likely >= self.settings.unread_qr
                found.extend(self._codes(frame, sure))
            results.append(found)
        return results

    def _codes(self, frame: Any, sure: bool) -> list[Finding]:
        payloads = read_qr(frame)
        if not payloads and sure:
            detail = "There seems to be a QR code that cannot be read."
            return [_finding(UNREADABLE, 1.0, Tier.MODELS, "qr_code", detail)]
        found = []
        for payload in payloads:
            host = payload_host(payload)
            if rule := entry_over(host, self.blocked_hosts):
                detail = f"A QR code leads to {host}, which is on the list of blocked hosts."
                found.append(_finding("qr_spam", 1.0, Tier.MODELS, "qr_code", detail, rule))
        return found


def _finding(category: str, score: float, tier: Tier, detector: str, detail: str, rule: str = "") -> Finding:
    return Finding(category, min(max(score, 0.0), 1.0), tier, detector, detail, rule)


def strongest(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """One finding per category, detector and rule, the one with the highest score (frames repeat each other)."""
    best: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        key = (one.category, one.detector, one.rule)
        if key not in best or one.score > best[key].score:
            best[key] = one
    return tuple(best.values())


__all__ = ["ImageSettings", "Images", "strongest"]
