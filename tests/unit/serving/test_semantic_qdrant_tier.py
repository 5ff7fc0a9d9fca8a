"""The semantic tier in Qdrant: the same behaviour in process and through the client, and what it refuses."""

import threading

import numpy as np
import pytest

from reference.serving.semantic_cache import CacheError
from reference.serving.semantic_cache.qdrant_stores import CacheUnavailable
from reference.serving.semantic_cache.qdrant_tier import QdrantAnswers


def same_direction(texts):
    """The worst embedder there is: only the guard can tell texts apart."""
    return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


def by_letters(texts):
    rows = np.zeros((len(texts), 26), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for char in text.lower():
            if "a" <= char <= "z":
                row[ord(char) - 97] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(params=["", ":memory:"], ids=["in process", "client"])
def make(request):
    made = []

    def build(embed=same_direction, **settings):
        made.append(QdrantAnswers(embed, "test", **({"threshold": 0.5, "url": request.param} | settings)))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.mark.slow
def test_another_wording_finds_the_answer_byte_for_byte(make):
    tier = make()
    answer = bytes(range(256))
    tier.keep("a", "How do I delete a file?", answer, 60)
    found = tier.find("a", "how can I erase my file")
    assert (found.answer, found.question) == (answer, "How do I delete a file?")
    assert found.similarity == pytest.approx(1)
    assert tier.counts["hit"] == 1


def test_the_guard_stands_between_equal_vectors(make):
    tier = make()
    tier.keep("a", "How do I delete a photo?", b"x", 60)
    assert tier.find("a", "How do I delete a video?") is None
    assert tier.counts["refused_words"] == 1


def test_a_scope_is_filtered_in_the_engine_so_a_full_neighbour_hides_nothing(make):
    tier = make()
    tier.keep("mine", "How do I delete a photo?", b"mine", 60)
    for number in range(30):
        tier.keep("theirs", f"How do I delete photo {number}?", b"theirs", 60)
    assert tier.find("mine", "How can I delete a photo?").answer == b"mine"
    assert tier.find("nobody", "How can I delete a photo?") is None


def test_the_threshold_is_kept(make):
    tier = make(by_letters, threshold=0.99)
    tier.keep("a", "delete the photos now please", b"x", 60)
    assert tier.find("a", "delete photo") is None
    assert tier.find("a", "delete the photos now please").answer == b"x"


def test_an_answer_ends_with_its_time(make):
    clock = Clock()
    tier = make(clock=clock)
    tier.keep("a", "Is tea healthy?", b"x", 10)
    clock.now += 9.9
    assert tier.find("a", "Is tea healthy?").answer == b"x"
    clock.now += 0.1
    assert tier.find("a", "Is tea healthy?") is None


def test_an_answer_kept_again_replaces_the_first(make):
    tier = make()
    tier.keep("a", "Is tea healthy?", b"old", 60)
    tier.keep("a", "Is  tea healthy?", b"new", 60)
    assert tier.find("a", "Is tea healthy?").answer == b"new"
    assert len(tier) == 1


def test_the_oldest_go_first_and_the_bound_holds(make):
    clock = Clock()
    tier = make(by_letters, max_entries=10, clock=clock)
    for number, word in enumerate("ant bee cat dog eel fox gnu hen ibis jay kite lark".split()):  # noqa: SIM905
        clock.now += 1
        tier.keep("a", f"feed {word}", str(number).encode(), 600)
        assert len(tier) <= 10
    assert tier.find("a", "feed ant") is None
    assert tier.find("a", "feed lark").answer == b"11"
    assert tier.counts["evicted"] == 2


def test_the_expired_make_room_before_anything_living_goes(make):
    clock = Clock()
    tier = make(by_letters, max_entries=3, clock=clock)
    tier.keep("a", "feed ant", b"1", 600)
    tier.keep("a", "feed bee", b"2", 5)
    clock.now += 6
    tier.keep("a", "feed cat", b"3", 600)
    tier.keep("a", "feed dog", b"4", 600)
    assert [tier.find("a", f"feed {one}") is not None for one in ("ant", "bee", "cat", "dog")] == [
        True,
        False,
        True,
        True,
    ]
    assert (tier.counts["expired"], tier.counts["evicted"]) == (1, 0)


def test_many_threads_find_only_their_own_answers(make):
    tier = make(by_letters, max_entries=40)
    wrong = []

    def work(scope):
        try:
            for number in range(25):
                tier.keep(scope, f"entry {number}", scope.encode(), 60)
                found = tier.find(scope, f"entry {number}")
                if found is not None and found.answer != scope.encode():
                    wrong.append(found)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "pqrs"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(tier) <= 40


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0}, {"threshold": 1.1}, {"max_entries": 0}, {"folder": "x", "url": "http://127.0.0.1:1"}]
)
def test_a_wrong_setting_is_refused_by_name(wrong):
    with pytest.raises(CacheError, match=next(iter(wrong))):
        QdrantAnswers(same_direction, "test", **({"threshold": 0.5, "url": ""} | wrong))


