"""The best engine model known of a deployment: measured, else learnt on the same GPU, else from its roofline."""

from __future__ import annotations

import functools

from reference.sizing.roofline import Deployment
from reference.sizing.throughput import MAX_NUM_SEQS

from .derived import engine_from_deployment, fitted, record_for, transferred
from .model import EngineModel
from .record import CalibrationRecord, records


def nearest_record(deployment: Deployment) -> CalibrationRecord | None:
    """A record of the same kind of GPU: of the same weight type if there is one, then the one that holds most."""
    same = [r for r in records().values() if r.hardware == deployment.hardware.key]

    def likeness(record: CalibrationRecord) -> tuple[bool, int]:
        held = len(record.steps) + len(record.prefills) + len(record.points)
        return record.weight_dtype == deployment.weight_dtype, held

    return max(same, key=likeness, default=None)


@functools.lru_cache(maxsize=256)
def best_known_engine(
    deployment: Deployment, *, context: int, max_num_seqs: int = MAX_NUM_SEQS,
    max_num_batched_tokens: int | None = None, prefix_caching: bool = True,
) -> EngineModel:  # fmt: skip
    """Engine model of a deployment with its evidence, from the strongest source there is.

    1. A calibration record of exactly this deployment: MEASURED, with the record's own limits.
    2. A record of the same GPU with another model, type or number: the shares of the roofs that it reached
       (`transferred`): DERIVED from MEASURED.
    3. The roofline with the deployment's assumed efficiencies: DERIVED.

    context: longest sequence, tokens. The other settings apply to 2 and 3. Raises Infeasible where it does not fit.
    """
    record = record_for(deployment)
    if record is not None and record.limits.max_model_len >= context:
        return fitted(record.key).model
    near = nearest_record(deployment)
    if near is not None:
        model = transferred(
            fitted(near.key), deployment, context=context, max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
        )  # fmt: skip
        return model if model.limits.prefix_caching == prefix_caching else _caching(model, prefix_caching)
    return engine_from_deployment(
        deployment, context=context, max_num_seqs=max_num_seqs, max_num_batched_tokens=max_num_batched_tokens,
        prefix_caching=prefix_caching,
    )  # fmt: skip


def _caching(model: EngineModel, prefix_caching: bool) -> EngineModel:
    import dataclasses

    return dataclasses.replace(model, limits=dataclasses.replace(model.limits, prefix_caching=prefix_caching))
