"""Figures of question 2 draw what they are given: the numbers of the data stand in the picture."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest

from reference.sizing.claims.q2 import Design, Q2Assumptions, corrected_design_q2
from reference.sizing.claims.q2.stages import vector_memory
from reference.sizing.pipeline import Pipeline, ServiceTime, Stage
from reference.sizing.pipeline_simulation import Arrivals, simulate_pipeline
from workbook.figures import q2_sizing


@functools.cache
def designed() -> Design:
    return corrected_design_q2()


def texts(figure: Any) -> list[str]:
    import matplotlib.text

    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def test_funnel_shows_every_plan_of_every_stage() -> None:
    design = designed()
    figure = q2_sizing.instances_funnel(design)
    found = texts(figure)
    points = [tuple(point) for group in figure.axes[1].collections for point in group.get_offsets()]
    for name in ("stated", "own-times", "corrected", "cached"):
        for row, stage in enumerate(design.plan(name).stages):
            assert str(stage.instances) in found
            assert (stage.instances, row) in points
    assert any("4,000/s = 4 x 1,000" in text for text in found)


@pytest.mark.slow
def test_funnel_follows_the_design() -> None:
    small = dataclasses.replace(Q2Assumptions(), variations=0)
    found = texts(q2_sizing.instances_funnel(corrected_design_q2(small)))
    assert not any(" = 4 x" in text for text in found)
    assert found != texts(q2_sizing.instances_funnel(designed()))


@pytest.mark.slow
def test_waterfall_starts_each_stage_where_the_medians_before_it_end() -> None:
    constant = ServiceTime.constant
    pipeline = Pipeline.of(
        Stage("embed", constant(0.1), 99), [Stage("dense", constant(0.2), 99), Stage("lexical", constant(0.3), 99)],
        Stage("generate", constant(1.0), 99),
    )  # fmt: skip
    run = simulate_pipeline(pipeline, Arrivals(10), queries=1000, validate=False)
    figure = q2_sizing.latency_waterfall(run, 1.2)
    starts = sorted({round(bar.get_x(), 6) for bar in figure.axes[0].patches})
    assert starts == pytest.approx([0, 0.1, 0.4])
    joined = "\n".join(texts(figure))
    assert "median 1.40 s, p95 1.40 s, p99 1.40 s" in joined
    assert "missed by 100%" in joined
    assert "generate makes the tail" in joined


def test_waterfall_of_a_cached_pipeline_counts_whole_queries_only() -> None:
    pipeline = Pipeline.of(
        Stage("cache", ServiceTime.constant(0.1), 99, answers=0.5), Stage("llm", ServiceTime.constant(1.0), 99)
    )
    run = simulate_pipeline(pipeline, Arrivals(10), queries=2000, validate=False)
    joined = "\n".join(texts(q2_sizing.latency_waterfall(run, 1.0)))
    assert "whole query: median 1.10 s" in joined
    late = float(np.mean(run.answered_by[run.warm_up :] < 0))
    assert f"missed by {late:.0%} of all queries" in joined


def test_memory_stack_has_a_bar_for_each_dimension_and_quantisation() -> None:
    figure = q2_sizing.vector_memory_stack(100_000, 2000, (384, 1536), m=32)
    found = texts(figure)
    assert {"384 x float32", "1,536 x 1 bit"} <= set(found)
    total = sum(vector_memory(100_000, 1536, m=32, payload_bytes=2000).values()) / 1e6
    assert any(f"{total:,.0f} MB" in text for text in found)
    assert len(figure.axes[0].patches) == 2 * 3 * 3
