"""The wheel works on its own: installed into an empty environment away from the checkout, it does what it promises.

    .venv/bin/python .ci/wheel.py      (or: make wheel-test)

Builds the wheel from the files that git knows, compares its contents with them, installs it with what it declares
to need, and runs index, search, classify, watch and the first steps of nano's training on media made for it. Needs
some 10 GB on the disk of $TMPDIR while it runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from PIL import Image  # noqa: E402

from tests.real_media import copy_media, photograph  # noqa: E402

PACKAGES = ("indexes", "jepa_retrieval", "cli", "benchmarks")
CAPTIONS = {
    "astronaut.png": "a woman in an orange suit smiles",
    "chelsea.png": "a brown cat looks at the camera",
    "coffee.png": "a red cup of coffee on a wooden table",
    "rocket.jpg": "a white rocket on the launch pad",
}
TRAINING_CHANGES = ("phases.0.steps=2", "phases.0.batch_size=16", "optim.warmup_steps=0")


def main() -> None:
    """Build, install and use the wheel; the first thing that is wrong ends the script with status 1."""
    with tempfile.TemporaryDirectory(prefix="jepa-wheel-") as name:
        folder = Path(name)
        wheel = build(folder)
        check_contents(wheel)
        environment = Environment(folder)
        environment.install(wheel)
        media = copy_media(folder / "media")
        check_index_and_search(environment, media)
        check_classify(environment, media)
        check_watch(environment, media)
        check_training(environment)
    step("the wheel works on its own")


class Environment:
    """An environment that has the wheel and nothing of the checkout; commands run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        kept = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        self._variables = {
            **kept,
            "JEPA_CACHE": str(folder / "cache"),
            "JEPA_SHARED": str(folder / "shared"),
            "NANO_RUN": str(folder / "run"),
        }

    def install(self, wheel: Path) -> None:
        """Make the environment, with the wheel in it."""
        began = time.monotonic()
        run([sys.executable, "-m", "venv", str(self.bin.parent)])
        # -qq: only errors
        self.command("python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", str(wheel))
        step(f"installed in {time.monotonic() - began:.0f} s")
        place = self.command(
            "python", "-c", "import jepa_retrieval as j; print(j.__file__, j.__version__)"
        ).strip()
        require(place.startswith(str(self.bin.parent)), f"the package comes from {place}")
        self.command("python", "-m", "pip", "check", "--disable-pip-version-check")

    def command(self, program: str, *arguments: str) -> str:
        """Run a program of the environment; returns its output."""
        return run([str(self.bin / program), *arguments], cwd=self.folder, env=self._variables)


