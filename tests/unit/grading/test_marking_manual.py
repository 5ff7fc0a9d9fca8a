"""marks.csv: nothing that a person typed is lost, and nothing that they did not mean is taken."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest
from marking_values import NUMBERS, TEXT, assignment

from exercises.catalogue import exercise
from workbook.grading.manual import CHANGED, answer_hash, read_marks, strangers, updated, write_marks
from workbook.grading.types import GradingError

RUBRIC = exercise(TEXT).rubric
FIRST = RUBRIC[0].name


@pytest.fixture
def made():
    return assignment("ada", "bob", "007")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "marks.csv"


def texts(**answers: str) -> dict:
    return {student: ({TEXT: answer} if answer else {}) for student, answer in answers.items()}


def start(path, made, **answers):
    write_marks(path, updated(read_marks(path, made), texts(**answers), made))
    return table(path)


def table(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def fill(path, change, delimiter=",", encoding="utf-8", bom=False, newline="\r\n"):
    """Save the file as a spreadsheet does, with `change(row)` applied to every row."""
    rows = table(path)
    for row in rows:
        change(row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode(encoding))


def test_every_criterion_of_every_answer_has_a_row_and_nobody_elses(path, made):
    rows = start(path, made, ada="my answer", bob="")
    assert [(row["student"], row["exercise"], row["criterion"]) for row in rows] == [
        ("ada", TEXT, criterion.name) for criterion in RUBRIC
    ]
    assert [float(row["of"]) for row in rows] == [criterion.points for criterion in RUBRIC]
    assert {row["points"] + row["comment"] + row["changed"] for row in rows} == {""}


def test_no_open_answer_makes_no_file(path, made):
    write_marks(path, updated(read_marks(path, made), texts(ada=""), made))
    assert not path.exists()


def test_marks_and_comments_survive_and_only_new_rows_come(path, made):
    start(path, made, ada="mine")

    def marked(row):
        row["points"], row["comment"] = "1", "good; but, how?\nsecond line"

    fill(path, marked)
    before = path.read_bytes()
    rows = start(path, made, ada="mine", bob="his")
    assert [row["comment"] for row in rows[: len(RUBRIC)]] == ["good; but, how?\nsecond line"] * len(RUBRIC)
    assert [row["student"] for row in rows] == ["ada"] * len(RUBRIC) + ["bob"] * len(RUBRIC)
    points, comments, changed = read_marks(path, made).of("ada")
    assert points == {TEXT: {criterion.name: 1.0 for criterion in RUBRIC}}
    assert comments[f"{TEXT}/{FIRST}"] == "good; but, how?\nsecond line"
    assert changed == []
    [backup] = (path.parent / "backups").iterdir()
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    "saved", [{"delimiter": ";"}, {"delimiter": "\t"}, {"bom": True}, {"encoding": "cp1252"}, {"encoding": "utf-16"}]
)
def test_what_spreadsheets_save_is_read(path, made, saved):
    start(path, made, ada="mine")

    def marked(row):
        row["points"], row["comment"] = "0,5", "très bien, né"

    fill(path, marked, **saved)
    points, comments, _ = read_marks(path, made).of("ada")
    assert set(points[TEXT].values()) == {0.5}
    assert set(comments.values()) == {"très bien, né"}


def test_what_belongs_to_nobody_and_columns_of_ones_own_stay_in_the_file(path, made):
    start(path, made, ada="mine")
    text = path.read_text().splitlines()
    text[0] += ",marked by"
    text[1:] = [line + ",Eve" for line in text[1:]]
    text.append("mallory,q9-gone,old criterion,2,3,a comment,,,Eve")
    path.write_text("\n".join(text) + "\n")
    rows = start(path, made, ada="mine", bob="his")
    assert [row["marked by"] for row in rows if row["student"] == "ada"] == ["Eve"] * len(RUBRIC)
    stranger = next(row for row in rows if row["student"] == "mallory")
    assert (stranger["points"], stranger["comment"], stranger["marked by"]) == ("2", "a comment", "Eve")
    assert [row.student for row in strangers(read_marks(path, made), made)] == ["mallory"]


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ("7", "out of range"),
        ("-1", "out of range"),
        ("nan", "out of range"),
        ("two", "no number"),
        ("1e999", "out of range"),
    ],
)
def test_points_that_cannot_be_are_refused_by_their_row_and_the_file_is_untouched(path, made, points, why):
    start(path, made, ada="mine")
    fill(path, lambda row: row.update(points=points) if row["criterion"] == FIRST else None)
    before = path.read_bytes()
    with pytest.raises(GradingError, match=rf"line 2 \(ada, {TEXT}, {FIRST}\).*{why}"):
        read_marks(path, made)
    assert path.read_bytes() == before


def test_every_criterion_takes_its_own_points_and_no_more(path, made):
    assert len({criterion.points for criterion in RUBRIC}) > 1
    start(path, made, ada="mine")
    fill(path, lambda row: row.update(points=row["of"]))
    assert read_marks(path, made).of("ada")[0][TEXT] == {criterion.name: criterion.points for criterion in RUBRIC}
    for number, criterion in enumerate(RUBRIC):
        more = {criterion.name: str(criterion.points + 0.5)}
        fill(path, lambda row, more=more: row.update(points=more.get(row["criterion"], "0")))
        with pytest.raises(GradingError, match=f"line {number + 2} .* out of range"):
            read_marks(path, made)


def test_the_line_that_is_named_is_the_files_even_behind_comments_of_two_lines(path, made):
    start(path, made, ada="mine")

    def change(row):
        row["comment"] = "one\ntwo"
        row["points"] = "99" if row["criterion"] == RUBRIC[1].name else ""

    fill(path, change, newline="\n")
    lines = path.read_text().split("\n")
    with pytest.raises(GradingError) as error:
        read_marks(path, made)
    number = int(str(error.value).split("line ")[1].split(" ")[0])
    assert "99" in "\n".join(lines[number - 2 : number])


def test_rows_below_an_empty_line_are_read_too(path, made):
    start(path, made, ada="mine")
    fill(path, lambda row: row.update(points="1"))
    head, first, *others = path.read_text().splitlines()
    path.write_text("\n".join([head, first, "," * head.count(","), "", *others]) + "\n")
    assert len(read_marks(path, made).rows) == len(RUBRIC)


def test_one_criterion_marked_twice_differently_is_refused(path, made):
    start(path, made, ada="mine")
    text = path.read_text()
    line = next(line for line in text.splitlines() if FIRST in line)
    path.write_text(text + line.replace(f"{FIRST},,", f"{FIRST},1,") + "\n")
    with pytest.raises(GradingError, match=r"lines 2 and 6: .* twice"):
        read_marks(path, made)


def test_a_file_without_our_columns_is_refused(path, made):
    path.write_text("name;note\nada;1\n")
    with pytest.raises(GradingError, match="no column 'student'"):
        read_marks(path, made)


def test_an_answer_changed_after_its_mark_says_so_until_a_person_has_looked(path, made):
    start(path, made, ada="first", bob="his")
    fill(path, lambda row: row.update(points="1"))
    start(path, made, ada="second", bob="his")
    assert read_marks(path, made).of("ada")[2] == [TEXT]
    assert read_marks(path, made).of("bob")[2] == []
    assert set(read_marks(path, made).of("ada")[0][TEXT].values()) == {1.0}
    rows = start(path, made, ada="second", bob="his")  # a regrade alone does not clear it
    assert {row["changed"] for row in rows if row["student"] == "ada"} == {CHANGED}
    fill(path, lambda row: row.update(changed=""))
    start(path, made, ada="second", bob="his")
    assert read_marks(path, made).of("ada")[2] == []


def test_an_answer_changed_before_its_mark_is_nothing_to_tell(path, made):
    start(path, made, ada="first")
    rows = start(path, made, ada="second")
    assert {row["changed"] for row in rows} == {""}
    assert {row["answer"] for row in rows} == {answer_hash("second")}


def test_rows_of_somebody_who_could_not_be_graded_now_stay_as_they_are(path, made):
    start(path, made, ada="first")
    fill(path, lambda row: row.update(points="1"))
    start(path, made, bob="his")
    assert read_marks(path, made).of("ada")[2] == []


def test_a_formula_typed_as_a_comment_comes_back_as_it_was_typed(path, made):
    start(path, made, ada="mine")
    fill(path, lambda row: row.update(comment="=1+1 is what you wrote"))
    rows = start(path, made, ada="mine", bob="his")
    assert rows[0]["comment"] == "'=1+1 is what you wrote"
    assert read_marks(path, made).of("ada")[1][f"{TEXT}/{FIRST}"] == "=1+1 is what you wrote"
    assert start(path, made, ada="mine", bob="his")[0]["comment"] == "'=1+1 is what you wrote"


def test_a_comment_is_never_cut(path, made):
    start(path, made, ada="mine")
    fill(path, lambda row: row.update(comment="x" * 30_000))
    assert len(start(path, made, ada="mine", bob="his")[0]["comment"]) == 30_000


def test_an_id_whose_zeros_a_spreadsheet_dropped_is_found(path, made):
    start(path, made, **{"007": "mine"})
    fill(path, lambda row: row.update(student="7", points="1"))
    assert set(read_marks(path, made).of("007")[0][TEXT].values()) == {1.0}


def test_pseudonyms_are_written_and_read_and_real_ids_still_are(path, made):
    alias = {"ada": "person-1", "bob": "person-2", "007": "person-3"}
    write_marks(path, updated(read_marks(path, made), texts(ada="mine"), made), alias)
    assert {row["student"] for row in table(path)} == {"person-1"}
    assert "ada" not in path.read_text()
    fill(path, lambda row: row.update(points="1"))
    back = {word: student for student, word in alias.items()}
    assert set(read_marks(path, made, back).of("ada")[0][TEXT].values()) == {1.0}
    fill(path, lambda row: row.update(student="ada"))
    assert set(read_marks(path, made, back).of("ada")[0][TEXT].values()) == {1.0}


def test_a_file_that_changed_while_it_was_read_is_not_overwritten(path, made):
    start(path, made, ada="mine")
    marks = updated(read_marks(path, made), texts(ada="mine", bob="his"), made)
    fill(path, lambda row: row.update(points="1"))
    before = path.read_bytes()
    with pytest.raises(GradingError, match="changed while"):
        write_marks(path, marks)
    assert path.read_bytes() == before


def test_nothing_new_leaves_the_file_and_makes_no_backup(path, made):
    start(path, made, ada="mine")
    stamp = path.stat().st_mtime_ns
    start(path, made, ada="mine")
    assert path.stat().st_mtime_ns == stamp
    assert not (path.parent / "backups").exists()


def test_backups_of_one_second_do_not_replace_each_other(path, made):
    start(path, made, ada="mine")
    for number in range(3):
        fill(path, lambda row, number=number: row.update(comment=str(number)))
        start(path, made, ada="mine", bob="his" * number)
    assert len(list((path.parent / "backups").iterdir())) == 3


def test_an_answers_hash_is_no_number_for_a_spreadsheet():
    assert all(answer_hash(str(number)).startswith("a") for number in range(50))
    assert answer_hash("text\n") == answer_hash(" text")


def test_an_answers_hash_is_the_one_in_files_that_were_written_before():
    assert answer_hash("text") == f"a{hashlib.sha256(b'text').hexdigest()[:10]}"


def test_points_of_an_exercise_without_a_rubric_are_strangers(path, made):
    path.write_text(f"student,exercise,criterion,points\nada,{NUMBERS},everything,4\n")
    assert [row.exercise for row in strangers(read_marks(path, made), made)] == [NUMBERS]
