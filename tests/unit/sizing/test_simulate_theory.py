"""A fleet made into a queue that theory solves: M/M/c, M/D/1, M/M/c/K, and ciw on the same customers."""

import math

import numpy as np
import pytest

from reference.sizing.fleet.design import Admission, FleetDesign, Routing
from reference.sizing.fleet.engine import simulate_engine
from reference.sizing.fleet.oracle import (
    md1_percentile,
    md1_wait_beyond,
    mean_in_parts,
    mmc_wait,
    mmck_loss,
    percentile_in_parts,
    queue_engine,
    validation_point,
)
from reference.sizing.fleet.run import FleetRun
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload

TOKENS, STEP_S, N = 100_000, 1e-5, 120_000  # a service of 1 s on average in steps of 10 us


def customers(offered: float, n: int = N, seed: int = 1, constant: bool = False) -> Workload:
    """Poisson arrivals at `offered` erlangs, exponential (geometric in tokens) or constant service of 1 s."""
    random = np.random.default_rng(seed)
    tokens = np.full(n, TOKENS) if constant else random.geometric(1 / TOKENS, n)
    return Workload.of(np.cumsum(random.exponential(1 / offered, n)), 1, tokens)


def waits(run: FleetRun, workload: Workload) -> np.ndarray:
    wait: np.ndarray = (run.e2e_s - workload.n_out * STEP_S)[workload.requests // 20 :]
    return wait


@pytest.mark.slow
@pytest.mark.parametrize("servers", [1, 4, 20])
@pytest.mark.parametrize("utilisation", [0.5, 0.8, 0.9])
def test_equal_places_wait_as_erlang_c_says(servers: int, utilisation: float) -> None:
    workload = customers(utilisation * servers)
    wait = waits(simulate(workload, FleetDesign.one(queue_engine(servers, STEP_S))), workload)
    mean = mean_in_parts("mean", wait, mmc_wait(utilisation * servers, servers, 1.0))
    # The interval holds 95 of 100 runs, so twice its width; a step for the grid, which delays a start.
    assert abs(mean.error) <= 2 * mean.half_width + STEP_S / mean.exact
    # 20 places at half load make 4 of 1,000 wait at all: that run knows little.
    assert mean.half_width < (0.25 if mean.exact > 0.001 else 0.7)
    if exact := mmc_wait(utilisation * servers, servers, 1.0, 99):
        p99 = percentile_in_parts("p99", wait, 99, exact)
        assert abs(p99.error) <= 2 * p99.half_width + 0.005


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_answers_of_one_length_wait_as_an_m_d_1_queue(utilisation: float) -> None:
    workload = customers(utilisation, constant=True)
    wait = waits(simulate(workload, FleetDesign.one(queue_engine(1, STEP_S))), workload)
    mean = mean_in_parts("mean", wait, utilisation / (2 * (1 - utilisation)))  # Pollaczek-Khinchine
    p99 = percentile_in_parts("p99", wait, 99, md1_percentile(utilisation, 99))
    for found in (mean, p99):
        assert abs(found.error) <= 2 * found.half_width + 0.005


@pytest.mark.slow
def test_the_m_d_1_series_has_the_mean_of_pollaczek_and_khinchine() -> None:
    for rho in (0.3, 0.8, 0.9):
        at = np.arange(0, 60, 0.25) + 0.125
        mean = 0.25 * sum(md1_wait_beyond(rho, float(t)) for t in at)
        assert mean == pytest.approx(rho / (2 * (1 - rho)), rel=0.01)


def test_random_routing_splits_a_poisson_stream_into_independent_queues() -> None:
    workload = customers(0.7 * 5, seed=2)
    run = simulate(workload, FleetDesign.one(queue_engine(1, STEP_S), 5, routing=Routing("random")))
    found = mean_in_parts("mean", waits(run, workload), mmc_wait(0.7, 1, 1.0))
    assert abs(found.error) <= 2 * found.half_width + 0.005


@pytest.mark.slow
def test_the_fewest_in_flight_waits_no_longer_than_chance_on_the_same_arrivals() -> None:
    workload = customers(0.85 * 5, seed=3)
    means = {}
    for policy in ("least-loaded", "two-choices", "round-robin", "random"):
        run = simulate(workload, FleetDesign.one(queue_engine(1, STEP_S), 5, routing=Routing(policy)))  # type: ignore[arg-type]
        means[policy] = float(waits(run, workload).mean())
    assert means["least-loaded"] < means["two-choices"] < means["random"]
    assert means["least-loaded"] < means["round-robin"] < means["random"]


@pytest.mark.slow
@pytest.mark.parametrize(("servers", "line", "offered"), [(1, 3, 0.9), (1, 1, 2.0), (4, 0, 3.0), (4, 6, 4.5)])
def test_a_limited_line_turns_away_what_the_birth_death_formula_says(servers: int, line: int, offered: float) -> None:
    workload = customers(offered, seed=4)
    run = simulate(workload, FleetDesign.one(queue_engine(servers, STEP_S), admission=Admission(queue_limit=line)))
    found = mean_in_parts("loss", run.outcome == 1, mmck_loss(offered, servers, servers + line))
    assert abs(found.error) <= 2 * found.half_width + 0.005


def test_in_flight_limit_counts_the_running_ones() -> None:
    workload = customers(0.9, seed=5)
    run = simulate(workload, FleetDesign.one(queue_engine(1, STEP_S), admission=Admission(in_flight_limit=4)))
    found = mean_in_parts("loss", run.outcome == 1, mmck_loss(0.9, 1, 4))
    assert abs(found.error) <= 2 * found.half_width + 0.005


def ciw_records(workload: Workload, servers: int, line: float) -> list[tuple[float, float, str]]:
    """ciw with the very same customers: (arrival, waiting time, kind of record)."""
    import ciw

    gaps = [*np.diff(workload.arrived, prepend=0.0).tolist(), math.inf]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps)],
        service_distributions=[ciw.dists.Sequential((workload.n_out * STEP_S).tolist())],
        number_of_servers=[servers],
        queue_capacities=[line],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(float(workload.arrived[-1]) + 1000)
    return [(r.arrival_date, r.waiting_time, r.record_type) for r in simulation.get_all_records()]


