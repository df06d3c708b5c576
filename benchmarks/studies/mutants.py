"""Damaged files: is every one of them accounted for by name, and is nothing lost silently?

    python -m benchmarks.studies.mutants --seed 7 --count 2000

Makes small media of 14 formats, damages copies of them (flipped bits, cut ends, blocks that are lost, shuffled,
zeroed or repeated, changed headers, another file behind or instead of the end, a wrong suffix), and indexes the
folder. Then:

- every file is, by name, exactly one of: indexed, indexed in part, failed with a reason, left out with a reason;
- the index is sound, and a second run finds nothing to do;
- a video that the index calls whole has at least four fifths of the seconds of the original. Those that have not are
  listed: damage to a header may state another duration.

The exit status is 1 if one of the first two does not hold. The same seed makes the same files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.shared.small_media import FORMATS, VIDEOS, make_media
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.report import IndexReport

Mutation = Callable[[bytearray, np.random.Generator, bytes], bytearray]
ORIGINALS = 3  # of each format
SECONDS = 6.0  # of each video
WHOLE = 0.8  # of the original's seconds are there in a file that is called whole
STATES = ("ok", "partial", "failed", "left out")


def flip_bits(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Flip 1 to 64 bits anywhere."""
    for position in random.integers(0, len(data), random.integers(1, 65)):
        data[position] ^= 1 << random.integers(8)
    return data


