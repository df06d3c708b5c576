"""The generator's side of the comparison, from sentences to scores and captions; and the tables of both."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.controlled import report
from benchmarks.controlled.generator import TokenGenerator
from benchmarks.controlled.measures import CIDER, SEEN, UNSEEN, WITHOUT_PRIOR
from benchmarks.controlled.sides import TokenSide
from jepa_retrieval.models.sentences import END, SentenceTokenizer, plain
from jepa_retrieval.training.batches import Batch
from jepa_retrieval.training.config import OptimConfig
from tests.jepa_retrieval.models.small_configs import llama_predictor, token_table

TEXTS = ["A red ball .", "Two dogs run on the grass .", "A man on a horse ."]


@pytest.fixture
def side() -> TokenSide:
    tokenizer = SentenceTokenizer.fit([plain(text) for text in TEXTS], vocabulary=60)
    table = token_table(width=32, vocabulary=tokenizer.size, frozen=False)
    config = llama_predictor(query_tokens=table, width=32, causal=True)
    torch.manual_seed(0)
    module = TokenGenerator(config, token_size=8)
    return TokenSide(
        module, tokenizer, OptimConfig(learning_rate=2e-2, clip_norm=1.0), steps=60, max_tokens=40
    )


def test_sentences_become_padded_ids(side: TokenSide) -> None:
    ids, lengths = side.words(TEXTS)
    assert (ids[:, 0] == END).all()
    assert ids.shape[1] == lengths.max() + 1
    for row, length in zip(ids, lengths, strict=True):
        assert (row[1:length] != END).all() and (row[length:] == END).all()


def test_a_long_sentence_is_cut(side: TokenSide) -> None:
    ids, lengths = side.words(["a red ball " * 40])
    assert lengths.tolist() == [40] and ids.shape == (1, 41)


def test_it_learns_to_tell_and_to_say_its_pictures(side: TokenSide) -> None:
    tokens = torch.randn(3, 2, 8)
    batch = Batch([tokens], [""] * 3, TEXTS, torch.arange(3)[:, None])
    losses = [float(side.train_step(batch)) for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0]
    stored = side.store(tokens)
    assert side.scores(stored, TEXTS).argmax(dim=1).tolist() == [0, 1, 2]
    assert side.caption(stored) == ["A red ball.", "Two dogs run on the grass.", "A man on a horse."]


def test_scores_do_not_depend_on_how_many_are_asked_at_once(
    side: TokenSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = side.store(torch.randn(5, 2, 8))
    whole = side.scores(stored, TEXTS)
    monkeypatch.setattr("benchmarks.controlled.sides.ROWS_AT_ONCE", 4)
    torch.testing.assert_close(side.scores(stored, TEXTS), whole, atol=1e-2, rtol=1e-2)


def test_the_report_shows_mean_and_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [_run(side, seed, 10.0 + 2 * seed) for seed in range(2) for side in report.COLOURS]
    report.print_tables(runs)
    assert "| VL-JEPA         | 512          | 11.0 ± 1.4 |" in capsys.readouterr().out
    report.write_csv(runs)
    report.draw(runs)
    rows = list(csv.DictReader((tmp_path / "results" / "embedding_vs_tokens.csv").open()))
    found = [float(row["value"]) for row in rows if row["measure"] == CIDER and row["side"] == "VL-JEPA"]
    assert found == [10.0, 12.0]
    assert (tmp_path / "results" / "embedding_vs_tokens.png").stat().st_size > 1000


def _run(side: str, seed: int, value: float) -> dict[str, Any]:
    titles = (CIDER, SEEN, UNSEEN, SEEN + WITHOUT_PRIOR, UNSEEN + WITHOUT_PRIOR)
    point = {"samples": 512, **dict.fromkeys(titles, value)}
    weights = {"Predictor": 1, "Y-Decoder": 1, "token generator": 2}
    return {
        "side": side, "seed": seed, "weights": weights, "seconds": 1.0, "points": [point], "retrieval": {}
    }  # fmt: skip
