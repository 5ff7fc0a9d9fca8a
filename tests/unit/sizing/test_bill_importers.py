"""What an export holds is what the records hold, whatever its form; each broken row costs itself alone."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from bill_exports import DAY, START, WRITERS, Use, page, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.sizing.bill.account import Account
from reference.sizing.bill.importers import read_records
from reference.sizing.bill.importers.source import LINE
from reference.sizing.bill.lines import BillError
from reference.sizing.bill.records import Fault, Faults, Record

MODELS = ("gpt-4", "gpt-4o-mini-2024-07-18", "text-embedding-3-small")
tokens = st.integers(0, 10**12)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=12)


@st.composite
def uses(draw) -> Use:
    cached, plain = draw(tokens), draw(tokens)
    return Use(
        draw(st.sampled_from(MODELS)), cached + plain, cached, draw(tokens), draw(st.booleans()), draw(names),
        draw(names), draw(st.integers(0, 29)),
    )  # fmt: skip


def read(path: Path, **options) -> tuple[list[Record], Faults, Counter[str]]:
    faults, seen = Faults(), Counter()
    return list(read_records(path, faults, seen=seen, **options)), faults, seen


def made(folder: Path, text: str | bytes, name: str = "export") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sums(rows, carried) -> dict[tuple, tuple[int, int, int]]:
    """Input, cached and output tokens by model and by whatever the format carries."""
    found: dict[tuple, list[int]] = {}
    for model, numbers, labels in rows:
        key = (model, *(labels[name] for name in sorted(carried)))
        total = found.setdefault(key, [0, 0, 0])
        for index, number in enumerate(numbers):
            total[index] += number
    return {key: tuple(total) for key, total in found.items() if any(total)}


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", list(WRITERS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(uses(), max_size=8), order=st.randoms(use_true_random=False))
def test_sums_of_every_format_in_any_order_are_what_was_written(name, zipped, rows, order, tmp_path):
    carried = WRITERS[name][2]
    shuffled = list(rows)
    order.shuffle(shuffled)
    records, faults, _ = read(write(name, shuffled, tmp_path, zipped))
    assert faults.total == 0, faults.first
    unnamed = "k1" if name.startswith("gateway") else ""  # without a feature its key stands for one
    expected = [
        (
            row.model,
            (row.input, row.cached, row.output),
            {"batch": row.batch, "tenant": row.tenant.strip(), "feature": row.feature.strip() or unnamed},
        )
        for row in rows
    ]
    got = [
        (
            record.model,
            (record.input_tokens, record.cached_tokens, record.output_tokens),
            {"batch": record.batch, "tenant": record.tenant, "feature": record.feature},
        )
        for record in records
    ]
    assert sums(got, carried) == sums(expected, carried)
    assert sum(record.requests for record in records) == len(rows)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("page", "openai"), ("dashboard", "openai"), ("old dashboard", "openai"), ("gateway table", "openai"),
        ("litellm table", "litellm"), ("litellm lines", "litellm"), ("batch output", "openai-batch"),
        ("plain table", "rows"),
    ],
)  # fmt: skip
def test_the_format_is_told_from_the_names_of_the_rows(name, expected, tmp_path):
    _, _, seen = read(write(name, [Use("gpt-4", 10)], tmp_path))
    assert seen[expected] == 1
    assert set(seen) <= {expected, "empty"}


@pytest.mark.parametrize(
    "name", ["page", "page on one line", "list of pages", "pages as lines", "buckets as lines", "dashboard"]
)
def test_results_have_the_times_of_their_bucket(name, tmp_path):
    [record] = read(write(name, [Use("gpt-4", 10)], tmp_path))[0]
    assert (record.start, record.end) == (START, START + DAY)


def test_output_of_the_batch_api_is_priced_as_a_batch(tmp_path):
    [record] = read(write("batch output", [Use("gpt-4", 10)], tmp_path))[0]
    assert record.batch


def test_a_format_may_be_forced(tmp_path):
    path = made(tmp_path, '{"model": "gpt-4", "prompt_tokens": 5, "metadata": {"feature": "chat"}}')
    assert [record.feature for record in read(path)[0]] == [""]
    assert [record.feature for record in read(path, format="litellm")[0]] == ["chat"]
    with pytest.raises(BillError, match="format 'lite' is not known; one of openai"):
        read(path, format="lite")


def test_embeddings_are_told_from_chats(tmp_path):
    rows = [
        {"model": "text-embedding-3-small", "input_tokens": 1},
        {"model": "house-model", "input_tokens": 1, "object": "organization.usage.embeddings.result"},
        {"model": "house-model", "prompt_tokens": 1, "call_type": "aembedding", "spend": 0},
        {"model": "gpt-4", "input_tokens": 1},
    ]
    path = made(tmp_path, "\n".join(map(json.dumps, rows)))
    assert [record.kind for record in read(path)[0]] == ["embedding", "embedding", "embedding", "chat"]


def test_an_answer_from_litellms_own_cache_is_marked_as_such(tmp_path):
    row = {"model": "gpt-4", "prompt_tokens": 9, "completion_tokens": 1, "spend": 0, "cache_hit": "True"}
    path = made(tmp_path, json.dumps(row) + "\n" + json.dumps({**row, "cache_hit": "miss"}))
    assert [record.answered_from_cache for record in read(path)[0]] == [True, False]


def test_what_the_gateways_caches_answered_is_counted_beside_its_requests(tmp_path):
    path = write("gateway table", [Use("gpt-4", 10)], tmp_path)
    header, row = path.read_text().splitlines()
    path.write_text(
        f"{header},exact_cache_answers,exact_cache_input_tokens,exact_cache_output_tokens,coalesced_answers,"
        f"coalesced_input_tokens,coalesced_output_tokens\n{row},2,1000000,0,1,500000,1000000\n"
    )
    [record] = read(path)[0]
    assert (record.input_tokens, record.avoided) == (10, (3, 1_500_000, 1_000_000))
    account = Account()
    account.add(record)
    bill = account.bill()
    assert bill.total.input_tokens == 10
    assert bill.savings.own_cache == pytest.approx(1.5 * 30 + 60)


def test_a_failed_request_of_a_batch_costs_nothing(tmp_path):
    failed = {"custom_id": "a", "response": {"status_code": 500, "body": {"error": {}}}, "error": None}
    expired = {"custom_id": "b", "response": None, "error": {"code": "batch_expired"}}
    records, faults, seen = read(made(tmp_path, "\n".join(map(json.dumps, [failed, expired]))))
    assert (records, faults.total, seen["empty"]) == ([], 0, 2)


def test_flex_is_priced_as_a_batch_and_priority_is_remarked(tmp_path):
    text = "model,input_tokens,num_model_requests,service_tier\n" + "".join(
        f"gpt-4,10,1,{tier}\n" for tier in ("default", "flex", "priority", "batch")
    )
    records, _, _ = read(made(tmp_path, text))
    assert [record.batch for record in records] == [False, True, False, True]
    assert [len(record.remarks) for record in records] == [0, 1, 1, 0]


def test_audio_and_cache_writes_are_counted_apart(tmp_path):
    row = {"model": "gpt-4o", "input_tokens": 5, "input_audio_tokens": 7, "output_audio_tokens": 2}
    [record] = read(made(tmp_path, json.dumps(row)))[0]
    assert record.unpriced == (("audio", 9),)


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1234", 1234), ("1,234", 1234), ("1,234,567", 1234567), ("1 234", 1234), ("1'234", 1234), ("$1,234", 1234),
     ("€ 12", 12), ("12.0", 12), ("1.234.567", 1234567), ("1e3", 1000), (" 7 ", 7), ("1\u202f234", 1234)],
)  # fmt: skip
def test_counts_may_have_separators_and_currency_symbols(cell, number, tmp_path):
    [record] = read(made(tmp_path, f'model;input_tokens\ngpt-4;"{cell}"\n'))[0]
    assert record.input_tokens == number


@pytest.mark.parametrize(
    ("cell", "dollars"),
    [("0.03", 0.03), ("$1,234.56", 1234.56), ("12,50", 12.5), ("1.234,56", 1234.56), ("USD 3", 3.0), ("(2.00)", -2.0),
     ("€3", None), ("n/a", None), ("nan", None), ("", None)],
)  # fmt: skip
def test_stated_costs_are_read_as_money(cell, dollars, tmp_path):
    [record] = read(made(tmp_path, f'model;input_tokens;Cost (USD)\ngpt-4;5;"{cell}"\n'))[0]
    assert record.stated == dollars
    assert bool(record.remarks) == (dollars is None and bool(cell))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(START, START), (START * 1000, START), (str(START), START), ("2024-11-01", START), ("2024-11-01T00:00:00Z", START),
     ("2024-11-01 00:00:00", START), ("2024-11-01T01:00:00+01:00", START), ("20241101", START), ("soon", None),
     (True, None), (-1, None), (10**400, None), ("", None)],
)  # fmt: skip
def test_times_are_read_in_seconds_milliseconds_and_iso(value, seconds, tmp_path):
    [record] = read(made(tmp_path, json.dumps({"model": "gpt-4", "input_tokens": 1, "start_time": value})))[0]
    assert record.start == seconds


GOOD = {"model": "gpt-4", "input_tokens": 10, "input_cached_tokens": 0, "output_tokens": 1}
BAD_JSON = {
    "negative": ({**GOOD, "input_tokens": -1}, "input_tokens: -1 is negative"),
    "not a number": ({**GOOD, "output_tokens": "many"}, "output_tokens: 'many' is not a number"),
    "not a number, a list": ({**GOOD, "input_tokens": [1]}, r"input_tokens: \[1\] is not a number"),
    "not a number, a boolean": ({**GOOD, "input_tokens": True}, "input_tokens: True is not a number"),
    "not whole": ({**GOOD, "input_tokens": 1.5}, "is not a whole number"),
    "too large": ({**GOOD, "input_tokens": 10**30}, "more than one row can hold"),
    "cached above input": ({**GOOD, "input_cached_tokens": 11}, "cached_tokens: 11 of 10 input tokens"),
    "no model": ({**GOOD, "model": None}, "model: is empty; .* group_by=model"),
    "no tokens": ({"model": "gpt-4"}, "input_tokens: no such field"),
    "no tokens, but output": ({**GOOD, "input_tokens": None}, "input_tokens: is empty, but there are 1 output"),
}


@pytest.mark.parametrize("name", list(BAD_JSON))
@pytest.mark.parametrize("container", ["lines", "page", "bucket"])
def test_each_broken_row_is_named_and_the_others_count(name, container, tmp_path):
    row, reason = BAD_JSON[name]
    if container == "lines":
        text = "\n".join(map(json.dumps, [GOOD, row, GOOD]))
    else:
        whole = page([Use("gpt-4", 0)])
        whole["data"][0]["results"] = [GOOD, row, GOOD]
        text = json.dumps(whole, indent=1 if container == "page" else None)
    records, faults, _ = read(made(tmp_path, text))
    assert [record.input_tokens for record in records] == [10, 10]
    [fault] = faults.first
    assert fault.kind == name.split(",")[0]
    assert re.search(reason, fault.reason), fault.reason
    if container == "lines":
        assert fault.line == 2


@pytest.mark.parametrize(
    ("line", "kind"),
    [('{"model": "gpt-4", "input_tokens": NaN}', "broken JSON"),
     ('{"model": "gpt-4", "input_tokens": Infinity}', "broken JSON"),
     ('{"model": "gpt-4", "input_tokens": 1', "broken JSON"), ("{'model': 'gpt-4'}", "broken JSON"),
     ('{"model": "gpt-4", "input_tokens": ' + "9" * 5000 + "}", "broken JSON"), ("[" * 100_000, "broken JSON"),
     ('"gpt-4"', "not an object"), ("7", "not an object"), ('{"model": "gpt-4", "input_tokens": 1}\0', "NUL byte"),
     ('{"model": "gpt-4", "text": "' + "x" * LINE + '", "input_tokens": 1}', "line too long")],
    ids=["nan", "infinity", "cut", "quotes", "5000 digits", "nested", "text", "number", "nul", "long"],
)  # fmt: skip
def test_a_broken_line_of_json_costs_that_line_alone(line, kind, tmp_path):
    good = json.dumps(GOOD)
    records, faults, _ = read(made(tmp_path, f"{good}\n\n{line}\r\n{good}\n"))
    assert len(records) == 2
    assert faults.first == [Fault("export", 3, kind, faults.first[0].reason)]


HEADER = "model,input_tokens,output_tokens\n"


@pytest.mark.parametrize(
    ("row", "kind"),
    [("gpt-4,1", "wrong number of fields"), ("gpt-4,1,2,3", "wrong number of fields"),
     ("gpt-4,1,234,5", "wrong number of fields"), ("gpt-4,nan,1", "not finite"), ("gpt-4,inf,1", "not finite"),
     ("gpt-4,-5,1", "negative"), ("gpt-4,(5),1", "negative"), ("gpt-4,1" + "0" * 30 + ",1", "too large"),
     (",5,1", "no model"), ("gpt-4,\0,1", "NUL byte"), ('"gpt-4,1,2', "open quote"), ("gpt-4,1.234,1", "not whole"),
     ("gpt-4,1e999,1", "not finite")],
)  # fmt: skip
def test_a_broken_row_of_a_table_costs_that_row_alone(row, kind, tmp_path):
    records, faults, _ = read(made(tmp_path, f"{HEADER}gpt-4,10,1\n{row}\n\ngpt-4,10,1\n"))
    assert [record.input_tokens for record in records] == [10, 10]
    assert [(fault.line, fault.kind) for fault in faults.first] == [(3, kind)]


def test_a_quoted_text_may_run_over_lines_and_line_numbers_go_on(tmp_path):
    text = 'model,input_tokens,note\ngpt-4,1,"two\nlines, ""quoted"""\ngpt-4,-1,x\ngpt-4,2,5" screen\n'
    records, faults, _ = read(made(tmp_path, text))
    assert [record.input_tokens for record in records] == [1, 2]
    assert [fault.line for fault in faults.first] == [4]