def change_header(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Change a few of the first 256 bytes to values that lengths and counts break on."""
    for position in random.integers(0, min(256, len(data)), random.integers(1, 9)):
        data[position] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    return data


def cut_end(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Keep the first part."""
    return data[: random.integers(0, len(data))]


def cut_beginning(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Lose the first part."""
    return data[random.integers(1, len(data)) :]


def lose_block(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Leave out a block."""
    first, last = _block(data, random)
    return data[:first] + data[last:]


def zero_block(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Write zeros over a block, as a file system does that lost a page."""
    first, last = _block(data, random)
    data[first:last] = bytes(last - first)
    return data


def randomise_block(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Write noise over a block."""
    first, last = _block(data, random)
    data[first:last] = random.bytes(last - first)
    return data


def repeat_block(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Write a block twice."""
    first, last = _block(data, random)
    return data[:last] + data[first:]


def shuffle_blocks(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Put the blocks of the file into another order, the first one excepted."""
    size = max(1, len(data) // int(random.integers(3, 17)))
    first, *others = [data[start : start + size] for start in range(0, len(data), size)]
    order = random.permutation(len(others))
    return first + b"".join(others[index] for index in order)


def append_noise(data: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    """Write noise behind the end."""
    return data + random.bytes(int(random.integers(1, 4096)))


def append_other(data: bytearray, _: np.random.Generator, other: bytes) -> bytearray:
    """Write another file behind the end."""
    return data + other


def splice_other(data: bytearray, random: np.random.Generator, other: bytes) -> bytearray:
    """Replace the end by that of another file."""
    share = random.random()
    return data[: int(len(data) * share)] + other[int(len(other) * share) :]


def replace_by_other(_: bytearray, __: np.random.Generator, other: bytes) -> bytearray:
    """Keep only the name: the content is that of another format."""
    return bytearray(other)


MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        *(flip_bits, change_header, cut_end, cut_beginning, lose_block, zero_block, randomise_block),
        *(repeat_block, shuffle_blocks, append_noise, append_other, splice_other, replace_by_other),
    )
}


@dataclass(slots=True)
class Account:
    """The state of each file of a folder, and what is wrong."""

    states: dict[str, str] = field(default_factory=dict)  # of each file, by name
    reasons: dict[str, str] = field(default_factory=dict)  # of files that failed or were left out
    problems: list[str] = field(default_factory=list)
    shorter: list[str] = field(
        default_factory=list
    )  # videos called whole, without a warning, with less of the original's seconds


def make_mutants(folder: Path, *, count: int, seed: int) -> list[str]:
    """Write `count` damaged files into `folder`, all formats and mutations in turn; returns their names."""
    originals = _originals(seed)
    formats, mutations = list(FORMATS), list(MUTATIONS)
    names = []
    for number in range(count):
        random = np.random.default_rng([seed, number])
        kind = formats[number % len(formats)]
        mutation = mutations[number // len(formats) % len(mutations)]
        content = originals[kind][random.integers(ORIGINALS)]
        other = originals[formats[random.integers(len(formats))]][random.integers(ORIGINALS)]
        name = f"{number:05d}-{mutation}.{kind}"
        (folder / name).write_bytes(MUTATIONS[mutation](bytearray(content), random, other))
        names.append(name)
    return names


def account(folder: Path, names: list[str]) -> Account:
    """Index the folder and compare the account of the index with the files themselves."""
    result = Account()
    library = Library.create(folder)
    report = library.index()
    _read_states(library, result)
    _check_names(names, report, result)
    clips = library.records.all_clips()
    told = {warning.path for warning in report.warnings}
    for name, state in result.states.items():
        if state == "ok" and name not in told and name.rpartition(".")[2] in VIDEOS:
            ends = [clip.end for clip in clips if clip.path == name and clip.end is not None]
            if ends and max(ends) < WHOLE * SECONDS:
                result.shorter.append(f"{name}: {max(ends):.1f} of {SECONDS:.1f} s")
    result.problems += [f"verify: {problem}" for problem in library.verify()]
    again = library.index()
    if again.indexed or again.removed or again.moved:
        result.problems.append(
            f"a second run: {again.indexed} indexed, {again.moved} moved, {again.removed} removed"
        )
    return result


def _read_states(library: Library, result: Account) -> None:
    for row in library.records.media(columns=["path", "state", "error"]).to_pylist():
        result.states[row["path"]] = row["state"]
        if row["state"] == "failed":
            result.reasons[row["path"]] = row["error"] or ""
    for file in library.records.left_out().files:
        if file.path in result.states:
            result.problems.append(f"{file.path}: both {result.states[file.path]} and left out")
        result.states[file.path] = "left out"
        result.reasons[file.path] = file.reason


def _check_names(names: list[str], report: IndexReport, result: Account) -> None:
    result.problems += [f"{name}: nothing is said of it" for name in names if name not in result.states]
    result.problems += [f"{name}: there is no such file" for name in result.states if name not in set(names)]
    result.problems += [
        f"{name}: no reason is given" for name, reason in result.reasons.items() if not reason
    ]
    failed = {failure.path for failure in report.failed}
    stored = {name for name, state in result.states.items() if state == "failed"}
    result.problems += [f"{name}: failed, but not in the report" for name in sorted(stored - failed)]


def _originals(seed: int) -> dict[str, list[bytes]]:
    """The content of a few whole files of each format."""
    found: dict[str, list[bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, kind in enumerate(FORMATS):
            random = np.random.default_rng([seed, index, 1])
            paths = [
                make_media(Path(folder) / f"{n}.{kind}", random=random, seconds=SECONDS)
                for n in range(ORIGINALS)
            ]
            found[kind] = [path.read_bytes() for path in paths]
    return found


def _block(data: bytearray, random: np.random.Generator) -> tuple[int, int]:
    """Where a block of up to a quarter of the file begins and ends."""
    size = int(random.integers(1, max(2, len(data) // 4)))
    first = int(random.integers(0, max(1, len(data) - size)))
    return first, first + size


def main() -> None:
    """Make the mutants, index them, and print a table and what is wrong."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary, timed() as timer:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        names = make_mutants(folder, count=options.count, seed=options.seed)
        result = account(folder, names)
    _print_tables(result)
    for title, lines in (
        ("Shorter than the original, without a word", result.shorter),
        ("Wrong", result.problems),
    ):
        print(f"\n{title}: {len(lines)}")
        print("".join(f"  {line}\n" for line in lines), end="")
    print(f"{timer.seconds:.0f} s")
    counts = Counter(result.states.values())
    facts = {"seed": options.seed, "count": options.count, "seconds": round(timer.seconds, 1)}
    problems = {"shorter": result.shorter, "problems": result.problems}
    print(save_result("mutants", {**facts, "states": dict(counts), **problems}))
    sys.exit(1 if result.problems else 0)


def _print_tables(result: Account) -> None:
    def table(heading: str, key: Callable[[str], str]) -> None:
        counts: dict[str, Counter[str]] = {}
        for name, state in result.states.items():
            counts.setdefault(key(name), Counter())[state] += 1
        rows = [
            [row, *(counts[row][state] for state in STATES), counts[row].total()] for row in sorted(counts)
        ]
        print_table([heading, *STATES, "all"], rows)
        print()

    table("format", lambda name: name.rpartition(".")[2])
    table("damage", lambda name: name.partition("-")[2].rpartition(".")[0])
    reasons = Counter(_general(reason) for reason in result.reasons.values())
    print_table(["reason", "files"], reasons.most_common(25))


def _general(reason: str) -> str:
    """A reason without its numbers, so that equal ones are counted together."""
    return "".join("0" if character.isdigit() else character for character in reason)[:90]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1, help="of formats, places and values")
    parser.add_argument("--count", type=int, default=2000, help="damaged files to make")
    parser.add_argument("--folder", type=Path, help="keep the files and their index in this empty folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
