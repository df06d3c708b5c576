"""CLIP's tokenizer without PyTorch gives the ids of open_clip."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepa_retrieval.models.open_clip import OpenClipTokenizer

TEXTS = [
    "a photo of a dog.",
    "It's the cat's 2nd   birthday \u2014 isn\u2019t it?",
    "Stra\u00dfe, na\u00efve caf\u00e9 \u65e5\u672c\u8a9e \U0001f600\U0001f600",
    "<start_of_text> a <end_of_text>",
    "&amp;lt;b&gt; bold\n\ttabs",
    "",
    "word " * 200,
    "e\u0301 \u00e9 \ufb01sh \u2126",
]
PIECES = [
    "dog",
    "Caf\u00e9",
    " ",
    "'s",
    "'LL",
    "12",
    "\u2019",
    "<end_of_text>",
    "&amp;",
    "\u0130",
    "!?",
    "\u0661",
    "x",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> OpenClipTokenizer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEPA_CACHE", str(tmp_path_factory.mktemp("cache")))
        return OpenClipTokenizer("ViT-B-32")


def same_as_open_clip(tokenizer: OpenClipTokenizer, texts: list[str]) -> None:
    import open_clip

    ids, mask = tokenizer(texts)
    assert ids.tolist() == open_clip.tokenize(texts).tolist()
    assert mask.shape == ids.shape == (len(texts), 77)


def test_ids_are_those_of_open_clip(tokenizer: OpenClipTokenizer) -> None:
    same_as_open_clip(tokenizer, TEXTS)


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_for_any_text(tokenizer: OpenClipTokenizer, text: str) -> None:
    same_as_open_clip(tokenizer, [text])


def test_once_converted_it_needs_no_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path))
    OpenClipTokenizer("ViT-B-32")
    code = (
        "import sys; from jepa_retrieval.models.open_clip import OpenClipTokenizer as T;"
        "print(T('ViT-B-32')(['a dog']).ids[0, :4].tolist(), 'torch' in sys.modules, 'open_clip' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split(" ", 4)[-1].strip() == "False False"
    assert run.stdout.startswith("[49406, 320, 1929, 49407]")