def test_a_time_to_live_of_zero_and_a_closed_tier_are_refused(make):
    tier = make()
    with pytest.raises(CacheError, match="ttl_s"):
        tier.keep("a", "q", b"x", 0)
    tier.close()
    with pytest.raises(CacheError, match="closed"):
        tier.find("a", "q")


# --- in a folder, on a server -----------------------------------------------------------------------------------------


def test_a_restart_finds_the_entries_again(tmp_path):
    first = QdrantAnswers(same_direction, "test", 0.5, folder=tmp_path / "c", url="")
    first.keep("a", "Is tea healthy?", b"x", 600)
    first.close()
    second = QdrantAnswers(same_direction, "test", 0.5, folder=tmp_path / "c", url="")
    assert second.find("a", "is tea healthy").answer == b"x"
    second.close()


def test_another_embedders_folder_is_refused_by_name(tmp_path):
    QdrantAnswers(same_direction, "one", 0.5, folder=tmp_path / "c", url="").close()
    with pytest.raises(CacheError, match="'one', not 'two'"):
        QdrantAnswers(same_direction, "two", 0.5, folder=tmp_path / "c", url="")
    with pytest.raises(CacheError, match="dimension 2, not 26"):
        QdrantAnswers(by_letters, "one", 0.5, folder=tmp_path / "c", url="")


def test_another_embedders_collection_is_refused_by_name():
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")
    QdrantAnswers(same_direction, "one", 0.5, url=":memory:", client=client)
    with pytest.raises(CacheError, match="'one', not 'two'"):
        QdrantAnswers(same_direction, "two", 0.5, url=":memory:", client=client)


def test_a_folder_in_use_is_refused_and_says_what_to_do(tmp_path):
    first = QdrantAnswers(same_direction, "test", 0.5, folder=tmp_path / "c", url="")
    with pytest.raises(CacheUnavailable, match="QDRANT_URL"):
        QdrantAnswers(same_direction, "test", 0.5, folder=tmp_path / "c", url="")
    first.close()


def test_a_folder_without_its_note_was_half_made_and_is_made_again(tmp_path):
    (tmp_path / "c" / "shard").mkdir(parents=True)
    (tmp_path / "c" / "shard" / "rest").write_text("of a kill")
    tier = QdrantAnswers(same_direction, "test", 0.5, folder=tmp_path / "c", url="")
    tier.keep("a", "Is tea healthy?", b"x", 600)
    assert len(tier) == 1
    tier.close()


def test_no_server_is_said_with_its_address():
    with pytest.raises(CacheUnavailable, match=r"127\.0\.0\.1:9.*QDRANT_URL"):
        QdrantAnswers(same_direction, "test", 0.5, url="http://127.0.0.1:9")


def test_the_version_names_embedder_threshold_and_guard(make):
    assert make().version == "test 0.5 disagreement"
