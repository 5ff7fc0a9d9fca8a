import math
import statistics

import ciw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import Q, Quantity, Unstable, erlang_b, erlang_c, littles_law, magnitude, mgc, mmc
from reference.sizing.queueing import servers_for_wait

# Loads close to saturation are drawn on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")


def rate(value: float) -> Quantity:
    return Q(value, "request/s")


def seconds(value: float) -> Quantity:
    return Q(value, "s")


def test_erlang_b_equals_the_closed_form() -> None:
    offered, servers = 7.0, 10
    terms = [offered**n / math.factorial(n) for n in range(servers + 1)]
    assert erlang_b(offered, servers) == pytest.approx(terms[-1] / sum(terms), rel=1e-12)


def test_erlang_c_equals_the_closed_form() -> None:
    offered, servers = 38.0, 40
    tail = offered**servers / math.factorial(servers) * servers / (servers - offered)
    by_hand = tail / (sum(offered**n / math.factorial(n) for n in range(servers)) + tail)
    assert erlang_c(offered, servers) == pytest.approx(by_hand, rel=1e-10)


@given(offered=st.floats(0, 0.999))
def test_one_server_waits_with_probability_of_its_utilisation(offered: float) -> None:
    assert erlang_c(offered, 1) == pytest.approx(offered, abs=1e-12)


@given(servers=st.integers(1, 300), load=st.floats(0, 0.99))
def test_erlang_c_is_a_probability_above_erlang_b(servers: int, load: float) -> None:
    offered = load * servers
    assert 0 <= erlang_b(offered, servers) <= erlang_c(offered, servers) + 1e-12 <= 1 + 1e-9


@given(servers=st.integers(1, 100), load=st.floats(1.0, 5.0))
def test_utilisation_of_one_or_more_is_refused(servers: int, load: float) -> None:
    with pytest.raises(Unstable, match="not below 1"):
        mmc(rate(servers * load), seconds(1), servers)


@given(servers=st.integers(1, 50), load=st.floats(0.01, 0.98), scv=st.floats(0, 5))
def test_littles_law_links_queue_and_wait(servers: int, load: float, scv: float) -> None:
    arrivals = rate(servers * load)
    state = mgc(arrivals, seconds(1), servers, service_scv=scv)
    in_line = magnitude(littles_law(arrivals, state.mean_wait), "request")
    assert in_line == pytest.approx(magnitude(state.mean_queue, "request"))


@given(servers=st.integers(1, 30), a=st.floats(0.05, 0.97), b=st.floats(0.05, 0.97))
def test_wait_grows_with_load_and_falls_with_servers(servers: int, a: float, b: float) -> None:
    low, high = sorted((a, b))
    waits = [mmc(rate(servers * x), seconds(1), servers).mean_wait for x in (low, high)]
    assert waits[0] <= waits[1] * (1 + 1e-9)
    more = mmc(rate(servers * high), seconds(1), servers + 1).mean_wait
    assert more <= waits[1]


def test_constant_service_halves_the_wait_of_one_server() -> None:
    # Pollaczek-Khinchine: W = rho s (1 + scv) / (2 (1 - rho)).
    exponential = mgc(rate(8), seconds(0.1), 1)
    constant = mgc(rate(8), seconds(0.1), 1, service_scv=0)
    assert magnitude(exponential.mean_wait, "s") == pytest.approx(0.8 * 0.1 / 0.2)
    assert magnitude(exponential.mean_wait / constant.mean_wait, "") == pytest.approx(2)
    assert exponential.exact
    assert not mgc(rate(8), seconds(0.1), 2, service_scv=0).exact


def test_percentile_of_mm1_is_the_closed_form() -> None:
    state = mmc(rate(9), seconds(0.1), 1)
    assert magnitude(state.wait_percentile(99), "s") == pytest.approx(math.log(0.9 / 0.01) / (10 - 9))
    idle = mmc(rate(0.01), seconds(0.1), 1)
    assert idle.wait_percentile(95) == Q(0, "s")


def simulate(arrivals: float, service: ciw.dists.Distribution, servers: int, customers: int) -> tuple[float, float]:
    """Mean wait over independent runs, and the half-width of its 99 % confidence interval."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(arrivals)],
        service_distributions=[service],
        number_of_servers=[servers],
    )
    means = []
    for seed in range(8):
        ciw.seed(seed)
        run = ciw.Simulation(network)
        run.simulate_until_max_customers(customers)
        waits = [record.waiting_time for record in run.get_all_records()]
        means.append(statistics.fmean(waits[len(waits) // 10 :]))
    # Student's t for 7 degrees of freedom, 99 %.
    return statistics.fmean(means), 3.499 * statistics.stdev(means) / math.sqrt(len(means))


@pytest.mark.slow
def test_mmc_wait_agrees_with_an_independent_simulation() -> None:
    simulated, half_width = simulate(2.4, ciw.dists.Exponential(1.0), 3, 4000)
    formula = magnitude(mmc(rate(2.4), seconds(1), 3).mean_wait, "s")
    assert half_width < 0.35 * formula
    assert abs(simulated - formula) <= half_width


@pytest.mark.slow
def test_mgc_wait_agrees_with_an_independent_simulation() -> None:
    # Hyperexponential service with a squared coefficient of variation of 3, five servers: an approximation, so 15 %
    # are allowed on top of what the simulation itself does not know.
    probability = 0.5 * (1 + math.sqrt(0.5))
    slow = ciw.dists.HyperExponential([2 * probability, 2 * (1 - probability)], [probability, 1 - probability])
    simulated, half_width = simulate(4.0, slow, 5, 4000)
    formula = magnitude(mgc(rate(4), seconds(1), 5, service_scv=3).mean_wait, "s")
    assert abs(simulated - formula) <= half_width + 0.15 * formula


def test_servers_for_wait_are_just_enough() -> None:
    needed = servers_for_wait(rate(10), seconds(1), seconds(0.2), 95)
    assert mmc(rate(10), seconds(1), needed).wait_percentile(95) <= seconds(0.2)
    assert mmc(rate(10), seconds(1), needed - 1).wait_percentile(95) > seconds(0.2)


@pytest.mark.parametrize(
    ("arrivals", "service", "servers"), [(-1, 1, 1), (1, 0, 1), (1, 0.1, 0), (1, 0.1, 1.5), (1, 0.1, True)]
)
def test_senseless_queues_are_refused(arrivals: float, service: float, servers: int) -> None:
    with pytest.raises(ValueError):
        mmc(rate(arrivals), seconds(service), servers)


@pytest.mark.parametrize("percent", [0, 100, -5])
def test_percentile_must_lie_inside(percent: float) -> None:
    with pytest.raises(ValueError, match="percent"):
        mmc(rate(1), seconds(0.1), 1).wait_percentile(percent)
