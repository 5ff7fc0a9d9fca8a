"""Made posts for trying the review page: invented words, `.example` hosts, drawn pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

from reference.moderation.types import Action, Decision, Finding, Media, Post, Tier

from .types import CategoryText

_TEXTS = (
    ("en", 120_000, "All zorgles should leave this town, and somebody should make them."),
    ("en", 40, "My grandmother calls me a zorgle, and I call her one. We have said it for years."),
    ("en", 900, "Cheap watches, same factory!! Order at http://watch.example/deal\u202e3pm\u202c today"),
    ("en", 15, "He wrote \"all zorgles must go\" under my picture. How do I report that?"),
    ("en", 7, "z\u200bo\u200br\u200bg\u200bl\u200be, you know what I mean"),
    ("und", 3, "t\u0301\u0302\u0303\u0304\u0305h\u0301\u0302\u0303\u0304e\u0301\u0302\u0303\u0304y come at night"),
    ("ar", 2100, "هذا نص تجريبي للمراجعة <script>alert(1)</script> http://link.example/a"),
    ("en", 5, "Scunthorpe United play on Saturday. Classic fixture, bring a button badge."),
)  # fmt: skip


_ABOUT = ("hate", "hate", "counterfeit", "hate", "hate", "threat", "spam", "hate")  # where the policy has it


def demo_posts(categories: Sequence[CategoryText]) -> list[tuple[Post, Decision]]:
    """Eight escalated posts over the given categories, one with a picture."""
    made = []
    for number, (language, views, text) in enumerate(_TEXTS):
        about = next((one for one in categories if one.id == _ABOUT[number]), categories[number % len(categories)])
        images = (Media("sign.png", _picture()),) if number in (0, 2) else ()
        links = ("http://watch.example/deal",) if number == 2 else ()
        post = Post(f"demo-{number + 1}", text, images, links=links, country="IE", views=views)
        found = Finding(about.id, 0.41 + 0.06 * number, Tier.MODELS, "text_model", "the text model is not sure")
        rule = Finding(
            about.id, 1.0, Tier.RULES, "literal", "a word of the list stands in the folded text", "w17", "folded"
        )
        made.append(
            (
                post,
                Decision(
                    post_id=post.id,
                    action=Action.ESCALATE,
                    category=about.id,
                    tier=Tier.MODELS,
                    findings=(found, rule) if number % 2 == 0 else (found,),
                    versions={"policy": "demo", "rules": "demo"},
                    language=language,
                    country="IE",
                    severity=about.severity,
                    decided_at=datetime.now(UTC),
                ),
            )
        )
    return made


def _picture() -> bytes:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (640, 400), (226, 232, 240))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((220, 80, 420, 280), outline=(170, 30, 30), width=24)
    draw.line((250, 110, 390, 250), fill=(170, 30, 30), width=24)
    draw.text((260, 320), "SYNTHETIC SIGN", fill=(30, 40, 60))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
