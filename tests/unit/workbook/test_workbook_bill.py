"""workbook bill: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_cli_json import compare, printed

ROW = {
    "start_time": 1730419200, "end_time": 1733011200, "project_id": "acme", "api_key_id": "k", "model": "gpt-4o",
    "batch": False, "input_tokens": 1_000_000_000, "input_cached_tokens": 400_000_000, "output_tokens": 200_000_000,
    "num_model_requests": 1_000_000, "feature": "chat", "tier": "strong",
}  # fmt: skip
HOSTILE = '<script>alert(1)</script> $\\frac{1}{0}$ [red]x[/red] \x1b[31m & "quoted" \u202e'
COST = 600 * 2.5 + 400 * 1.25 + 200 * 10


@pytest.fixture
def export(tmp_path):
    """Write rows as JSON lines; a row that is a text goes in as it is."""

    def make(*rows, name="usage.jsonl"):
        path = tmp_path / name
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return str(path)

    return make


def test_bill_prints_the_documented_names(cli, export):
    path = export(
        ROW,
        {**ROW, "batch": True, "model": "gpt-4", "feature": "mail", "cost": 5, "input_audio_tokens": 3},
        {**ROW, "model": "house-model", "cost": 1.5},
        {**ROW, "service_tier": "priority"},
        "broken",
    )
    result = cli("bill", path, "--json", "--price-as", "hous-model=gpt-4")
    assert result.exit_code == 1
    record = printed(result)
    record["told_apart_no_more"] = {"tenant": 1}  # takes two thousand tenants
    compare("bill", record)


def test_the_bill_of_the_gateways_export_is_its_tokens_at_list_prices(cli, export):
    record = printed(cli("bill", export(ROW, {**ROW, "batch": True}), "--json", "--no-plan"))
    assert record["total"]["dollars"] == pytest.approx(COST * 1.5)
    assert record["savings"]["batch"] == pytest.approx(COST / 2)
    assert record["savings"]["prompt_cache"] == pytest.approx(2 * 400 * 1.25)
    assert record["period"] == {
        "start": "2024-11-01T00:00:00+00:00", "end": "2024-12-01T00:00:00+00:00", "days": 30, "origin": "times",
        "per_month": 1,
    }  # fmt: skip
    assert [row["name"] for row in record["by"]["feature"]] == ["chat"]
    assert record["plan"] is None


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_the_gateways_own_export_makes_a_bill(cli, tmp_path, form):
    from reference.serving.gateway.usage.export import write
    from reference.serving.gateway.usage.records import Labels, avoided, generated
    from reference.serving.gateway.usage.report import rows

    def stored(labels, amounts):
        return {f"{labels.series}{name}".encode(): str(amount).encode() for name, amount in amounts.items()}

    hour = 1730419200
    found = [
        *rows("acme", hour, stored(Labels("acme", "k1", "SmolLM2", "small", "chat"),
                                   {**generated(1_000_000, 200_000, 400_000), **avoided("exact_cache", 500_000, 0)})),
        *rows("acme", hour + 3600, stored(Labels("acme", "k1", "gpt-4", "strong", "", True), generated(1_000_000, 0))),
    ]  # fmt: skip
    path = tmp_path / f"usage.{form}"
    assert write(path, iter(found), form) == 2
    result = cli("bill", str(path), "--json", "--price-as", "SmolLM2=gpt-4o")
    assert result.exit_code == 0, result.output
    record = printed(result)
    assert record["total"]["dollars"] == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 0.2 * 10 + 30 / 2)
    assert record["savings"]["own_cache"] == pytest.approx(0.5 * 2.5)
    assert record["period"]["days"] == pytest.approx(2 / 24)
    assert {row["name"] for row in record["by"]["feature"]} == {"chat", "k1"}
    assert [row["name"] for row in record["by"]["tenant"]] == ["acme"]


def test_several_files_make_one_bill(cli, export):
    one, two = export(ROW), export({**ROW, "project_id": "other"}, name="more.jsonl")
    record = printed(cli("bill", one, two, "--json", "--no-plan"))
    assert [(row["file"], row["rows"]) for row in record["files"]] == [("usage.jsonl", 1), ("more.jsonl", 1)]
    assert record["total"]["dollars"] == pytest.approx(2 * COST)


def test_the_plan_starts_from_a_month_of_the_bill(cli, export):
    record = printed(cli("bill", export(ROW), "--json", "--days", "3"))
    assert record["plan"]["before"] == pytest.approx(record["total"]["dollars_per_month"])
    assert record["total"]["dollars_per_month"] == pytest.approx(COST * 365 / 12 / 3)
    assert record["plan"]["after"] <= record["plan"]["before"]
    assert {step["name"] for step in record["plan"]["steps"]} >= {"routing", "caching", "batching"}


def test_the_table_names_what_is_not_in_the_total(cli, export):
    result = cli("bill", export(ROW, {**ROW, "model": "house-model"}, {**ROW, "input_tokens": -1}, "{"))
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "$4,000 at list prices, 2 rows of 1 file." in text
    assert "50.0% of the tokens have no list price and are not in the total: house-model (1.2 G tokens)." in text
    assert "usage.jsonl, line 3: input_tokens: -1 is negative" in text
    assert "usage.jsonl, line 4: broken JSON" in text
    assert "Not in the bill: 2 rows" in text


def test_a_model_of_ones_own_is_priced_as_another(cli, export):
    result = cli("bill", export({**ROW, "model": "SmolLM2"}), "--json", "--no-plan", "--price-as", "SmolLM2=gpt-4o")
    assert printed(result)["total"]["dollars"] == pytest.approx(COST)
    assert printed(result)["unpriced"] == []


@pytest.mark.parametrize("rows", [[], [{**ROW, "input_tokens": 0, "input_cached_tokens": 0, "output_tokens": 0}]])
def test_nothing_used_is_a_bill_of_nothing(cli, export, rows, tmp_path):
    page = tmp_path / "page.html"
    result = cli("bill", export(*rows), "--html", str(page))
    assert result.exit_code == 0, result.output
    assert "so the bill is $0" in result.stdout
    assert "so the bill is $0" in page.read_text()


@pytest.mark.slow
def test_hostile_names_are_text_on_the_page_the_terminal_and_in_json(cli, export, tmp_path):
    page = tmp_path / "page.html"
    row = {**ROW, "project_id": HOSTILE, "feature": HOSTILE}
    result = cli(
        "bill", export(row, {**ROW, "feature": "b", "project_id": "b"}, {**row, "model": HOSTILE},
                       {**row, "input_tokens": HOSTILE}), "--html", str(page),
    )  # fmt: skip
    assert result.exit_code == 1
    for text in (result.stdout, page.read_text()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "[red]x[/red]" in result.stdout.replace("\n", "")
    html = page.read_text()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "default-src 'none'" in html
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)""", re.sub(r'(xlink:href|href)="#[^"]*"', "", html))
    assert "\x1b" not in cli("bill", export(row), "--json", "--no-plan").stdout


