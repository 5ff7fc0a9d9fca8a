"""A dozen uses of a model as requirements. The numbers are assumptions of ours: change one and see what turns.

Service times are seconds in a slot of a replica that runs a full batch.
"""

from __future__ import annotations

import math

from .requirements import Requirements

_DAY = 86_400.0


def scenarios() -> list[Requirements]:
    """Chat to nightly runs, in order of their deadlines."""
    return [
        Requirements("fraud check at payment", rate=50, burst=2, service_s=0.1, first_part_s=0.1, first_sign_s=0.5,
                     whole_s=0.5, service_scv=0.05, can_come_back=False),
        Requirements("completion in an editor", rate=40, burst=3, service_s=0.35, first_part_s=0.08, first_sign_s=0.8,
                     whole_s=1.0, can_come_back=False),
        Requirements("answer in a search box", rate=20, burst=2, service_s=0.9, first_part_s=0.15, first_sign_s=2.5,
                     whole_s=3.0, can_come_back=False),
        Requirements("chatbot", rate=10, burst=2, service_s=6.0, first_part_s=0.2, first_sign_s=1.5, whole_s=60.0),
        Requirements("long report in a chat", rate=1, burst=2, service_s=45.0, first_part_s=0.5, first_sign_s=3.0,
                     whole_s=180.0),
        Requirements("reply to a CRM's webhook", rate=2, burst=5, burst_s=600, service_s=8.0, first_part_s=0.2,
                     whole_s=600.0, silent_s=10.0),
        Requirements("summary of a document, watched", rate=0.05, burst=3, burst_s=1800, service_s=300.0,
                     first_part_s=240.0, whole_s=1800.0),
        Requirements("moderation of uploads", rate=5, burst=3, burst_s=900, service_s=1.5, first_part_s=1.5,
                     whole_s=900.0),
        Requirements("agent run of 30 minutes", rate=0.01, burst=4, burst_s=3600, service_s=1800.0, first_part_s=5.0,
                     whole_s=2 * 3600.0),
        Requirements("digest by mail in the morning", rate=20_000 / _DAY, burst=24, burst_s=3600, service_s=4.0,
                     first_part_s=0.2, whole_s=4 * 3600.0, items=20_000),
        Requirements("100,000 classifications a night", rate=100_000 / _DAY, burst=12, burst_s=7200, service_s=1.0,
                     first_part_s=1.0, whole_s=8 * 3600.0, items=100_000),
        Requirements("evaluation of a new prompt", rate=5_000 / _DAY, burst=24, burst_s=3600, service_s=2.0,
                     first_part_s=0.2, whole_s=1800.0, items=5_000),
        Requirements("backfill of a million documents", rate=1_000_000 / (7 * _DAY), burst=7, burst_s=_DAY,
                     service_s=2.0, first_part_s=0.2, whole_s=7 * _DAY, items=1_000_000),
        Requirements("weekly report that nobody waits for", rate=500 / (7 * _DAY), burst=100, burst_s=6000,
                     service_s=20.0, first_part_s=0.3, whole_s=3 * _DAY, first_sign_s=math.inf, items=500),
    ]  # fmt: skip
