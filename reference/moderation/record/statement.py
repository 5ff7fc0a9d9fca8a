"""Statements of reasons with the fields of the EU's DSA transparency database (Articles 17 and 24(5) of the DSA).

Field and value names follow the database's public API as of 2025; check them against its current documentation before
a submission. A statement says what was done and why. It holds nothing of the post's own words.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reference.moderation.policy.model import DSA_CATEGORIES, MEDIA_CATEGORIES, Policy
from reference.moderation.types import Action, Decision, ModerationError, Post, Tier

# The European Economic Area; the database knows no other territories.
_EEA = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
EEA = tuple(_EEA.split())

Category = StrEnum("Category", [(name, name) for name in DSA_CATEGORIES])  # type: ignore[misc]
Territory = StrEnum("Territory", [(name, name) for name in EEA])  # type: ignore[misc]


class Visibility(StrEnum):
    REMOVED = "DECISION_VISIBILITY_CONTENT_REMOVED"
    DISABLED = "DECISION_VISIBILITY_CONTENT_DISABLED"
    DEMOTED = "DECISION_VISIBILITY_CONTENT_DEMOTED"
    AGE_RESTRICTED = "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED"
    INTERACTION_RESTRICTED = "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED"
    LABELLED = "DECISION_VISIBILITY_CONTENT_LABELLED"


class Monetary(StrEnum):
    SUSPENSION = "DECISION_MONETARY_SUSPENSION"
    TERMINATION = "DECISION_MONETARY_TERMINATION"


class Provision(StrEnum):
    PARTIAL_SUSPENSION = "DECISION_PROVISION_PARTIAL_SUSPENSION"
    TOTAL_SUSPENSION = "DECISION_PROVISION_TOTAL_SUSPENSION"
    PARTIAL_TERMINATION = "DECISION_PROVISION_PARTIAL_TERMINATION"
    TOTAL_TERMINATION = "DECISION_PROVISION_TOTAL_TERMINATION"


class Account(StrEnum):
    SUSPENDED = "DECISION_ACCOUNT_SUSPENDED"
    TERMINATED = "DECISION_ACCOUNT_TERMINATED"


class Ground(StrEnum):
    ILLEGAL = "DECISION_GROUND_ILLEGAL_CONTENT"
    INCOMPATIBLE = "DECISION_GROUND_INCOMPATIBLE_CONTENT"


class Content(StrEnum):
    TEXT = "CONTENT_TYPE_TEXT"
    IMAGE = "CONTENT_TYPE_IMAGE"
    VIDEO = "CONTENT_TYPE_VIDEO"
    AUDIO = "CONTENT_TYPE_AUDIO"
    APP = "CONTENT_TYPE_APP"
    PRODUCT = "CONTENT_TYPE_PRODUCT"
    SYNTHETIC = "CONTENT_TYPE_SYNTHETIC_MEDIA"


class Source(StrEnum):
    NOTICE = "SOURCE_ARTICLE_16"
    TRUSTED_FLAGGER = "SOURCE_TRUSTED_FLAGGER"
    OTHER_NOTICE = "SOURCE_TYPE_OTHER_NOTIFICATION"
    VOLUNTARY = "SOURCE_VOLUNTARY"


class YesNo(StrEnum):
    YES = "Yes"
    NO = "No"


class Automation(StrEnum):
    FULLY = "AUTOMATED_DECISION_FULLY"
    PARTIALLY = "AUTOMATED_DECISION_PARTIALLY"
    NONE = "AUTOMATED_DECISION_NOT_AUTOMATED"


_ILLEGAL = ("illegal_content_legal_ground", "illegal_content_explanation")
_INCOMPATIBLE = ("incompatible_content_ground", "incompatible_content_explanation")
_MEASURES = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")


def _conditions(schema: dict[str, Any]) -> None:
    """The rules between fields, so that the JSON Schema file holds what the model holds."""

    def needs(ground: Ground, fields: tuple[str, ...]) -> dict[str, Any]:
        there = {field: {"type": "string"} for field in fields}
        when = {"properties": {"decision_ground": {"const": ground.value}}}
        return {"if": when, "then": {"required": list(fields), "properties": there}}

    set_ = [{"required": [f], "properties": {f: {"type": "string"}}} for f in _MEASURES[1:]]
    visible = {"required": ["decision_visibility"], "properties": {"decision_visibility": {"minItems": 1}}}
    schema["anyOf"] = [visible, *set_]
    schema["allOf"] = [needs(Ground.ILLEGAL, _ILLEGAL), needs(Ground.INCOMPATIBLE, _INCOMPATIBLE)]


Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class StatementOfReasons(BaseModel):
    """One statement. Unknown fields are refused; what depends on the ground of the decision is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_conditions)

    puid: str = Field(pattern=r"^[A-Za-z0-9_-]{1,500}$")
    decision_visibility: list[Visibility] = []
    decision_monetary: Monetary | None = None
    decision_provision: Provision | None = None
    decision_account: Account | None = None
    decision_ground: Ground
    illegal_content_legal_ground: Reason | None = None
    illegal_content_explanation: Reason | None = None
    incompatible_content_ground: Reason | None = None
    incompatible_content_explanation: Reason | None = None
    incompatible_content_illegal: YesNo | None = None
    category: Category
    category_addition: list[Category] = []
    content_type: list[Content] = Field(min_length=1)
    content_language: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    content_date: date
    application_date: date
    end_date_visibility_restriction: date | None = None
    territorial_scope: list[Territory] = Field(min_length=1)
    decision_facts: str = Field(min_length=1, max_length=5000)
    source_type: Source
    automated_detection: YesNo
    automated_decision: Automation

    @model_validator(mode="after")
    def _consistent(self) -> StatementOfReasons:
        if not any(getattr(self, name) for name in _MEASURES):
            raise ValueError(f"a statement is about a measure: set one of {', '.join(_MEASURES)}")
        for name in _ILLEGAL if self.decision_ground is Ground.ILLEGAL else _INCOMPATIBLE:
            if not getattr(self, name):
                raise ValueError(f"{name} is needed with {self.decision_ground.value}")
        end = self.end_date_visibility_restriction
        if end is not None and end < self.application_date:
            raise ValueError("end_date_visibility_restriction is before application_date")
        return self

    def to_json(self) -> dict[str, Any]:
        """As submitted: fields without a value are left out."""
        return self.model_dump(mode="json", exclude_none=True)


