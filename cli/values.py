"""Parses values of the command line: times, intervals, sizes, weights, sampling."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Literal

from cli import console
from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import user_path

MAX_SECONDS = 10 * 366 * 86400  # ten years: more is a mistake, and far more is no finite number

_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d*)?)", re.ASCII)
_WEIGHTED = re.compile(
    r"(?P<weight>[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)):(?P<rest>.*)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_SIZE = re.compile(
    r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>[kMGT]?)(?P<binary>i?)B?", re.ASCII | re.IGNORECASE
)
_UNITS = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>[smh])", re.ASCII)
_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)


def parse_time(text: str) -> float:
    """The number of seconds in `90`, `90.5`, `1:30`, `1:02:03.5`, or `90s`, `10m`, `1.5h`.

    Raises:
        UsageError: the text is none of these, or more than ten years.
    """
    cleaned = text.strip()
    if units := _UNITS.fullmatch(cleaned):
        cleaned = str(float(units["number"]) * {"s": 1, "m": 60, "h": 3600}[units["unit"]])
    clock = _CLOCK.fullmatch(cleaned)
    if clock is None and not _SECONDS.fullmatch(cleaned):
        raise UsageError(f"'{text}' is not a time: use seconds (90.5) or hours:minutes:seconds (1:02:03.5)")
    parts = [cleaned] if clock is None else [clock["hours"] or "0", clock["minutes"], clock["seconds"]]
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part)
    if not seconds <= MAX_SECONDS:
        raise UsageError(
            f"'{console.shortened(text, 100)}' is not a time in a video: it is longer than ten years"
        )
    return seconds


def parse_duration(text: str, option: str) -> float:
    """As `parse_time`, for an option that needs more than 0 seconds; its errors name the option."""
    try:
        seconds = parse_time(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    if not seconds > 0:
        raise UsageError(f"{option} must be longer than 0 seconds, not '{text}'")
    return seconds


def parse_size(text: str) -> float:
    """The number of bytes in `4GB`, `512 MB`, `1.5g` or `4000000`; `GB` counts in 1,000s, `GiB` in 1,024s."""
    size = _SIZE.fullmatch(text.strip())
    if size is None or not float(size["number"]):
        raise UsageError(f"'{text}' is not a size: use a number and a unit, such as 4GB or 512MB")
    power = ("", "k", "m", "g", "t").index(size["unit"].lower())
    return float(size["number"]) * (1024.0 if size["binary"] else 1000.0) ** power


def parse_interval(text: str) -> tuple[Path, float | None, float | None]:
    """The file, start and end (seconds) of `FILE`, `FILE@START-END`, `FILE@START-` or `FILE@-END`.

    If a file named exactly `text` exists, that file is meant, so names that contain an `@` work.

    Raises:
        UsageError: the path is empty; the interval is not one, or ends before it starts.
    """
    if "@" not in text or os.path.lexists(os.path.expanduser(text)):  # noqa: PTH111
        return user_path(text), None, None
    name, _, bounds = text.rpartition("@")
    start_text, dash, end_text = bounds.partition("-")
    if not dash or not (start_text or end_text):
        raise UsageError(
            f"'{text}' has no interval after the '@': write FILE@START-END, for example a.mp4@1:20-1:35"
        )
    start = parse_time(start_text) if start_text else None
    end = parse_time(end_text) if end_text else None
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"'{text}' ends before it starts")
    return user_path(name), start, end


def parse_weighted(text: str) -> tuple[float, str]:
    """The weight and the text of `2:dog`; the weight is 1 if there is none.

    Raises:
        UsageError: the weight is not above 0, or not finite, or too large.
    """
    weighted = _WEIGHTED.fullmatch(text)
    if weighted is None:
        return 1.0, text
    weight = float(weighted["weight"])
    if not 0 < weight <= 1000:
        raise UsageError(
            f"'{text}': a weight must be above 0 and at most 1000; to subtract something, use --minus"
        )
    return weight, weighted["rest"].strip()


def parse_sampling(text: str) -> Literal["auto", "keyframes"] | float:
    """`auto`, `keyframes`, or a number of frames per second."""
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
            f"--sampling must be auto, keyframes or a number of frames per second (such as 2 or 0.5), not '{text}'"
        )
    return rate
