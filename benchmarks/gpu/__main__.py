"""Measure a CUDA GPU and write JSON.

    python -m benchmarks.gpu --output gpu.json
    python -m benchmarks.gpu --sections card,search --output gpu.json
    python -m benchmarks.gpu --smoke --device cpu --output smoke.json

Each section runs in a process of its own with a time limit. One that fails is reported with its reason and what it
had found so far, and the next goes on. The output is whole after every section.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.gpu.facts import Facts, reason, write_json
from benchmarks.gpu.summary import print_summary

# Name of each section in order, and its share of the time: seconds, where there is enough for all.
SECTIONS = {
    "card": 40,
    "decoding": 60,
    "trainer": 80,
    "search": 190,
    "loaded": 40,
    "graphs": 110,
    "speed": 130,
    "rotary": 50,
    "training": 130,
}


def main() -> None:
    """Run the sections, or inside a section's own process that one."""
    options = _arguments()
    if options.only:
        _run_one(options)
        return
    began = time.monotonic()
    document: dict[str, object] = {"sections": {}, "complete": False}
    sections = document["sections"]
    assert isinstance(sections, dict)
    for place, name in enumerate(options.sections):
        left = options.seconds - (time.monotonic() - began)
        share = SECTIONS[name] / sum(SECTIONS[later] for later in options.sections[place:])
        limit = left if options.smoke else left * share
        if limit < 5:
            sections[name] = {"status": "not run", "reason": "no time was left"}
        else:
            sections[name] = _in_a_process(name, options, limit)
        write_json(options.output, document)
        print(f"{name}: {sections[name]['status']}, {sections[name].get('seconds', 0):.0f} s", flush=True)
    document["complete"], document["seconds"] = True, round(time.monotonic() - began, 1)
    write_json(options.output, document)
    print_summary(document)
    print(options.output)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("gpu.json"))
    parser.add_argument("--sections", type=_sections, default=list(SECTIONS), help=", ".join(SECTIONS))
    parser.add_argument(
        "--kinds", type=_names, default=(), help="of index that the section search measures; default all"
    )
    parser.add_argument(
        "--vectors", type=_counts, default=(), help="how many it searches; default 1000000,10000000"
    )
    parser.add_argument("--seconds", type=float, help="most seconds in all; default 480, with --smoke 3600")
    parser.add_argument("--device", default="cuda", help="of PyTorch; cpu only with --smoke")
    parser.add_argument("--smoke", action="store_true", help="everything tiny: to try the script itself")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.seconds = options.seconds or (3600 if options.smoke else 480)
    if options.device == "cpu" and not options.smoke:
        parser.error("--device cpu needs --smoke: the full sizes would take hours")
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return names


def _in_a_process(name: str, options: argparse.Namespace, limit: float) -> dict[str, object]:
    """What the section found, with its status: "done", "failed" or "stopped" at its limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts.json"
        command = [sys.executable, "-m", "benchmarks.gpu", "--only", name, "--output", str(path)]
        command += ["--device", options.device, "--seconds", str(limit)] + ["--smoke"] * options.smoke
        command += ["--kinds", ",".join(options.kinds)] * bool(options.kinds)
        command += ["--vectors", ",".join(map(str, options.vectors))] * bool(options.vectors)
        began = time.monotonic()
        status: dict[str, object] = {"status": "done"}
        environment = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", **os.environ}
        try:
            done = subprocess.run(command, timeout=limit, check=False, env=environment)
            if done.returncode:
                status = {"status": "failed", "reason": f"the process ended with {done.returncode}"}
        except subprocess.TimeoutExpired:
            status = {"status": "stopped", "reason": f"it took more than {limit:.0f} s"}
        status["seconds"] = round(time.monotonic() - began, 1)
        found = json.loads(path.read_text()) if path.exists() else {}
    return {**status, **found}


def _run_one(options: argparse.Namespace) -> None:
    until = time.monotonic() + options.seconds - 5
    facts = Facts(
        options.output,
        options.device,
        smoke=options.smoke,
        kinds=options.kinds,
        vectors=options.vectors,
        until=until,
    )
    try:
        importlib.import_module(f"benchmarks.gpu.{options.only}").run(facts)
    except Exception as error:
        facts.say(status="failed", reason=reason(error))
        raise


if __name__ == "__main__":
    main()
