"""workbook plan: options over a file, tables that fit a log, JSON, exports, and an exit code that says whether."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sizing" / "fleet"))
from plan_fleets import EFFORT, SMALL, engine_for

from reference.sizing.fleet.plan import candidates, size
from reference.sizing.fleet.plan.make import plan
from reference.sizing.fleet.plan.requirements import Requirements
from workbook.errors import UsageError
from workbook.plan import terminal
from workbook.plan.as_json import fields_of
from workbook.plan.asking import requirements_of
from workbook.plan.page import page, table_html

QUESTION = """\
[traffic]
users = 2000
[tokens]
prompt_mean = 120
output_mean = 12
shared_prefix = 20
max_context = 1024
[slo]
ttft_ms = 300
ttft_percentile = 90
tpot_percentile = 90
[engine]
model = "llama-3.1-8b"
gpus = ["l4", "h200"]
dtypes = ["bf16"]
max_gpus_per_replica = 2
max_num_seqs = 32
"""


@pytest.fixture
def asked(cli, monkeypatch, tmp_path):
    """`workbook plan` on a small question, with cheap engines and little effort."""
    monkeypatch.setattr(candidates, "default_engine", engine_for)
    monkeypatch.setattr(size, "FULL", dataclasses.replace(EFFORT, days=1))
    monkeypatch.setattr(size, "QUICK", EFFORT)
    file = tmp_path / "wanted.toml"
    file.write_text(QUESTION, encoding="utf-8")

    def call(*options: str):
        return cli("plan", "--file", str(file), *options)

    return call


@pytest.fixture(scope="module")
def made():
    wanted = dataclasses.replace(SMALL, users=2_000, messages_per_user=10, gpus=("l4", "a10g", "h200"))
    return plan(wanted, effort=dataclasses.replace(EFFORT, days=1), engine_for=engine_for)


def shown(found, everything=False) -> str:
    log = Console(width=120, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    terminal.show(log, found, everything)
    return log.export_text()


def test_options_replace_what_the_file_says(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[traffic]\nusers = 5\n[tokens]\nprompt_mean = 1200\nprompt_p99 = 3000\n[money.prices]\nl4 = 1.0\n")
    assert requirements_of(str(file), {"users": None}) == Requirements(
        users=5, prompt_mean=1200, prompt_p99=3000, prices={"l4": 1.0}
    )
    changed = requirements_of(str(file), {"users": 7.0, "gpus": ("l4",)}, ["h200=6.5"])
    assert (changed.users, changed.gpus, changed.prices) == (7.0, ("l4",), {"l4": 1.0, "h200": 6.5})
    # The file's p99 belonged to the file's mean.
    assert requirements_of(str(file), {"prompt_mean": 2000.0}).prompt_p99 is None
    assert requirements_of(None, {}) == Requirements()


@pytest.mark.parametrize(
    ("options", "prices", "message"),
    [
        ({"users": -1.0}, (), "users must be a number above 0"),
        ({"model": "llama"}, (), "model: 'llama' is not known"),
        ({}, ("h200",), "--price must be GPU=USD, for example h200=6.00, got 'h200': no ="),
        ({}, ("h2000=5",), "'h2000' is not known"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options, prices, message):
    with pytest.raises(UsageError, match=message):
        requirements_of(None, options, prices)


def test_the_plan_is_printed_with_its_recommendation(asked):
    result = asked()
    assert result.exit_code == 0, result.stderr
    assert "Recommended: " in result.stdout
    assert "A whole day, autoscaled" in result.stdout
    assert "0 dated prices of NVIDIA H200" in result.stdout
    assert "not calibrated: this engine was not measured" in result.stdout
    assert "simulating bf16 on 1 x l4" in result.stderr


def test_nothing_feasible_is_exit_code_1_with_the_nearest_miss(asked):
    result = asked("--budget", "10")
    assert result.exit_code == 1
    assert "Nothing is feasible. Nearest miss: " in result.stdout
    assert "over budget by $" in result.stdout
    record = json.loads(asked("--tpot", "1", "--json").stdout)
    assert record["recommended"] is None
    assert "TPOT floor" in record["nearest_miss"]["reason"]


@pytest.mark.slow
def test_json_is_one_object_with_every_design(asked):
    result = asked("--json", "--quick", "--price", "h200=6")
    record = json.loads(result.stdout)
    assert (record["command"], result.stderr) == ("plan", "")
    assert {row["design"] for row in record["rows"]} == {f"bf16 on {n} x {g}" for n in (1, 2) for g in ("l4", "h200")}
    first = record["rows"][0]
    assert first["design"] == record["recommended"]
    assert first["usd"] == pytest.approx(first["replicas"] * first["usd_per_replica_hour"] * 730)
    assert set(first["peak"]) >= {"ttft_p50_ms", "ttft_p99_ms", "tpot_p50_ms", "tpot_p99_ms", "within_slo"}
    assert first["drill"]["scope"] == "zone"
    assert record["requirements"]["prices"] == {"h200": 6.0}


def test_the_example_is_a_file_that_the_command_reads(cli, tmp_path):
    text = cli("plan", "--example").stdout
    file = tmp_path / "example.toml"
    file.write_text(text, encoding="utf-8")
    assert requirements_of(str(file), {}) == Requirements()


def test_an_export_follows_the_design_that_was_chosen(asked, tmp_path):
    folder = tmp_path / "out"
    result = asked("--quick", "--export", str(folder), "--design", "2", "--keda", "--name", "chat", "--json")
    record = json.loads(result.stdout)
    row = record["rows"][1]
    documents = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))
    args = documents[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[args.index("--tensor-parallel-size") + 1] == str(row["gpus_per_replica"])
    scaled = next(one for one in documents if one["kind"] == "ScaledObject")
    assert scaled["spec"]["maxReplicaCount"] == row["replicas"]
    assert {one["metadata"]["name"] for one in documents} == {"chat"}
    assert sorted(record["exported"]) == sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--design", "3"), "is infeasible and is not exported"),
        (("--design", "9"), "the plan has 4 rows"),
        (("--name", "Chat"), "name must be a DNS-1123 label"),
    ],
)
def test_what_cannot_be_exported_is_a_usage_error(asked, tmp_path, options, message):
    result = asked("--quick", "--export", str(tmp_path / "out"), *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_a_feasible_design_nothing_is_exported_and_the_plan_is_shown(asked, tmp_path):
    folder = tmp_path / "out"
    result = asked("--tpot", "1", "--export", str(folder))
    assert result.exit_code == 1
    assert "Nearest miss" in result.stdout
    assert "Nothing was exported" in result.stdout
    assert not folder.exists()
    # What is only over budget can be looked at.
    assert asked("--budget", "10", "--export", str(folder)).exit_code == 1
    assert (folder / "kubernetes.yaml").is_file()


@pytest.mark.parametrize("everything", [False, True])
def test_tables_fit_120_columns_and_cut_nothing(made, everything):
    text = shown(made, everything)
    lines = [line for line in text.splitlines() if not line.endswith(".")]
    assert max(map(len, lines)) <= 120
    assert "…" not in text
    for row in made.rows:
        if row.regions:
            assert row.candidate.name in text
            assert terminal.dollars(row.peak_usd) in text


def test_the_widest_figures_still_fit(made):
    row = made.rows[0]
    wide = dataclasses.replace(
        row, candidate=dataclasses.replace(row.candidate, name="bf16 on 8 x a100-80"), peak_usd=123_456_789.0,
        usd=123_456_789.0, day=dataclasses.replace(row.day, usd_month=98_765_432.0),
        regions=(dataclasses.replace(row.regions[0], replicas=23_456),),
    )  # fmt: skip
    text = shown(dataclasses.replace(made, rows=(wide, *made.rows[1:])))
    assert "bf16 on 8 x a100-80" in text
    assert "$123,456,789" in text
    assert "$98,765,432" in text
    assert "not calibrated" in text


def test_designs_that_are_out_for_one_reason_share_a_line(made):
    text = shown(made, everything=True)
    assert "bf16 on 1 x h200 and 1 more" in text


def test_a_page_holds_the_table_and_nothing_that_runs(made):
    text = page(made)
    assert text.count("<tr") == 1 + sum(1 for row in made.rows if row.regions)
    assert "<script" not in text
    assert "http://" not in text
    for row in made.rows:
        assert row.candidate.name in text
    hostile = dataclasses.replace(made.rows[-1], reason="<b>1</b> of 2")
    assert "&lt;b&gt;1" in table_html(dataclasses.replace(made, rows=(hostile,)))


def test_a_page_is_written_whole_or_not(asked, tmp_path):
    target = tmp_path / "plan.html"
    assert asked("--quick", "--html", str(target)).exit_code == 0
    assert "Recommended" in target.read_text(encoding="utf-8")
    assert asked("--quick", "--html", str(tmp_path)).exit_code == 2


def test_fields_are_plain_json(made):
    record = json.loads(json.dumps(fields_of(made), allow_nan=False))
    assert record["rows"][0]["day"]["usd"] == made.rows[0].day.usd_month
    assert record["rows"][0]["evidence"]["kind"] == "SIMULATED"


@pytest.mark.slow
def test_the_explorer_shows_a_plan_and_follows_its_sliders(monkeypatch):
    from workbook.figures import plan_explorer

    drawn = []
    monkeypatch.setattr("IPython.display.display", drawn.append)
    box = plan_explorer.explorer(SMALL, effort=EFFORT, engine_for=engine_for)
    by_name = {child.description: child for child in box.children if getattr(child, "description", "")}
    assert "Recommended" in drawn[-1]._repr_html_()
    by_name["first token, ms"].value = 100
    by_name["budget, thousand dollars a month (0: none)"].value = 50
    assert len(drawn) == 3
    by_name["GPUs allowed"].value = ()
    by_name["GPUs allowed"].value = ("l4",)
    last = drawn[-1]._repr_html_()
    assert "x l4" in last
    assert "x a10g" not in last


def test_the_explorer_says_what_is_wrong_in_place_of_a_table():
    from workbook.figures import plan_explorer

    html = plan_explorer.plan_table(SMALL, effort=EFFORT, engine_for=engine_for)._repr_html_()
    assert "Recommended" in html
    with pytest.raises(ValueError, match="users"):
        plan_explorer.plan_table(dataclasses.replace(SMALL, users=0))
