"""The findings in a few lines, for whoever watches the run."""

from __future__ import annotations

from typing import Any


def print_summary(document: dict[str, Any]) -> None:
    """One line for every number, under the name of its section."""
    for name, section in document["sections"].items():
        print(f"== {name}: {section['status']} {section.get('reason', '')}")
        for line in _lines({k: v for k, v in section.items() if k not in ("status", "reason", "seconds")}):
            print(f"  {line}")


def _lines(value: dict[str, Any], before: str = "") -> list[str]:
    plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
    lines = [f"{before}: " + ", ".join(f"{key} {item}" for key, item in plain.items())] if plain else []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += _lines(item, f"{before} {key}".strip())
    return lines