def schema() -> dict[str, Any]:
    """JSON Schema of a statement; the file `statement.schema.json` beside this module holds the same."""
    return StatementOfReasons.model_json_schema()


def puid_of(post_id: str, tier: Tier, round: int = 0) -> str:
    """The statement's id: the same decision always has the same one, and nobody reads the post's id from it."""
    key = json.dumps([post_id, int(tier), round])
    return "sor-" + hashlib.sha256(key.encode()).hexdigest()[:40]


def statement_of(
    post: Post, decision: Decision, policy: Policy, *, round: int = 0, source: Source = Source.VOLUNTARY
) -> StatementOfReasons:
    """The statement for one rejection.

    The territory is the audience's country where that is in the EEA, otherwise the whole EEA: the removal applies to
    everybody. A decision by a person about what a machine found is partially automated.

    Raises:
        ModerationError: the decision is no rejection, or its category is not in `policy`.
    """
    if decision.action is not Action.REJECT:
        raise ModerationError(
            f"post {decision.post_id} was not rejected ({decision.action}); only removals have a statement"
        )
    category = policy.categories.get(decision.category)
    if category is None:
        raise ModerationError(
            f"policy {policy.version} has no category {decision.category!r}, for which post {decision.post_id} was "
            "rejected; give the policy version that decided"
        )
    legal = category.ground == "legal"
    machine = [finding for finding in decision.findings if finding.detector != "person"]
    by_person = decision.tier is Tier.PERSON
    if by_person:
        automation = Automation.PARTIALLY if machine else Automation.NONE
    else:
        automation = Automation.FULLY
    when = decision.decided_at.astimezone(UTC).date()
    language = decision.language.upper()
    country = decision.country.upper()
    return StatementOfReasons(
        puid=puid_of(decision.post_id, decision.tier, round),
        decision_visibility=[Visibility.REMOVED],
        decision_ground=Ground.ILLEGAL if legal else Ground.INCOMPATIBLE,
        illegal_content_legal_ground=category.ground_reference if legal else None,
        illegal_content_explanation=category.explanation if legal else None,
        incompatible_content_ground=None if legal else category.ground_reference,
        incompatible_content_explanation=None if legal else category.explanation,
        category=Category(category.dsa_category),
        content_type=_contents(post, decision),
        content_language=language if len(language) == 2 and language.isascii() and language.isalpha() else None,
        content_date=min((post.posted_at or decision.decided_at).astimezone(UTC).date(), when),
        application_date=when,
        territorial_scope=[Territory(country)] if country in EEA else [Territory(code) for code in EEA],
        decision_facts=_facts(decision, category.name),
        source_type=source,
        automated_detection=YesNo.YES if machine else YesNo.NO,
        automated_decision=automation,
    )


def _contents(post: Post, decision: Decision) -> list[Content]:
    """The parts that a finding of the deciding category is about; all parts of the post if no finding tells."""
    there = []
    if post.text or post.links:
        there.append(Content.TEXT)
    if post.images:
        there.append(Content.IMAGE)
    if post.video is not None:
        there.append(Content.VIDEO)
    if decision.category in MEDIA_CATEGORIES:
        there = [content for content in there if content is not Content.TEXT] or there
    elif any(f.category == decision.category for f in decision.findings) and Content.TEXT in there:
        there = [Content.TEXT]
    return there or [Content.TEXT]


def _facts(decision: Decision, category: str) -> str:
    ways = sorted({finding.detector.replace("_", " ") for finding in decision.findings if finding.category == category})
    who = {
        Tier.RULES: "Rules that every post is held against",
        Tier.MODELS: "Calibrated classifiers",
        Tier.JUDGE: "A language model within the band that the classifiers left open",
        Tier.PERSON: "A reviewer",
    }[decision.tier]
    found = f" It was found by: {', '.join(ways)}." if ways else ""
    version = decision.versions.get("policy", "-")
    return f"{who} assigned the post to the category {category}.{found} Policy version {version}."


def write_statements(path: str | Path, statements: Iterable[StatementOfReasons | dict[str, Any]]) -> int:
    """Writes one JSON object per line, the whole file or nothing; returns how many. Every line is checked again.

    Raises:
        ModerationError: the file cannot be written.
    """
    target = Path(path)
    count = 0
    try:
        with tempfile.NamedTemporaryFile("w", dir=target.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            for statement in statements:
                if isinstance(statement, dict):
                    statement = StatementOfReasons.model_validate(statement)
                file.write(json.dumps(statement.to_json()) + "\n")
                count += 1
        os.replace(file.name, target)
    except OSError as error:
        raise ModerationError(
            f"{target} cannot be written: {error.strerror or error}; name a file in a folder of yours"
        ) from error
    return count