def test_the_same_customers_wait_as_long_in_ciw() -> None:
    workload = customers(0.9 * 3, 4000, seed=6)
    run = simulate_engine(workload, queue_engine(3, STEP_S))
    theirs = np.array([wait for _, wait, _ in sorted(ciw_records(workload, 3, math.inf))])
    ours = run.e2e_s - workload.n_out * STEP_S
    assert theirs.size == ours.size
    assert theirs.mean() > 0.5
    # What remains is the grid: a start at the next step, added up along a busy period.
    assert abs(ours - theirs).max() < 1000 * STEP_S
    assert float(ours.mean()) == pytest.approx(theirs.mean(), rel=0.002)


def test_the_same_customers_are_turned_away_in_ciw() -> None:
    random = np.random.default_rng(7)
    workload = Workload.of(np.cumsum(random.exponential(1 / 2.5, 4000)), 1, TOKENS)  # constant: ciw skips no draw
    run = simulate(workload, FleetDesign.one(queue_engine(2, STEP_S), admission=Admission(queue_limit=2)))
    lost = [at for at, _, kind in ciw_records(workload, 2, 2) if kind == "rejection"]
    ours = workload.arrived[run.outcome == 1]
    assert len(lost) > 500
    assert abs(len(ours) - len(lost)) <= 4, "a start at the next step may tip a customer over the edge"
    assert len(set(np.round(ours, 9)) & set(np.round(lost, 9))) >= 0.98 * len(lost)


def test_the_validation_point_says_how_close_it_came() -> None:
    said = validation_point()
    assert "Erlang C" in said
    assert "n=400,000" in said
