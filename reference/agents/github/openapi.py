"""The part of GitHub's OpenAPI description that the fake and the tests check payloads against."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

PART = Path(__file__).with_name("openapi_part.json")


@functools.cache
def part() -> dict[str, Any]:
    """source, version, licence, sha256 of the package, and operations by id with their `request` schema."""
    return dict(json.loads(PART.read_text(encoding="utf-8")))


def faults(operation: str, body: object) -> list[str]:
    """What of `body` does not fit the request schema of "pulls/create-review" or "checks/create"; empty if all fits."""
    from jsonschema import Draft202012Validator

    found = Draft202012Validator(part()["operations"][operation]["request"]).iter_errors(body)
    return [f"{'/'.join(map(str, one.absolute_path)) or '(body)'}: {one.message[:200]}" for one in found]
