"""Class folders: ``FOLDER/CLASS NAME/*.jpg``, with prompt templates as the texts."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.examples import Source, SourceBuilder, Visual


def read_classes(config: SourceConfig) -> Source:
    """One example a file; its targets are every template filled with the folder's name."""
    root = Path(config.path)
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir()] if root.is_dir() else []
    if not folders:
        raise UsageError(f"{root}: must be a folder with one folder of media for each class")
    builder = SourceBuilder(config.name)
    for folder in folders:
        targets = [template.replace("{}", class_name(folder.name)) for template in config.templates]
        for path in sorted(folder.iterdir()):
            if path.is_file():
                builder.add(Visual(str(path)), config.query, targets)
    return builder.build()


def class_name(folder: str) -> str:
    """A folder's name as words: ``car_side`` is ``car side``."""
    return " ".join(folder.replace("_", " ").split()).lower()
