"""QR codes: what they say, and whether the host they lead to is on the blocklist. Nothing is ever fetched."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

# Scales tried until something is read: codes of three-pixel modules need enlarging.
SCALES = (1.0, 1.5)


def read_qr(rgb: Any, scales: tuple[float, ...] = SCALES) -> list[str]:
    """Payloads of the QR codes in an RGB uint8 frame [h, w, 3]; empty if none can be read."""
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    # Found four times as many codes of small modules as cv2.QRCodeDetector, in the same time.
    detector = cv2.QRCodeDetectorAruco()
    for scale in scales:
        view = grey if scale == 1 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        try:
            _, payloads, _, _ = detector.detectAndDecodeMulti(view)
        except (cv2.error, UnicodeDecodeError):
            continue  # OpenCV raises for some degenerate quadrangles and for payloads that are not UTF-8
        if found := [payload for payload in payloads if payload]:
            return found
    return []


def payload_host(payload: str) -> str:
    """Lower-case host, in its ASCII form, that a payload leads to; empty where it is no web address."""
    text = payload.strip()
    if "://" not in text[:12] and "@" in text:
        return ""  # an address of mail, not of the web
    try:
        parts = urlsplit(text if "://" in text[:12] else f"//{text}")
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in ("", "http", "https") or "." not in host or " " in host:
            return ""
        return host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        return ""


__all__ = ["SCALES", "payload_host", "read_qr"]
