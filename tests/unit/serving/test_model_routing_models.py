"""The small model, the router and the files they come from."""

from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest
from routing_fakes import NAME, embed

from reference.serving.model_routing import router as routing
from reference.serving.model_routing import sealed, small_model
from reference.serving.model_routing.evaluation import reliability
from reference.serving.model_routing.extraction import NONE, ORDER, PRODUCT, chosen, rule, truth
from reference.serving.model_routing.questions import SPLITS, few_labels, many_labels, questions, sentences, split_of
from reference.serving.model_routing.recorded_files import read_recorded
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.rollout.versions.task import INTENTS, templates


@pytest.fixture(scope="module")
def asked():
    return questions(per_template=5)


@pytest.fixture(scope="module")
def vectors(asked):
    return embed([one.text for one in asked])


@pytest.fixture(scope="module")
def head():
    texts, labels = many_labels(240)
    return small_model.train(embed(texts), labels, NAME)


@pytest.fixture(scope="module")
def saved(head, tmp_path_factory):
    """The small model as a file has it: a router remembers its version."""
    return head.save(tmp_path_factory.mktemp("small") / "small.json")


@pytest.fixture(scope="module")
def trained(asked, vectors, saved):
    """kind -> (router, right): a small model that fails on denials and on one other message in ten."""
    right = np.array([one.group != "negation" and k % 10 != 0 for k, one in enumerate(asked)])
    rows = np.flatnonzero([one.split != "held-out" for one in asked])
    aside = np.array([asked[k].split == "calibration" for k in rows])
    texts, groups = [asked[k].text for k in rows], [asked[k].template for k in rows]

    @functools.cache
    def of(kind):
        return routing.train(kind, vectors[rows], texts, right[rows], groups, aside, NAME, saved), right

    return of


def test_no_sentence_is_in_two_splits_and_no_message_is_asked_twice(asked):
    where = {}
    for one in asked:
        assert where.setdefault(one.template, one.split) == one.split
    assert set(where.values()) == set(SPLITS)
    assert len({one.text for one in asked}) == len(asked)


def test_every_fold_holds_out_other_sentences_and_four_folds_all_of_them():
    held = [{k for k in range(12) if split_of(k, fold) == "held-out"} for fold in range(4)]
    assert set().union(*held) == set(range(12))
    assert sum(map(len, held)) == 12


def test_sentences_of_the_tests_do_not_train_the_small_models():
    for intent in INTENTS:
        assert not set(sentences(intent)) & set(templates(intent, test=False))


def test_few_labels_are_few_and_many_are_more():
    assert len(few_labels()[0]) == 8 * len(INTENTS)
    assert len(many_labels()[0]) > 10 * len(few_labels()[0])


def test_the_rules_find_what_the_generator_put_in(asked):
    for task, least in ((ORDER, 1.0), (PRODUCT, 0.97)):
        rows = chosen(task, asked, 120)
        right = [rule(task, asked[k].text) == truth(task, asked[k]) for k in rows]
        assert np.mean(right) >= least, task
        with_something = np.mean([truth(task, asked[k]) != NONE for k in rows])
        assert with_something == pytest.approx(0.5)


def test_numbers_that_are_no_orders_are_not_taken_for_one():
    for text in ("error 55 appears on the tent", "7 euros too much (my e-mail: gita24@mail.example)", "preorder 5"):
        assert rule(ORDER, text) == NONE
    assert rule(ORDER, "Please cancel Order number 31.") == "31"


def test_the_small_model_learns_the_task_and_its_probabilities_sum_to_one(asked, vectors, head):
    found = head.predict_proba(vectors)
    assert found.sum(axis=1) == pytest.approx(1.0)
    right = np.mean([said == one.intent for one, (said, _) in zip(asked, head.answer(vectors), strict=True)])
    assert right > 2 / len(INTENTS)


