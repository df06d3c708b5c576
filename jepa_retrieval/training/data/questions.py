"""Questions about images: VQAv2-like JSONL and DAQUAR's CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.queries import normal_question
from jepa_retrieval.text_files import iterate_lines
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.captions import read_json_lines
from jepa_retrieval.training.data.examples import MediaFolder, Source, SourceBuilder, Visual


def read_vqa(config: SourceConfig) -> Source:
    """JSONL with ``image``, ``question``, ``answer``: one example a question.

    Raises:
        UsageError: the file cannot be read, a line lacks one of the three, or no image is found.
    """
    path = Path(config.path)
    rows = []
    for number, row in read_json_lines(path):
        missing = [key for key in ("image", "question", "answer") if not isinstance(row.get(key), str | int)]
        if missing:
            raise UsageError(f"{path}:{number}: needs {missing[0]!r}, a text")
        rows.append((str(row["image"]), str(row["question"]), str(row["answer"])))
    return _build(config, rows)


def read_daquar(config: SourceConfig) -> Source:
    """CSV with the header ``question,answer,image_id``.

    Raises:
        UsageError: the file cannot be read, a line lacks one of the three, or no image is found.
    """
    path = Path(config.path)
    rows = []
    reader = csv.DictReader(line for _, line in iterate_lines(path))
    try:
        if not {"question", "answer", "image_id"} <= set(reader.fieldnames or ()):
            raise UsageError(f"{path}: the first line must be question,answer,image_id")
        for row in reader:
            if None in (row["image_id"], row["question"], row["answer"]):
                raise UsageError(f"{path}:{reader.line_num}: needs question, answer and image_id")
            rows.append((row["image_id"], row["question"], row["answer"]))
    except csv.Error as error:
        raise UsageError(f"{path}: not a readable CSV file ({error})") from error
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
