"""Texts of the command line to values: times, ranges of time, sampling."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Literal

from jepa_retrieval.errors import UsageError

_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d*)?)")
_WEIGHTED = re.compile(r"(?P<weight>[-+]?(?:\d+(?:\.\d*)?|\.\d+)):(?P<rest>.*)", re.DOTALL)
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>[kMGT]?)(?P<binary>i?)B?", re.IGNORECASE)
_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+")


def parse_time(text: str) -> float:
    """Seconds in `90`, `90.5`, `1:30` or `1:02:03.5`."""
    cleaned = text.strip()
    if _SECONDS.fullmatch(cleaned):
        return float(cleaned)
    clock = _CLOCK.fullmatch(cleaned)
    if clock is None:
        raise UsageError(f"'{text}' is not a time: write seconds (90.5) or hours:minutes:seconds (1:02:03.5)")
    return int(clock["hours"] or 0) * 3600 + int(clock["minutes"]) * 60 + float(clock["seconds"])


def parse_size(text: str) -> float:
    """Bytes in `4GB`, `512 MB`, `1.5g` or `4000000`; `GB` is a power of 1,000, `GiB` of 1,024."""
    size = _SIZE.fullmatch(text.strip())
    if size is None or not float(size["number"]):
        raise UsageError(f"'{text}' is not a size: write one like 4GB or 512MB")
    power = ("", "k", "m", "g", "t").index(size["unit"].lower())
    return float(size["number"]) * (1024.0 if size["binary"] else 1000.0) ** power


def parse_clip(text: str) -> tuple[Path, float | None, float | None]:
    """`FILE`, `FILE@START-END`, `FILE@START-` or `FILE@-END` to the file and its bounds in seconds.

    A file whose whole name is `text` wins, so names with an `@` in them still work.
    """
    if "@" not in text or os.path.lexists(text):
        return Path(text), None, None
    name, _, bounds = text.rpartition("@")
    start_text, dash, end_text = bounds.partition("-")
    if not dash or not (start_text or end_text):
        raise UsageError(
            f"'{text}' has no range of time after the '@': write FILE@START-END, as a.mp4@1:20-1:35"
        )
    start = parse_time(start_text) if start_text else None
    end = parse_time(end_text) if end_text else None
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"'{text}' ends before it starts")
    return Path(name), start, end


def parse_per(text: str | None, *, timeline: bool = False) -> Literal["clip", "moment", "file"] | None:
    """`clip`, `moment` or `file`; None if nothing was said."""
    if timeline:
        if text not in (None, "moment"):
            raise UsageError(f"--timeline is --per moment, not --per {text}")
        return "moment"
    allowed: tuple[Literal["clip", "moment", "file"], ...] = ("clip", "moment", "file")
    found = next((per for per in allowed if per == text), None)
    if found is None and text is not None:
        raise UsageError(f"--per must be {', '.join(allowed[:-1])} or {allowed[-1]}, not '{text}'")
    return found


def parse_weighted(text: str) -> tuple[float, str]:
    """`2:dog` to 2 and `dog`; a text without a weight weighs 1."""
    weighted = _WEIGHTED.fullmatch(text)
    if weighted is None:
        return 1.0, text
    weight = float(weighted["weight"])
    if not 0 < weight <= 1000:
        raise UsageError(
            f"'{text}': a weight must be above 0 and at most 1000; to lead away from something, use --minus"
        )
    return weight, weighted["rest"].strip()


def parse_sampling(text: str) -> Literal["auto", "keyframes"] | float:
    """`auto`, `keyframes`, or frames per second."""
    if text == "auto":
        return "auto"
    if text == "keyframes":
        return "keyframes"
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1000:  # also refuses nan
        raise UsageError(
            f"--sampling must be auto, keyframes or frames per second (such as 2 or 0.5), not '{text}'"
        )
    return rate