def test_names_are_read_neither_as_markup_nor_as_formulas(cli, export, tmp_path):
    name = "[b]x[/b] $\\nope{$"
    page = tmp_path / "page.html"
    result = cli("bill", export(ROW, {**ROW, "feature": name}), "--no-plan", "--html", str(page))
    assert result.exit_code == 0, result.output
    assert name in result.stdout
    assert name in page.read_text()


@pytest.mark.slow
def test_the_page_holds_the_figures_and_whole_drawings(cli, export, tmp_path):
    page = tmp_path / "page.html"
    assert cli("bill", export(ROW, {**ROW, "feature": "mail", "model": "gpt-4"}), "--html", str(page)).exit_code == 0
    html = page.read_text()
    total = COST + 1000 * 30 + 200 * 60
    assert f"${total:,.0f}" in html
    drawings = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(drawings) == 4  # by model, by feature, waterfall, shares
    for drawing in drawings:
        assert ElementTree.fromstring(drawing).tag.endswith("svg")
    again = tmp_path / "again.html"
    cli("bill", str(tmp_path / "usage.jsonl"), "--html", str(again))
    assert again.read_text() == html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "lite"], "one of openai, litellm, openai-batch, rows"),
        (["--price-as", "gpt-4"], "expected NAME=MODEL"),
        (["--price-as", "a=gpt-99"], "name a model that the price list has"),
        (["--days", "0"], "days: must be above 0"),
        (["--html", "/no/such/folder/page.html"], "the folder of /no/such/folder/page.html does not exist"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_the_work(cli, export, options, message):
    result = cli("bill", export(ROW), *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not result.stdout


def test_an_unknown_assumption_is_refused_with_the_nearest_one(cli, export, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("route_shar = 0.5\n")
    result = cli("bill", export(ROW), "--assumptions", str(file))
    assert result.exit_code == 2
    assert "did you mean route_share?" in result.stderr


def test_assumptions_change_the_plan(cli, export, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("route_share = 0.01\nbatch_share = 1.0\nbatch_embedding_share = 1.0\n")
    path = export(ROW)
    default, changed = (printed(cli("bill", path, "--json", *more)) for more in ([], ["--assumptions", str(file)]))
    assert default["total"] == changed["total"]
    assert default["plan"]["after"] != changed["plan"]["after"]


def test_a_file_that_is_no_export_fails_and_writes_nothing(cli, export, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("old")
    table = export("name,price", "x,1", name="prices.csv")
    result = cli("bill", export(ROW), table, "--html", str(page))
    assert result.exit_code == 1
    assert "prices.csv is a table" in result.stderr
    assert page.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "prices.csv", "usage.jsonl"]


def test_paths_that_would_spoil_the_bill_are_refused(cli, export, tmp_path):
    path = export(ROW)
    for arguments, message in (
        ([path, path], "named twice"),
        ([path, str(tmp_path / "gone.csv")], "does not exist"),
        ([path, "--html", path], "is one of the exports"),
        ([path, "--html", str(tmp_path)], "is a folder"),
    ):
        result = cli("bill", *arguments)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert json.loads(Path(path).read_text()) == ROW


@pytest.mark.slow
def test_a_page_that_cannot_be_made_leaves_the_old_one(cli, export, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("old")
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    result = cli("bill", export(ROW), "--html", str(page))
    assert result.exit_code != 0
    assert page.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "usage.jsonl"]