def build(folder: Path) -> Path:
    """Build from a copy: what an earlier build left in the checkout must not reach the wheel."""
    source = folder / "source"
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target)
    pip = [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps"]
    run([*pip, "--wheel-dir", str(folder / "dist"), str(source)])
    (wheel,) = (folder / "dist").glob("*.whl")
    step(f"built {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def tracked() -> list[str]:
    """Files of the checkout that git knows, or would take."""
    listed = run(["git", "-C", str(REPOSITORY), "ls-files", "-z", "-co", "--exclude-standard"])
    return [name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()]


def check_contents(wheel: Path) -> None:
    """The wheel holds every file of the four packages, and nothing else."""
    expected = {name for name in tracked() if name.split("/")[0] in PACKAGES}
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    require(found == expected, f"missing {sorted(expected - found)}, unexpected {sorted(found - expected)}")
    step(f"holds the {len(found)} files of {', '.join(PACKAGES)}")


def check_index_and_search(environment: Environment, media: Path) -> None:
    """Every file is indexed; the cat is found."""
    files = [path for path in media.rglob("*") if path.is_file()]
    report = json.loads(environment.command("jepa", "index", str(media), "--json"))
    require(report["indexed"] == len(files) and not report["failed"], f"index: {report}")
    found = json.loads(environment.command("jepa", "search", "a cat", "--index", str(media), "--json"))
    require(found["hits"][0]["path"] == "photos/chelsea.png", f"search: {found}")
    step(f"indexed {len(files)} files and found the cat")


def check_classify(environment: Environment, media: Path) -> None:
    """The photographs get the right labels."""
    labels = {"chelsea.png": "a cat", "coffee.png": "a cup of coffee", "rocket.jpg": "a rocket"}
    paths = [str(media / "photos" / name) for name in labels]
    given = json.loads(
        environment.command("jepa", "classify", *paths, "--labels", ",".join(labels.values()), "--json")
    )
    shown = {Path(item["path"]).name: item["labels"][0]["label"] for item in given}
    require(shown == labels, f"classify: {shown}")
    step("classified photographs")


def check_watch(environment: Environment, media: Path) -> None:
    """A video is described in sentences with times."""
    output = environment.command("jepa", "watch", str(media / "videos" / "bikes.mp4"), "--json")
    lines = [json.loads(line) for line in output.splitlines()]
    require(any(line.get("text") for line in lines), f"watch: {output}")
    step(f"watched a video: {len(lines)} lines")


def check_training(environment: Environment) -> None:
    """nano's first stage runs on the recipe in the wheel, the tokens of ImageNet's classes included."""
    flickr = make_training_data(environment.folder / "shared" / "data")
    names = flickr / "Flickr_8k.trainImages.txt"
    classes = str(environment.folder / "run" / "classes")
    environment.command(
        *("python", "-m", "jepa_retrieval.training.class_features", classes),
        *("--images", str(flickr / "images"), "--names", str(names)),
    )
    recipes = environment.command(
        "python", "-c", "from jepa_retrieval.training.nano import RECIPES; print(RECIPES)"
    )
    changes = [part for change in TRAINING_CHANGES for part in ("--set", change)]
    recipe = str(Path(recipes.strip()) / "nano_pretrain.toml")
    report = json.loads(environment.command("jepa", "train", "pretrain", recipe, *changes, "--json"))
    require(report["step"] == 2 and Path(report["model"], "model.safetensors").is_file(), f"train: {report}")
    step("nano's training ran two steps")


def make_training_data(folder: Path) -> Path:
    """A few captioned photographs in the layouts of all data that nano's recipe names."""
    flickr, caltech = folder / "flickr8k", folder / "caltech101"
    for name in CAPTIONS:
        picture = Image.open(photograph(name)).convert("RGB").resize((224, 224))
        for place in (flickr / "images", caltech / "images" / Path(name).stem):
            place.mkdir(parents=True, exist_ok=True)
            picture.save(place / f"{Path(name).stem}.jpg")
    stems = {Path(name).stem: caption for name, caption in CAPTIONS.items()}
    captions = "".join(f"{stem}.jpg#0\t{caption}\n" for stem, caption in stems.items())
    (flickr / "Flickr8k.token.txt").write_text(captions)
    for part in ("train", "dev"):
        (flickr / f"Flickr_8k.{part}Images.txt").write_text("".join(f"{stem}.jpg\n" for stem in stems))
    recipe = REPOSITORY / "jepa_retrieval" / "training" / "recipes" / "nano_pretrain.toml"
    for names in re.findall(r"/captioned/\{?([\w,]+)\}?/manifest", recipe.read_text()):
        for name in names.split(","):
            make_captioned(folder / "captioned" / name, flickr / "images", stems)
    return flickr


def make_captioned(folder: Path, images: Path, captions: dict[str, str]) -> None:
    """A table of captions and enough pictures for both sides of a part that is held out."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file\ttexts"]
    for number in range(8):
        for stem, caption in captions.items():
            shutil.copy(images / f"{stem}.jpg", folder / f"{stem}{number}.jpg")
            lines.append(f"{stem}{number}.jpg\t{caption}")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")


def run(command: list[str], **options: object) -> str:
    """Run a command; its standard error is shown only when it fails, which ends the script."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return str(done.stdout)


def require(holds: bool, message: str) -> None:
    """End the script unless something holds."""
    if not holds:
        sys.exit(f"the wheel does not work: {message}")


def step(text: str) -> None:
    """Say what has been done."""
    print(f"wheel: {text}", flush=True)


if __name__ == "__main__":
    main()
