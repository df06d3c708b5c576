"""The text of subtitles in SubRip (.srt) and WebVTT (.vtt): bytes of any encoding to cues without markup."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_SECONDS = 3.0
"""What a cue lasts that states no end, or one at its start."""

_BYTE_ORDER_MARKS = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What Windows-1252 does not define are control characters, as in ISO 8859-1.
_WINDOWS_1252 = {code: bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0)}
_MIN_NULLS = 0.3  # share of null bytes at even or odd places from which on text is UTF-16 without a mark

_MAX_SIXTIETHS = 59  # minutes of an hour, seconds of a minute
_TIME = r"([-−]?)(?:([0-9]{1,6}):)?([0-9]{1,6}):([0-9]{1,6})(?:[.,]([0-9]{1,9}))?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_CLOCK = r"[0-9]{1,6}(?::[0-9]{1,6}){1,2}(?:[.,;:][0-9]{1,9})?"
# Lines that are meant to have times, wherever they are. In a file, "-->" may also be typed as another arrow.
_TIMES_LINE = re.compile(
    r"\s*[-−]?[0-9]\S{0,40}\s*-->"
    rf"|.{{0,40}}-->\s*[-−]?{_CLOCK}"
    rf"|\s*[-−]?{_CLOCK}\s*[-−–—=~ ]{{0,8}}[>→⇒➔➜➝›»]+\s*[-−]?{_CLOCK}"
)
# Lines that are, where times are expected: of these characters only, and with a time to a fraction of a second.
_CLOCK_CHARACTERS = re.compile(r"[\s0-9:;.,<>=~→⇒➔➜➝›»−–—-]{1,200}")
_EXACT_CLOCK = re.compile(r"[0-9]{1,6}:[0-9]{1,6}[.,;:][0-9]{1,9}")
_SEPARATED = re.compile(r"[0-9]\s{0,9}[:;.,]\s{0,9}[0-9]")
_NUMBER = re.compile(r"\s*[0-9]+\s*")
_NAMES = r"(?:i|b|u|s|c|v|rt|ruby|lang|font|span)"
_MARKUP = re.compile(
    rf"</?{_NAMES}(?:[\s.][^<>]{{0,200}})?/?>"  # a tag
    rf"|</?{_NAMES}(?:\.[\w.]{{1,200}})?(?=\s|$)"  # one that is never closed: what follows is text
    r"|<[0-9][0-9:.]{0,20}>"  # when a word of WebVTT is sung
    r"|\{\\[^{}]{0,200}\}",  # a command of SubStation Alpha, as {\an8}
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cue:
    """A text with the time in which it is shown."""

    start: float  # seconds of presentation time
    end: float
    text: str  # one line


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file."""

    text: str
    guessed: str | None = None  # the encoding, if the bytes are not Unicode: it may be another one
    replaced: int = 0  # characters that cannot be read


def decode(content: bytes) -> Decoded:
    """Bytes as text: Unicode in any form, with or without a byte order mark, else Windows-1252."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _unicode(content[len(mark) :], encoding)
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if content[offset::2].count(0) > _MIN_NULLS * max(1, len(content) // 2):
            return _unicode(content, encoding)
    decoded = _unicode(content, "utf-8")
    readable = len(decoded.text) - len(decoded.text.encode("ascii", "ignore")) - decoded.replaced
    if (
        decoded.replaced <= readable
    ):  # some damage in UTF-8; in another encoding hardly anything could be read
        return decoded
    return Decoded(_without_nulls(content.decode("latin-1").translate(_WINDOWS_1252)), guessed="Windows-1252")


def parse(text: str) -> tuple[tuple[Cue, ...], tuple[int, ...]]:
    """The cues of a file in SubRip or WebVTT, in the order of time, and the lines, from 1, with times of no use.

    Cues without a text are left out. One that begins before time 0 begins there. Times are of no use if they cannot
    be read (such as one alone, or with "->" between them), the end lies before 0 or before the start, or one has more
    than 59 minutes or seconds: WebVTT allows no such times (https://www.w3.org/TR/webvtt1/#webvtt-cue-timings).
    """
    blocks_end_blank = is_webvtt(text)
    cues: list[Cue] = []
    unusable: list[int] = []
    times: tuple[float, float] | None = None
    said: list[str] = []

    def finish() -> None:
        if times is not None and (words := plain(said)):
            cues.append(Cue(*times, words))

    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if _is_meant_as_times(lines, number - 1, any_identifier=blocks_end_blank):
            # A number without a blank line before it belongs to the cue that begins here.
            if said and not blocks_end_blank and _NUMBER.fullmatch(said[-1]):
                said.pop()
            finish()
            said, times = [], _times(line)
            unusable += [number] if times is None else []
        elif blocks_end_blank and not line.strip():
            finish()
            said, times = [], None
        else:
            said.append(line)
    finish()
    return tuple(sorted(cues, key=lambda cue: cue.start)), tuple(unusable)


def is_webvtt(text: str) -> bool:
    """Whether a file's text begins as WebVTT does."""
    return re.match(r"\s*WEBVTT(?:\s|$)", text) is not None


def plain(lines: Sequence[str]) -> str:
    """Lines of a cue as one, without markup."""
    text = " ".join(_MARKUP.sub("", line) for line in lines)
    return " ".join(html.unescape(text).split())


def _is_meant_as_times(lines: Sequence[str], at: int, *, any_identifier: bool) -> bool:
    """Whether a line of a file should have the times of a cue, though it may have none that can be read.

    Args:
        lines: of the file.
        at: which of them, from 0.
        any_identifier: whether the line before the times may be any text, as in WebVTT, not only a number.
    """
    line = lines[at]
    if _TIMES_LINE.match(line):
        return True
    if not _CLOCK_CHARACTERS.fullmatch(line) or (at + 1 < len(lines) and _TIMES_LINE.match(lines[at + 1])):
        return False  # a text, or the identifier of the cue that begins with the next line
    before = lines[at - 1] if at else ""
    starts = at < 2 or not lines[at - 2].strip()  # whether the line before comes first in its block
    numbered = _NUMBER.fullmatch(before) is not None
    if numbered and starts and _SEPARATED.search(line):
        return True
    identified = any_identifier and starts and not before.startswith("NOTE")
    return (not before.strip() or numbered or identified) and _EXACT_CLOCK.search(line) is not None


def _times(line: str) -> tuple[float, float] | None:
    match = _TIMES.fullmatch(line)
    if match is None:
        return None
    start, end = _seconds(match.groups()[:5]), _seconds(match.groups()[5:])
    if start is None or end is None or end < max(0.0, start):
        return None
    start = max(0.0, start)
    return start, end if end > start else start + DEFAULT_SECONDS


def _seconds(groups: Sequence[str | None]) -> float | None:
    """A time in seconds; None for more than 59 minutes or seconds, which no clock shows."""
    sign, hours, minutes, seconds, fraction = groups
    if int(minutes or 0) > _MAX_SIXTIETHS or int(seconds or 0) > _MAX_SIXTIETHS:
        return None
    total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction or 0}")
    return -total if sign else total


def _unicode(content: bytes, encoding: str) -> Decoded:
    before = content.decode(encoding, "ignore").count("\ufffd")  # that are in the text itself
    text = content.decode(encoding, "replace")
    return Decoded(_without_nulls(text), replaced=text.count("\ufffd") - before)


def _without_nulls(text: str) -> str:
    return text.replace("\0", "")