def test_a_stray_quote_does_not_swallow_what_follows(tmp_path):
    text = 'model,input_tokens,note\n"gpt-4,1,x\n' + "gpt-4,2,x\n" * 5000
    records, faults, _ = read(made(tmp_path, text))
    assert (len(records), [fault.line for fault in faults.first]) == (5000, [2])


def test_two_stray_quotes_cost_their_rows_alone(tmp_path):
    text = 'model,input_tokens,note\n"gpt-4,1,x\ngpt-4,2,x\n"gpt-4,3,x\ngpt-4,4,x\n'
    records, faults, _ = read(made(tmp_path, text))
    assert [record.input_tokens for record in records] == [2, 4]
    assert [fault.line for fault in faults.first] == [2, 4]


def test_a_document_that_breaks_off_keeps_what_came_before(tmp_path):
    text = json.dumps(page([Use("gpt-4", n) for n in range(1, 6)]), indent=2)
    cut = text[: text.index('"input_tokens": 4')]
    records, faults, _ = read(made(tmp_path, cut))
    assert [record.input_tokens for record in records] == [1, 2, 3]
    assert faults.kinds == {"broken JSON": 1}
    assert faults.first[0].line > 30


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_a_document_may_be_cut_into_pieces_anywhere(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr("reference.sizing.bill.importers.document._CHUNK", chunk)
    uses = [Use("gpt-4", 12345678 + n, 123, 45678, tenant=f"é{n}", day=n) for n in range(5)]
    bucket = {"start_time": START, "end_time": START + DAY, "results": page(uses)["data"][0]["results"]}
    text = json.dumps(page(uses), indent=2, ensure_ascii=False) + "\n" + json.dumps(bucket, indent=2)
    records, faults, _ = read(made(tmp_path, text))
    assert not faults.total
    assert [record.input_tokens for record in records] == [*(use.input for use in uses), uses[0].input]
    assert [record.start for record in records] == [*(START + n * DAY for n in range(5)), START]
    assert [record.tenant for record in records[:5]] == [f"é{n}" for n in range(5)]


@pytest.mark.slow
def test_a_damaged_archive_keeps_what_came_before(tmp_path):
    whole = gzip.compress("".join(json.dumps({**GOOD, "user": str(n * n)}) + "\n" for n in range(50_000)).encode())
    records, faults, _ = read(made(tmp_path, whole[: len(whole) // 2], "a.gz"))
    assert 1000 < len(records) < 50_000
    assert faults.kinds == {"damaged archive": 1}


def test_only_the_first_faults_are_kept_and_all_are_counted(tmp_path):
    records, faults, _ = read(made(tmp_path, HEADER + "gpt-4,-1,1\ngpt-4,x,1\n" * 5000))
    assert not records
    assert (faults.total, len(faults.first), faults.kinds["negative"]) == (10_000, 20, 5000)


@pytest.mark.parametrize(
    "text", ["", "\n\n", HEADER, "\ufeff" + HEADER, "\ufeff[]", '{"object":"page","data":[]}', "[]", "{}\n"]
)
def test_an_export_without_usage_has_no_records(text, tmp_path):
    records, faults, _ = read(made(tmp_path, text))
    assert not records
    assert not faults.total


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"PK\x03\x04xx", "Excel workbook: unpack it"), (b"PAR1xx", "Parquet"), ("a,b\n".encode("utf-16"), "UTF-16"),
     (b"\x1f\x8bnot gzip at all", "damaged gzip"),
     (b"start_time,amount_value,amount_currency\n1,2,usd\n", "cost export"),
     (b"hello\nworld\n", "one column"), (b"name,price\nx,1\n", "found: name, price"),
     (b"model,model,input_tokens\nx,y,1\n", "two columns have one name")],
)  # fmt: skip
def test_what_is_no_usage_export_is_refused_with_the_mend(data, message, tmp_path):
    with pytest.raises(BillError, match=message):
        read(made(tmp_path, data))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(BillError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(BillError, match="cannot be read: No such file"):
        read(tmp_path / "gone")


def test_names_cannot_reach_a_terminal_as_commands(tmp_path):
    row = {**GOOD, "model": "gpt-4\x1b[31m", "tenant": "a\u202eb\x9bc", "feature": "x" * 5000}
    [record] = read(made(tmp_path, json.dumps(row)))[0]
    assert record.model == "gpt-4\\x1b[31m"
    assert record.tenant == "a\\u202eb\\x9bc"
    assert len(record.feature) == 120
    assert all(name.isprintable() for name in (record.model, record.tenant, record.feature))


def test_faults_quote_hostile_values_harmlessly(tmp_path):
    _, faults, _ = read(made(tmp_path, json.dumps({**GOOD, "input_tokens": "\x1b]0;owned\x07" + "9" * 9999})))
    assert faults.first[0].reason.isprintable()
    assert len(faults.first[0].reason) < 200


PAD = "y" * 20_000  # wide rows: few allocations to trace, and all of 50 MB if a reader keeps what it read
WIDE = {
    "table": ("model,input_tokens,note\n", f"gpt-4,7,{PAD}\n", ""),
    "table with quotes": ("model,input_tokens,note\n", f'gpt-4,7,"{PAD[:9000]}\n{PAD[9000:]}"\n', ""),
    "lines": ("", json.dumps({**GOOD, "input_tokens": 7, "note": PAD}) + "\n", ""),
    "list": ("[\n", json.dumps({**GOOD, "input_tokens": 7, "note": PAD}) + ",\n", "{}]"),
    "page on one line": (
        '{"object": "page", "data": [',
        json.dumps({"object": "bucket", "results": [{**GOOD, "input_tokens": 7, "note": PAD}]}) + ", ",
        '{"object": "bucket", "results": []}], "has_more": false}',
    ),
    "lines without an end": ("", "x" * 1_000_000, ""),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "zipped"), [*((name, False) for name in WIDE), ("lines", True), ("page on one line", True)]
)
def test_fifty_megabytes_stream_through_bounded_memory(name, zipped, tmp_path):
    head, row, tail = (part.encode() for part in WIDE[name])
    repeats = 50_000_000 // len(row)
    path = tmp_path / "large"
    with gzip.open(path, "wb", 1) if zipped else open(path, "wb") as file:
        file.write(head)
        for _ in range(repeats):
            file.write(row)
        file.write(tail)
    assert zipped or path.stat().st_size > 49e6
    account, faults = Account(), Faults()
    tracemalloc.start()
    try:
        for record in read_records(path, faults):
            account.add(record)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    path.unlink()
    assert peak < 16e6
    if name == "lines without an end":
        assert (account.records, faults.kinds) == (0, {"line too long": 1})
    else:
        assert account.bill().total.input_tokens == 7 * repeats
        assert faults.total == 0


@pytest.mark.slow
def test_long_names_do_not_stay_in_memory(tmp_path):
    path = tmp_path / "long"
    with open(path, "w") as file:
        for number in range(2500):
            name = f"{number:05d}" + "z" * 10_000
            file.write(json.dumps({**GOOD, "tenant": name, "feature": name, name: 1, "start_time": name}) + "\n")
    account = Account()
    tracemalloc.start()
    try:
        for record in read_records(path, Faults()):
            account.add(record)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert account.records == 2500
    assert left < 12e6


def test_the_period_includes_days_without_usage(tmp_path):
    account = Account()
    path = write("dashboard", [Use("gpt-4", 5)], tmp_path)
    for record in read_records(path, Faults(), covered=account.cover):
        account.add(record)
    assert account.bill().period.days == 2
    assert account.bill().period.start == START
    assert account.bill().period.end == START + 2 * DAY
