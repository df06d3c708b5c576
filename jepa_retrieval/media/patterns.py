"""Patterns that say which files a scan takes and which it leaves out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pathspec import GitIgnoreSpec

from jepa_retrieval.arguments import as_list
from jepa_retrieval.errors import UsageError


class Patterns:
    """The patterns of one option, as .gitignore has them, and which of them have matched.

    A pattern is relative to the folder that is scanned. One with a slash may also be relative to the working
    directory, or absolute: then it means the path that it names, if that lies in the folder.

    Args:
        lines: the patterns, in the order in which they were given; the last one that matches a file decides.

    Raises:
        UsageError: a pattern is not valid.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = as_list("include and exclude", lines, example="['*.gif', 'cache']")
        for line in self._lines:
            _spec([line])
        self._unmatched = dict.fromkeys(self._lines)

    @property
    def unmatched(self) -> list[str]:
        """Patterns that have matched nothing so far."""
        return list(self._unmatched)

    def below(self, root: str) -> RootPatterns | None:
        """The patterns for the folder `root`, an absolute path; None if there are none."""
        return RootPatterns(self._lines, root, self._unmatched) if self._lines else None


class RootPatterns:
    """Patterns for the files of one folder; made by `Patterns.below`."""

    def __init__(self, lines: Sequence[str], root: str, unmatched: dict[str, None]) -> None:
        self._spec = _spec([variant for line in lines for variant in _variants(line, root)])
        self._each = {line: _spec(_variants(line, root)) for line in lines}
        self._unmatched = unmatched

    def match(self, relative: str) -> bool:
        """Whether a path matches; `relative` is relative to the folder, and a folder's ends with a slash."""
        for line in list(self._unmatched):
            if self._each[line].check_file(relative).include is not None:
                self._unmatched.pop(line, None)
        return self._spec.match_file(relative)


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise UsageError(f"not a valid pattern among {list(lines)}: {error}") from error


def _variants(line: str, root: str) -> list[str]:
    """The pattern, and what it means as a path if that lies in `root`."""
    negation = "!" if line.startswith("!") else ""
    path = line.removeprefix(negation)
    folder = "/" if path.endswith("/") else ""
    if path.startswith("~"):
        path = os.path.expanduser(path)  # noqa: PTH111 - patterns are no paths
    if not path.startswith("/") and "/" not in path.rstrip("/"):
        return [line]
    path = os.path.abspath(path)
    # the working directory, and so the pattern, may be reached through links
    for inside, outside in ((path, root), (os.path.realpath(path), os.path.realpath(root))):
        if inside == outside:
            return [line, f"{negation}/**"]
        if inside.startswith(outside.rstrip("/") + "/"):
            return [line, negation + "/" + inside[len(outside.rstrip("/")) + 1 :] + folder]
    return [line]
