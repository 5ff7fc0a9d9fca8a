"""The benchmarks' own machinery: what they count, what they refuse, what they write. No timing is asserted."""

import asyncio
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import common, gateway_overhead, servers
from reference.serving.stub_engine import StubEngine


@pytest.fixture(scope="module")
def stub() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=0, itl_ms=0) as engine:
        yield engine


def result() -> common.Result:
    return common.Result("made_up", "Does it write?", {"condition": 1})


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_the_raw_client_reads_whole_answers_and_streams_on_one_connection(stub):
    async def several() -> list[common.Reply]:
        connection = common.RawConnection(stub.base_url, stub.api_key)
        try:
            kinds = (False, True, True, False)
            return [await connection.post(gateway_overhead.body(stream, True)) for stream in kinds]
        finally:
            connection.close()

    replies = asyncio.run(several())
    assert [r.status for r in replies] == [200] * 4
    assert json.loads(replies[0].body)["usage"]["completion_tokens"] == gateway_overhead.TOKENS
    assert replies[1].body.count(b"data:") == gateway_overhead.TOKENS + 1
    assert replies[1].body.endswith(b"data: [DONE]\n\n")
    assert all(0 < r.first_data_s <= r.total_s for r in replies)


def test_requests_of_a_miss_round_differ_and_those_of_a_hit_round_do_not():
    assert len({gateway_overhead.body(False, True) for _ in range(50)}) == 50
    assert len({gateway_overhead.body(False, False) for _ in range(50)}) == 1


@pytest.mark.slow
def test_hits_that_reach_the_engine_are_refused(stub):
    with pytest.raises(RuntimeError, match="they were no hits"):
        gateway_overhead.measure_hits(result(), stub, [servers.direct(stub)], 1, 0.05, 2)


def test_misses_that_do_not_reach_the_engine_are_refused(stub, monkeypatch):
    monkeypatch.setattr(gateway_overhead, "misses", lambda *_: _nothing())

    async def _nothing() -> list[common.Reply]:
        return [common.Reply(200, {}, b"tok", 0.001, 0.001)] * 3

    with pytest.raises(RuntimeError, match="some were not misses"):
        gateway_overhead.measure_misses(result(), stub, [servers.direct(stub)], False, 1, 3)


def test_an_error_answer_stops_the_measurement(stub):
    wrong = servers.Target("wrong key", stub.base_url, "nobody", stub.pid)
    with pytest.raises(RuntimeError, match="wrong key answered 401"):
        asyncio.run(gateway_overhead.misses(wrong, 1, False))
    with pytest.raises(RuntimeError, match="answered 429"):
        gateway_overhead._checked(wrong, common.Reply(429, {}, b"token limit", 0.1, 0.1))


def test_every_round_visits_every_target_from_another_start():
    visits = list(common.rotate("abc", 3))
    assert [v for _, v in visits] == list("abcbcacab")
    assert [n for n, _ in visits] == [0] * 3 + [1] * 3 + [2] * 3


def test_spread_gives_median_and_quartiles():
    assert common.spread([5.0, 1.0, 3.0, 2.0, 4.0]) == {"median": 3.0, "p25": 2.0, "p75": 4.0, "rounds": 5}
    assert common.spread([7.0]) == {"median": 7.0, "p25": 7.0, "p75": 7.0, "rounds": 1}


def fake_benchmark(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    module = types.ModuleType("benchmarks.made_up")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchmarks.made_up", module)
    monkeypatch.setattr(command, "NAMES", ("made_up",))


def test_a_run_writes_its_record_and_prints_it_as_json(results, monkeypatch, capsys):
    def run(quick: bool) -> common.Result:
        made = result()
        made.rows.append({"target": "t", "metric": "m", "unit": "ms", **common.spread([1.0, 2.0])})
        return made

    fake_benchmark(monkeypatch, run)
    assert command.main(["made_up", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = json.loads((results / "made_up.json").read_text())
    assert printed == [stored]
    assert {"machine", "versions", "date", "command", "conditions", "rows", "conclusions"} <= set(stored)


def test_a_quick_run_or_a_failing_one_records_nothing(results, monkeypatch, capsys):
    fake_benchmark(monkeypatch, lambda quick: result())
    assert command.main(["made_up", "--quick"]) == 0

    def broken(quick: bool) -> common.Result:
        raise RuntimeError("no luck")

    fake_benchmark(monkeypatch, broken)
    assert command.main(["made_up"]) == 1
    assert "made_up failed: RuntimeError: no luck" in capsys.readouterr().err
    assert not results.exists()


def test_an_unknown_name_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["nonsense"])
    assert stopped.value.code == 2
    assert "gateway_overhead" in capsys.readouterr().err


def test_a_missing_competitor_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("WORKBOOK_LITELLM", "/nowhere/litellm")
    with pytest.raises(servers.NotAvailable, match="make bench"):
        servers.litellm_command()


@pytest.mark.parametrize("name", command.NAMES)
def test_committed_results_say_where_and_when_they_were_measured(name):
    path = Path(command.__file__).parent / "results" / f"{name}.json"
    if not path.exists():
        pytest.skip("not measured yet")
    record = json.loads(path.read_text())
    assert record["name"] == name
    assert record["rows"]
    assert record["machine"]["processor"]
    assert record["versions"]["python"]
    assert record["date"] >= "2026"
