"""Questions about images: VQAv2-like JSONL and DAQUAR's CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.queries import normal_question
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.captions import read_json_lines
from jepa_retrieval.training.data.examples import MediaFolder, Source, SourceBuilder, Visual


def read_vqa(config: SourceConfig) -> Source:
    """JSONL with ``image``, ``question``, ``answer``: one example a question."""
    path = Path(config.path)
    rows = [
        (str(r["image"]), str(r["question"]), str(r["answer"]))
        for r in read_json_lines(path)
        if _has_all(r, path)
    ]
    return _build(config, rows)


def _has_all(row: object, path: Path) -> bool:
    missing = {"image", "question", "answer"} - set(row if isinstance(row, dict) else ())
    if missing:
        raise UsageError(f"{path}: a line has no {sorted(missing)[0]!r}")
    return True


def read_daquar(config: SourceConfig) -> Source:
    """CSV with the header ``question,answer,image_id``."""
    path = Path(config.path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if not {"question", "answer", "image_id"} <= set(reader.fieldnames or ()):
                raise UsageError(f"{path}: the first line must be question,answer,image_id")
            rows = [(row["image_id"], row["question"], row["answer"]) for row in reader]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    return _build(config, rows)


def _build(config: SourceConfig, rows: list[tuple[str, str, str]]) -> Source:
    folder = MediaFolder(Path(config.media) if config.media else Path(config.path).parent)
    builder = SourceBuilder(config.name)
    for image, question, answer in rows:
        # DAQUAR joins several answers with ", ": those are one answer of several words.
        too_long = config.max_answer_words and len(answer.split()) > config.max_answer_words
        found = None if too_long else folder.find(image)
        if found is not None:
            builder.add(Visual(str(found)), normal_question(question), [answer])
    source = builder.build()
    if not source.examples:
        raise UsageError(
            f"{config.path}: none of the images that it names was found in {config.media or 'its folder'}"
        )
    return source
