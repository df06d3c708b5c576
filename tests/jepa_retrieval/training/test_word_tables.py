"""Words of clusters of captions, and which of them name things."""

from collections import Counter

import numpy as np

from jepa_retrieval.models.word_support import content_words
from jepa_retrieval.training.data.word_tables import MIN_USES, build_word_table, thing_phrases

CAPTIONS = [
    "A brown dog runs on grass",
    "An owl is sitting in a tree .",
    "Two dogs are running",
    "a dog",
] * MIN_USES


def test_each_cluster_has_the_share_of_its_captions_with_a_word() -> None:
    clusters = np.tile([0, 1, 0, 0], MIN_USES)
    table = build_word_table(CAPTIONS, clusters, count=3)
    assert table.starts.tolist()[-1] == len(table.columns) and len(table.starts) == 4
    first = table.support(np.array([1, -9, -9], np.float32))
    assert first[table.numbers["dog"]] == 1
    assert abs(first[table.numbers["brown"]] - 1 / 3) < 0.01
    assert first[table.numbers["owl"]] == 0
    assert not table.support(np.array([-9, -9, 1], np.float32)).any(), "a cluster without captions"


def test_things_are_named_with_their_article() -> None:
    uses = Counter(word for caption in CAPTIONS for word in content_words(caption))
    phrases = thing_phrases(CAPTIONS, uses)
    assert phrases["dog"] == "a dog" and phrases["owl"] == "an owl" and phrases["tree"] == "a tree"
    assert not {"brown", "running", "run"} & set(phrases)