def test_temperature_mends_a_confidence_that_does_not_fit(asked, vectors):
    texts, labels = many_labels(240)
    half = np.arange(0, len(asked), 2), np.arange(1, len(asked), 2)
    intents = [one.intent for one in asked]
    plain = small_model.train(embed(texts), labels, NAME)
    mended = small_model.train(embed(texts), labels, NAME, (vectors[half[0]], [intents[k] for k in half[0]]))

    def error(model):
        said = model.answer(vectors[half[1]])
        right = [label == intents[k] for (label, _), k in zip(said, half[1], strict=True)]
        return reliability([sure for _, sure in said], right).error

    assert error(mended) < error(plain)


def test_a_saved_small_model_answers_the_same(tmp_path, vectors, head):
    saved = head.save(tmp_path / "m.json")
    again = small_model.load(tmp_path / "m.json", NAME)
    assert again.version == saved.version != "unsaved"
    assert again.predict_proba(vectors) == pytest.approx(head.predict_proba(vectors), abs=1e-3)


@pytest.mark.parametrize("kind", ["router", "cascade"])
def test_router_knows_on_unseen_sentences_where_the_small_model_fails(kind, asked, vectors, saved, trained):
    router, right = trained(kind)
    held = np.flatnonzero([one.split == "held-out" for one in asked])
    scores = router.scores(vectors[held], [asked[k].text for k in held], saved)
    good, bad = scores[right[held]], scores[~right[held]]
    assert np.mean(good[:, None] > bad[None, :]) > 0.8


@pytest.mark.parametrize("kind", ["router", "cascade"])
def test_a_saved_router_chooses_the_same_through_the_gateways_seam(kind, tmp_path, asked, vectors, saved, trained):
    small = saved
    router, _ = trained(kind)
    cut = float(np.median(router.scores(vectors[:80], [one.text for one in asked[:80]], small)))
    router.at(cut).save(tmp_path / "router.json")
    router = routing.load(tmp_path / "router.json", kind, NAME)
    chooser = routing.ModelChooser(router, embed, small)
    scores = router.scores(vectors[:80], [one.text for one in asked[:80]], small)
    choices = [chooser.choose(one.text) for one in asked[:80]]
    assert [one.score for one in choices] == pytest.approx(scores, abs=1e-6)
    assert [one.tier for one in choices] == ["small" if score >= cut else "strong" for score in scores]
    assert {one.tier for one in choices} == {"small", "strong"}
    assert router.version in chooser.version


def test_a_router_without_a_threshold_always_takes_the_strong_model(tmp_path, asked, trained):
    router, _ = trained("router")
    router.save(tmp_path / "router.json")
    router = routing.load(tmp_path / "router.json", "router")
    assert math.isinf(router.threshold)
    assert routing.ModelChooser(router, embed).choose(asked[0].text).tier == "strong"


def test_a_cascade_refuses_another_small_model_than_it_was_trained_with(head, trained):
    router, _ = trained("cascade")
    with pytest.raises(RoutingError, match="small"):
        routing.ModelChooser(router, embed, head)
    with pytest.raises(RoutingError, match="small"):
        routing.ModelChooser(router, embed)


def test_training_refuses_sentences_on_both_sides_and_a_model_that_is_always_right(asked, vectors):
    texts, groups = [one.text for one in asked], [one.template for one in asked]
    aside = np.arange(len(asked)) % 2 == 0
    right = np.arange(len(asked)) % 3 == 0
    with pytest.raises(RoutingError, match="in training and in calibration"):
        routing.train("router", vectors, texts, right, groups, aside, NAME)
    own = [f"{group}{side}" for group, side in zip(groups, aside, strict=True)]
    with pytest.raises(RoutingError, match="small_right"):
        routing.train("router", vectors, texts, np.ones(len(asked), bool), own, aside, NAME)


def test_a_changed_file_is_not_loaded(tmp_path, head):
    path = tmp_path / "m.json"
    head.save(path)
    document = json.loads(path.read_text())
    document["content"]["bias"][0] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(RoutingError, match="sha256"):
        small_model.load(path)


