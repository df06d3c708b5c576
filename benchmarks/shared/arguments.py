"""Options that several studies take."""

from __future__ import annotations

import argparse


def model_and_split(description: str | None) -> argparse.Namespace:
    """`--model NAME` and `--split dev|test`, from the command line; `description`: the module's docstring."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0] if description else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    return parser.parse_args()
