"""What a section found, on disk after every fact: a section that is killed has still said what it knew."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def write_json(path: Path, document: object) -> None:
    """Replace a file in one step."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(document, indent=2) + "\n")
    unfinished.replace(path)


@dataclass
class Facts:
    """The findings of one section, and what it is to find them with."""

    path: Path
    device: str = "cuda"
    smoke: bool = False  # everything tiny
    kinds: tuple[str, ...] = ()  # of index that are measured; none: all
    vectors: tuple[int, ...] = ()  # how many are searched; none: a million, and ten
    until: float = float("inf")  # time.monotonic() at which the section should have ended
    content: dict[str, Any] = field(default_factory=dict)

    def say(self, *keys: str, **values: Any) -> None:
        """Add values under the keys, one inside the other, and write all."""
        at = self.content
        for key in keys:
            at = at.setdefault(key, {})
        at |= {name: rounded(value) for name, value in values.items()}
        write_json(self.path, self.content)

    def not_run(self, what: str, why: str) -> None:
        """Note what was left out."""
        self.content.setdefault("not_run", {})[what] = why
        write_json(self.path, self.content)

    def seconds_left(self) -> float:
        """Until the section should have ended."""
        return self.until - time.monotonic()


def rounded(value: Any) -> Any:
    """Four digits are enough for a reader."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def reason(error: BaseException) -> str:
    """Kind and first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