def test_files_of_another_kind_or_embedder_are_refused_and_damaged_ones_named(tmp_path, head):
    path = tmp_path / "m.json"
    head.save(path)
    with pytest.raises(RoutingError, match="not 'router'"):
        routing.load(path, "router")
    with pytest.raises(RoutingError, match="another-embedder"):
        small_model.load(path, "another-embedder")
    path.write_text(path.read_text()[:100])
    with pytest.raises(RoutingError, match="damaged"):
        small_model.load(path)
    with pytest.raises(RoutingError, match="cannot be read"):
        small_model.load(tmp_path / "none.json")


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.json"
    sealed.save(path, "k", {"a": 1})
    with pytest.raises(ValueError):
        sealed.save(path, "k", {"a": float("nan")})
    assert sealed.load(path, "k")[0] == {"a": 1}


def test_vectors_of_another_width_are_refused(head, vectors):
    with pytest.raises(RoutingError, match="vectors"):
        head.predict_proba(vectors[:, :5])


def test_reliability_of_true_probabilities_is_near_zero_and_of_false_ones_is_not():
    rng = np.random.default_rng(2)
    truth_of = rng.random(4000)
    right = rng.random(4000) < truth_of
    assert reliability(truth_of, right).error < 0.03
    assert reliability(np.full(4000, 0.9), right).error == pytest.approx(0.9 - right.mean(), abs=1e-9)


RECORDED = (("What is 2+2?", True, True), ('Name the capital, "of" France', True, False), ("line\nbreak", False, False))


def written(tmp_path, kind, names):
    path = tmp_path / f"recorded.{kind}"
    if kind == "csv":
        import csv

        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["prompt", *names])
            writer.writerows(RECORDED)
    else:
        path.write_text(
            "\n".join(json.dumps(dict(zip(("prompt", *names), row, strict=True))) for row in RECORDED) + "\n"
        )
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "names", [("strong_correct", "weak_correct"), ("gpt-4-1106-preview", "mistralai/Mixtral-8x7B")]
)
def test_recorded_answers_of_others_are_read_under_their_own_column_names(tmp_path, kind, names):
    found = read_recorded(written(tmp_path, kind, names), names)
    assert found.prompts == tuple(row[0] for row in RECORDED)
    assert found.strong_right == (True, True, False)
    assert found.weak_right == (True, False, False)
    judged = found.judged(strong_cost=2.0, weak_cost=0.5)
    assert judged.cost_share([True, False, False]) == pytest.approx(4.5 / 6)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("a.csv", "prompt,strong_correct\nq,True\n", "line 2: no column weak_correct"),
        ("a.csv", "prompt,strong_correct,weak_correct\nq,True,perhaps\n", "line 2, weak_correct: .*'perhaps'"),
        ("a.csv", "prompt,strong_correct,weak_correct\nq,True\n", "line 2, weak_correct"),
        ("a.csv", "prompt,strong_correct,weak_correct\n,True,True\n", "line 2, prompt"),
        ("a.csv", "prompt,strong_correct,weak_correct\n", "no rows"),
        ("a.jsonl", '{"prompt": "q", "strong_correct": true, "weak_correct": null}\n', "line 1, weak_correct"),
        ("a.jsonl", '\n{"prompt": \n', "line 2: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: must be a JSON object"),
    ],
)
def test_bad_recorded_answers_are_refused_with_line_and_column(tmp_path, name, text, named):
    (tmp_path / name).write_text(text)
    with pytest.raises(RoutingError, match=named):
        read_recorded(tmp_path / name)


def test_recorded_answers_need_two_columns_and_a_file(tmp_path):
    with pytest.raises(RoutingError, match="columns"):
        read_recorded(tmp_path / "a.csv", ("x", "x"))
    with pytest.raises(RoutingError, match="cannot be read"):
        read_recorded(tmp_path / "a.csv")
