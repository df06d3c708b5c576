"""Text recognition: a picture to the lines of text in it. Nothing heavy is imported before one is read."""

from __future__ import annotations

import importlib.util
import os
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.sources import verified

if TYPE_CHECKING:
    from rapidocr import RapidOCR

# PP-OCRv6 (PaddleOCR, Apache-2.0), as the package ships it: it finds lines of text, tells whether they stand on their
# heads, and recognises Chinese, Japanese and languages in Latin letters.
WRITING_MODEL = "rapidocr:PP-OCRv6-small"
_PACKAGE = "rapidocr"
_ENGINE = threading.Lock()  # an engine is made once and reads one picture at a time
_FILES = {
    "Det": (
        "PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    "Cls": (
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    "Rec": (
        "PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """A line of text in a picture."""

    text: str
    confidence: float  # 0 to 1
    corners: np.ndarray  # float32 [4, 2]: shares of width and height, clockwise from where the line begins


class TextReader(Protocol):
    """Pictures to lines of text."""

    name: str

    def read(self, picture: np.ndarray) -> list[TextLine]:
        """The lines in uint8 [h, w, 3] RGB, from top to bottom and from left to right."""
        ...


def open_text_reader() -> TextReader:
    """The model for text recognition. Its weights are loaded when it is first used; nothing is downloaded.

    Raises:
        ModelError: the extra `ocr` is not installed, or the package has other weights.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("text recognition needs the extra 'ocr': pip install 'jepa-retrieval[ocr]'")
    return RapidReader(WRITING_MODEL, Path(spec.origin).parent / "models")


class RapidReader:
    """PP-OCR, run by RapidOCR on OpenVINO.

    Args:
        name: of the model.
        folder: of its files.

    Raises:
        ModelError: a file is missing, or is not the expected one.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._files = {part: folder / file for part, (file, _) in _FILES.items()}
        for part, (_, sha256) in _FILES.items():
            if not self._files[part].is_file():
                raise ModelError(f"{name}: there is no {self._files[part]}; install rapidocr 3.10")
            verified(self._files[part], sha256)

    def read(self, picture: np.ndarray) -> list[TextLine]:
        """See `TextReader.read`."""
        with _ENGINE:
            found: Any = self._engine(np.ascontiguousarray(picture[..., ::-1]))  # it wants BGR
        if not found:
            return []
        height, width = picture.shape[:2]
        lines = zip(found.txts, found.scores, found.boxes, strict=True)
        return [
            TextLine(" ".join(text.split()), float(score), np.asarray(box, np.float32) / (width, height))
            for text, score, box in lines
            if text.split()
        ]

    @cached_property
    def _engine(self) -> RapidOCR:
        return _engine(tuple(self._files.items()))


@cache
def _engine(files: tuple[tuple[str, Path], ...]) -> RapidOCR:
    """RapidOCR makes an OpenVINO runtime for each file, which have to last: see `private_openvino`."""
    from rapidocr import EngineType, RapidOCR

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1
    parameters: dict[str, object] = {
        "Global.log_level": "error",
        "EngineConfig.openvino.inference_num_threads": threads,
    }
    for part, file in files:
        parameters[f"{part}.engine_type"] = EngineType.OPENVINO
        parameters[f"{part}.model_path"] = str(file)  # with a path, nothing is downloaded
    return RapidOCR(params=parameters)
