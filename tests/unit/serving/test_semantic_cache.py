"""The semantic cache: what it finds again, what its guards refuse, and what invalidates an entry."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.semantic_cache import CacheError, SemanticCache, fingerprint, refusal
from reference.serving.semantic_cache.scope_vectors import ScopeVectors


def same_direction(texts):
    """The worst embedder there is: every text means the same. Only guards can tell texts apart."""
    return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


def by_letters(texts):
    rows = np.zeros((len(texts), 26), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for char in text.lower():
            if "a" <= char <= "z":
                row[ord(char) - 97] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


DIFFERENT = [
    ("numbers", "what is new in 3.11", "what is new in 3.12"),
    ("numbers", "wait 5 minutes", "wait 5 hours"),
    ("numbers", "use two threads", "use three threads"),
    ("numbers", "sort a list", "sort 10 lists"),
    ("numbers", "boot on x86", "boot on x64"),
    ("quoted", 'what does "fork" do', 'what does "exec" do'),
    ("quoted", "explain `ls -l`", "explain `ls -a`"),
    ("negation", "files that are owned by root", "files that are not owned by root"),
    ("negation", "why does it start", "why doesn't it start"),
    ("negation", "build it with tests", "build it without tests"),
    ("names", "how do I install Apache here", "how do I install Nginx here"),
    ("names", "what does os.path do", "what does os.walk do"),
    ("names", "how is MAX_PATH set", "how is MIN_PATH set"),
    ("names", "PostgreSQL backups", "MySQL backups"),
    ("opposite", "how do I enable the firewall", "how do I disable the firewall"),
    ("opposite", "stopping the server", "starting the server"),
    ("opposite", "the largest file", "the smallest file"),
    ("opposite", "events before the crash", "events after the crash"),
    ("question word", "who wrote the kernel", "when was the kernel written"),
    ("order", "convert yards to metres", "convert metres to yards"),
    ("order", "is perl faster than python", "is python faster than perl"),
]
SAME = [
    ("how do I rename a file", "how can I rename a file"),
    ("how do I use Python here", "how do I use python here"),
    ("what is garbage collection", "what does garbage collection mean"),
    ("sort a list of 10 numbers", "sorting a list of 10 numbers"),
    ('what does "fork" do', 'explain what "fork" does'),
    ("Why does my program not start?", "why will the program not start"),
]


@pytest.mark.parametrize(("guard", "stored", "asked"), DIFFERENT)
def test_a_guard_keeps_apart_what_vectors_cannot(guard, stored, asked):
    assert refusal(fingerprint(stored), fingerprint(asked)) == guard
    assert refusal(fingerprint(asked), fingerprint(stored)) == guard
    cache = SemanticCache(same_direction)
    cache.put(stored, "t", "answer")
    assert cache.get(asked, "t") is None
    assert cache.counts[f"refused_{guard.replace(' ', '_')}"] == 1


@pytest.mark.parametrize(("stored", "asked"), SAME)
def test_guards_let_paraphrases_through(stored, asked):
    assert refusal(fingerprint(stored), fingerprint(asked)) == ""
    cache = SemanticCache(same_direction)
    cache.put(stored, "t", "answer")
    hit = cache.get(asked, "t")
    assert (hit.value, hit.kind, hit.text) == ("answer", "similar", stored)


@given(st.text(max_size=120), st.text(max_size=120))
def test_guards_are_symmetric_and_let_a_text_answer_itself(one, two):
    first, second = fingerprint(one), fingerprint(two)
    assert refusal(first, first) == ""
    assert bool(refusal(first, second)) == bool(refusal(second, first))


# --- tiers, scopes, age -----------------------------------------------------------------------------------------------


def test_the_same_text_is_found_without_an_embedding():
    calls = []

    def embed(texts):
        calls.append(texts)
        return same_direction(texts)

    cache = SemanticCache(embed)
    cache.put("rename  a file", "t", 1)
    calls.clear()
    hit = cache.get(" rename a\nfile ", "t")
    assert (hit.value, hit.kind, hit.similarity) == (1, "exact", 1.0)
    assert calls == []
    assert cache.get("Rename a file", "t").kind == "similar"  # case may carry meaning: not exact


def test_nothing_crosses_a_scope():
    cache = SemanticCache(same_direction)
    cache.put("rename a file", "acme", "secret")
    for text in ("rename a file", "renaming a file"):
        assert cache.get(text, "beta") is None
        assert cache.get(text, "acme").value == "secret"


def test_a_text_below_the_threshold_is_no_hit():
    cache = SemanticCache(by_letters, threshold=0.9)
    cache.put("garbage collection", "t", 1)
    assert cache.get("garbage collections", "t").kind == "similar"
    assert cache.get("hippopotamus", "t") is None


def test_the_nearest_that_no_guard_refuses_is_taken():
    cache = SemanticCache(by_letters, threshold=0.5)
    cache.put("rename file 7", "t", "seven")
    cache.put("rename the file 8", "t", "eight")
    assert cache.get("rename file 8", "t").value == "eight"


def test_entries_end_with_their_time():
    clock = Clock()
    cache = SemanticCache(same_direction, ttl_s=10, clock=clock)
    cache.put("a question", "t", 1)
    clock.now = 9.9
    assert cache.get("a question", "t").age_s == pytest.approx(9.9)
    clock.now = 10.0
    assert cache.get_similar("the question", "t") is None
    assert cache.get("a question", "t") is None
    assert len(cache) == 0
    assert cache.counts["expired"] == 1


def test_the_least_recently_used_goes_first():
    cache = SemanticCache(max_entries=2)
    cache.put("a", "t", 1)
    cache.put("b", "t", 2)
    cache.get("a", "t")
    cache.put("c", "t", 3)
    assert [cache.get(text, "t") is not None for text in "abc"] == [True, False, True]


def test_a_text_stored_again_replaces_its_value_and_sources():
    cache = SemanticCache(same_direction)
    cache.put("a question", "t", 1, ["old"])
    cache.put("a question", "t", 2, ["new"])
    assert len(cache) == 1
    assert cache.invalidate("old") == 0
    assert cache.get("a question", "t").value == 2
    assert cache.invalidate("new") == 1


# --- changes of sources -----------------------------------------------------------------------------------------------


def test_a_changed_source_takes_its_entries_along_in_both_tiers():
    cache = SemanticCache(same_direction)
    cache.put("first question", "t", 1, ["doc1", "doc2"])
    cache.put("second topic", "u", 2, ["doc2"])
    cache.put("third", "t", 3, ["doc3"])
    assert cache.invalidate("doc2") == 2
    assert cache.get_exact("first question", "t") is None
    assert cache.get_similar("a second topic", "u") is None
    assert cache.get("third", "t").value == 3


def test_an_emptied_scope_costs_no_embedding():
    calls = []

    def embed(texts):
        calls.append(texts)
        return same_direction(texts)

    cache = SemanticCache(embed)
    cache.put("first question", "t", 1, ["doc1"])
    cache.invalidate("doc1")
    calls.clear()
    assert cache.get("another", "t") is None
    assert calls == []


def test_a_value_made_from_a_source_that_changed_meanwhile_is_not_stored():
    cache = SemanticCache(same_direction)
    mark = cache.mark()
    cache.invalidate("doc1")
    assert not cache.put("q", "t", "old", ["doc1"], since=mark)
    assert cache.put("r", "t", "other", ["doc2"], since=mark)
    assert cache.put("q", "t", "new", ["doc1"], since=cache.mark())
    assert cache.get("q", "t").value == "new"


def test_changes_that_were_forgotten_count_as_changed(monkeypatch):
    monkeypatch.setattr("reference.serving.semantic_cache.cache._SOURCES_REMEMBERED", 2)
    cache = SemanticCache()
    mark = cache.mark()
    for n in range(4):
        cache.invalidate(f"doc{n}")
    assert not cache.put("q", "t", "old", ["doc0"], since=mark)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 2), st.sets(st.integers(0, 3))),
        st.tuples(st.just("invalidate"), st.integers(0, 3)),
        st.tuples(st.just("get"), st.integers(0, 5), st.integers(0, 2)),
        st.tuples(st.just("tick"), st.floats(0, 6)),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(operations)
def test_the_exact_tier_behaves_as_a_dictionary_with_time_and_sources(steps):
    clock, model = Clock(), {}
    cache = SemanticCache(by_letters, ttl_s=10, clock=clock)
    for number, step in enumerate(steps):
        if step[0] == "put":
            _, text, scope, sources = step
            cache.put(f"text {text}", f"s{scope}", number, [f"d{n}" for n in sources])
            model[text, scope] = (number, sources, clock.now)
        elif step[0] == "invalidate":
            cache.invalidate(f"d{step[1]}")
            model = {key: value for key, value in model.items() if step[1] not in value[1]}
        elif step[0] == "tick":
            clock.now += step[1]
        else:
            _, text, scope = step
            known = model.get((text, scope))
            expected = known[0] if known and clock.now - known[2] < 10 else None
            hit = cache.get_exact(f"text {text}", f"s{scope}")
            assert (hit.value if hit else None) == expected


@settings(max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80), st.integers(1, 5))
def test_vectors_survive_any_order_of_adding_and_removing(steps, count):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(31, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored, model = ScopeVectors(4), set()
    for add, number in steps:
        if add:
            stored.add(("s", str(number)), vectors[number])
            model.add(number)
        else:
            stored.remove(("s", str(number)))
            model.discard(number)
    assert len(stored) == len(model)
    query = vectors[0] + 0.5 * vectors[1]  # unequal weights, or two rows would be equally near
    found = [int(key[1]) for key, _ in stored.nearest(query, count)]
    assert found == sorted(model, key=lambda n: -float(vectors[n] @ query))[:count]


def test_many_threads_leave_it_consistent():
    cache = SemanticCache(by_letters, max_entries=50)
    failures = []

    def work(seed):
        try:
            rng = np.random.default_rng(seed)
            for _ in range(200):
                number = int(rng.integers(80))
                cache.put(f"text {number}", "t", number, [f"d{number % 7}"])
                cache.invalidate(f"d{rng.integers(7)}")
                hit = cache.get(f"text {rng.integers(80)}", "t")
                assert hit is None or hit.text == f"text {hit.value}"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(cache) <= 50


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.5}, {"ttl_s": 0}, {"max_entries": 0}])
def test_a_wrong_argument_is_refused_by_name(wrong):
    with pytest.raises(CacheError, match=next(iter(wrong))):
        SemanticCache(same_direction, **wrong)


def test_vectors_of_another_dimension_are_refused():
    cache = SemanticCache()
    cache.put("a", "t", 1, vector=np.ones(3))
    with pytest.raises(ValueError, match="3 dimensions"):
        cache.put("b", "t", 1, vector=np.ones(4))
    assert cache.get_exact("b", "t") is None
    assert cache.get_exact("a", "t").value == 1
