"""Times in `where`: compared as text in the form of the column that stores them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlglot import exp

from indexes.filter_grammar import TIMES, FilterSyntaxError, bare

TIME_COLUMN = "mtime"


def is_time(node: exp.Expr) -> bool:
    """Whether a node is the column of times, the present time, or a text that is converted to a time."""
    node = bare(node)
    if isinstance(node, exp.Column):
        return node.name.lower() == TIME_COLUMN or clock_text(node) is not None
    if isinstance(node, exp.Cast):
        return isinstance(node.to.this, exp.DataType.Type) and node.to.this.name in TIMES
    return isinstance(node, exp.Anonymous) and (
        str(node.this).lower() == "to_timestamp" or clock_text(node) is not None
    )


def clock_text(node: exp.Expr) -> str | None:
    """The present time for now(), current_timestamp and current_date; None for anything else."""
    name = str(node.name).lower() if isinstance(node, exp.Column | exp.Anonymous) else ""
    is_call = isinstance(node, exp.Anonymous)
    if (is_call and node.expressions) or (name == "now" and not is_call):
        return None
    now = datetime.now(UTC)
    if name in ("now", "current_timestamp"):
        return _format(now)
    return _format(now.replace(hour=0, minute=0, second=0)) if name == "current_date" else None


def time_text(text: str, day: bool) -> str:
    """A time as `mtime` stores it: UTC, whole seconds; a fraction follows the Z, so that the order stays right."""
    try:
        time = datetime.fromisoformat(text.strip())
        if time.tzinfo is not None:
            time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FilterSyntaxError(f"{text!r} is not a time such as '2024-05-31 12:00:00'") from None
    if day:
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return _format(time) + (f".{time.microsecond:06}" if time.microsecond else "")


def _format(time: datetime) -> str:
    return time.replace(tzinfo=None, microsecond=0).isoformat(timespec="seconds") + "Z"


def with_t(text: str) -> str:
    """Text that is compared with `mtime`: a space between date and time becomes the T of the stored form."""
    return re.sub(r"^(\d{4}-\d\d-\d\d) (?=\d)", r"\1T", text)
