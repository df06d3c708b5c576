"""High dynamic range (PQ and HLG) to what a standard display shows.

Light is computed from the signal by ITU-R BT.2100, its highlights are rolled off by the curve of ITU-R BT.2390
(EETF), so that reference white (203 cd/m², ITU-R BT.2408) becomes white, its primaries are converted to BT.709, and
it is encoded as sRGB (IEC 61966-2-1), as the pictures are that models were trained on. All curves are tables.
"""

from __future__ import annotations

from functools import cache

import numpy as np

PQ, HLG = 16, 18  # AVColorTransferCharacteristic: SMPTE ST 2084, ARIB STD-B67
_WHITE = 203.0  # cd/m² of reference white, BT.2408, table 1
_PEAK = 1000.0  # cd/m²: what most is mastered for; brighter light is shown as white
_PQ_MAX = 10_000.0  # cd/m²
_HLG_GAMMA = 1.2  # of the system at a peak of 1000 cd/m², BT.2100, note 5f
_STEPS = 4096  # of tables over light, spaced by its square root

# BT.2020 to BT.709 primaries, linear light: ITU-R BT.2407, section 2.
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020 primaries, BT.2100, table 4


def is_hdr(transfer: int) -> bool:
    """Whether a frame with this AVColorTransferCharacteristic has a high dynamic range."""
    return transfer in (PQ, HLG)


def to_sdr(signal: np.ndarray, transfer: int) -> np.ndarray:
    """Tone-map a picture.

    Args:
        signal: R'G'B' of BT.2020 as stored, uint16 [H, W, 3], full range.
        transfer: the frame's AVColorTransferCharacteristic, one for which `is_hdr` holds.

    Returns:
        uint8 [H, W, 3], sRGB.
    """
    light = _light_table(transfer)[signal]  # float32, in units of the peak
    if transfer == HLG:
        luminance = light @ _LUMINANCE
        light *= _look_up(_system_gamma(), luminance)[..., None]
    brightest = light.max(axis=-1)
    light *= _look_up(_roll_off(), brightest)[..., None]  # now in units of white
    return _look_up(_encoding(), light @ _TO_BT709.T)


def _look_up(table: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Values of a table over light from 0 to 1."""
    steps = np.sqrt(np.clip(light, 0.0, 1.0)) * (_STEPS - 1)
    return table[(steps + 0.5).astype(np.int32)]


def _grid() -> np.ndarray:
    return np.linspace(0.0, 1.0, _STEPS) ** 2


@cache
def _light_table(transfer: int) -> np.ndarray:
    """Light of each 16-bit signal, float32 [65536], in units of the peak: of the display (PQ) or the scene (HLG)."""
    signal = np.linspace(0.0, 1.0, 2**16)
    if transfer == PQ:
        return np.minimum(_pq_light(signal) / _PEAK, 1.0).astype(np.float32)
    # the inverse of the OETF, BT.2100, table 5
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return scene.astype(np.float32)


def _pq_light(signal: np.ndarray) -> np.ndarray:
    """cd/m² of a PQ signal from 0 to 1: the EOTF of BT.2100, table 4."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    return _PQ_MAX * (np.maximum(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)


def _pq_signal(light: np.ndarray | float) -> np.ndarray:
    """The inverse of `_pq_light`."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = (np.asarray(light) / _PQ_MAX) ** m1
    signal: np.ndarray = ((c1 + c2 * root) / (1 + c3 * root)) ** m2
    return signal


@cache
def _system_gamma() -> np.ndarray:
    """What to multiply HLG's scene light by, over its luminance: the OOTF of BT.2100, table 5."""
    return (np.maximum(_grid(), 1e-9) ** (_HLG_GAMMA - 1)).astype(np.float32)


@cache
def _roll_off() -> np.ndarray:
    """What to multiply light in units of the peak by to have it in units of white: the EETF of BT.2390, 5.4.1."""
    light = np.maximum(_grid(), 1e-9) * _PEAK
    peak = _pq_signal(_PEAK)
    signal = _pq_signal(light) / peak
    white = float(_pq_signal(_WHITE) / peak)
    knee = 1.5 * white - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0.0, 1.0)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * white
    )
    mapped = _pq_light(np.where(signal < knee, signal, spline) * peak)
    return (mapped / _WHITE / (light / _PEAK)).astype(np.float32)


@cache
def _encoding() -> np.ndarray:
    """The sRGB signal over light in units of white, uint8."""
    light = _grid()
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (signal * 255 + 0.5).astype(np.uint8)
