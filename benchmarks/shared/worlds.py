"""Small generated worlds: discs and squares that move over a floor, bounce off walls and pass behind a screen.

Every world follows from its seed. A pair differs by one event, of which `EVENTS` are impossible and `CONTROLS` are of
the camera: what is shown stays possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.datasets.generated_worlds import CONTROLS, EVENTS

SIDE = 130  # pixels
FRAMES = 40  # of a video
RATE = 10.0  # frames per second
STEPS = 4  # of the simulation in a frame
EARLIEST, LATEST = 12, 26  # frames between which the event lies
MAX_TRIES = 2000

_FLASH_FRAMES = 2
_SHAKEN_FRAMES = 8
_SHAKE = 3  # pixels
_WALL = 0.02  # half of its width; the world has the side 1

Shape = Literal["disc", "square"]


@dataclass(frozen=True)
class Thing:
    """What moves."""

    place: tuple[float, float]  # x, y
    speed: tuple[float, float]  # per second
    radius: float
    colour: tuple[float, float, float]  # 0 to 255
    shape: Shape


@dataclass(frozen=True)
class World:
    """What stands still, and the things as they begin."""

    things: tuple[Thing, ...]
    wall: float  # x of the middle of a wall from top to bottom
    screen: tuple[float, float, float, float]  # left, top, right, bottom of what hides things
    floor: np.ndarray  # float32 [SIDE, SIDE, 3], 0 to 255
    colours: np.ndarray  # float32 [2, 3], of the wall and the screen
    light: np.ndarray  # float32 [3], factor of every colour


class Change(NamedTuple):
    """An impossible event: what happens to the first thing."""

    kind: str
    frame: int
    place: tuple[float, float] = (0.0, 0.0)  # of a teleport
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)


class WorldPair(NamedTuple):
    """A possible video and one with an event, uint8 [FRAMES, SIDE, SIDE, 3] each; they agree up to `frame`."""

    possible: np.ndarray
    other: np.ndarray
    frame: int


def make_world(seed: Sequence[int]) -> World:
    """A world of its own for every seed."""
    random = np.random.default_rng(seed)
    wall = float(random.uniform(0.62, 0.75))
    left = float(random.uniform(0.22, 0.3))
    top = float(random.uniform(0.05, 0.25))
    screen = (left, top, left + float(random.uniform(0.16, 0.19)), top + float(random.uniform(0.55, 0.7)))
    grain = np.kron(random.normal(0.0, 6.0, (SIDE // 5, SIDE // 5, 1)), np.ones((5, 5, 1)))
    floor = random.uniform(120, 200, 3) + grain
    things = tuple(_thing(random, 0.0, wall) for _ in range(random.integers(1, 3)))
    colours = random.uniform(20, 90, (2, 3))
    return World(
        things,
        wall,
        screen,
        floor.astype(np.float32),
        colours.astype(np.float32),
        random.uniform(0.8, 1.2, 3).astype(np.float32),
    )


def _thing(random: np.random.Generator, left: float, right: float) -> Thing:
    radius = float(random.uniform(0.05, 0.065))
    place = random.uniform([left + 2 * radius, 2 * radius], [right - 2 * radius, 1 - 2 * radius])
    angle = random.uniform(-0.5, 0.5) + (np.pi if random.random() < 0.5 else 0.0)
    speed = random.uniform(0.3, 0.5) * np.array([np.cos(angle), np.sin(angle)])
    colour = _colour(random)
    shape: Shape = "disc" if random.random() < 0.5 else "square"
    return Thing(
        (float(place[0]), float(place[1])), (float(speed[0]), float(speed[1])), radius, colour, shape
    )


def _colour(random: np.random.Generator) -> tuple[float, float, float]:
    """A vivid one."""
    low, high, other = random.uniform(10, 60), random.uniform(190, 250), random.uniform(10, 250)
    red, green, blue = random.permutation([low, high, other]).tolist()
    return red, green, blue


def positions(world: World, change: Change | None = None) -> list[list[Thing | None]]:
    """The things of every frame; None: is gone."""
    found: list[list[Thing | None]] = []
    things: list[Thing | None] = list(world.things)
    ghost = False  # whether the first thing passes the wall
    for frame in range(FRAMES):
        if change is not None and frame == change.frame and things[0] is not None:
            things[0], ghost = _changed(things[0], change)
        found.append(list(things))
        for _ in range(STEPS):
            things = [
                None if thing is None else _moved(thing, world, through=ghost and row == 0)
                for row, thing in enumerate(things)
            ]
    return found


def _changed(thing: Thing, change: Change) -> tuple[Thing | None, bool]:
    if change.kind == "vanish":
        return None, False
    if change.kind == "teleport":
        return replace(thing, place=change.place), False
    if change.kind == "colour":
        return replace(thing, colour=change.colour), False
    if change.kind == "shape":
        return replace(thing, shape="square" if thing.shape == "disc" else "disc"), False
    if change.kind == "stop":
        return replace(thing, speed=(0.0, 0.0)), False
    return thing, True


def _moved(thing: Thing, world: World, *, through: bool) -> Thing:
    """After one step; a bounce turns the speed round."""
    step = 1 / (RATE * STEPS)
    x, y = thing.place[0] + step * thing.speed[0], thing.place[1] + step * thing.speed[1]
    dx, dy = thing.speed
    radius = thing.radius
    if x < radius or x > 1 - radius:
        dx = abs(dx) if x < radius else -abs(dx)
    if y < radius or y > 1 - radius:
        dy = abs(dy) if y < radius else -abs(dy)
    if not through and abs(x - world.wall) < radius + _WALL:
        dx = -abs(dx) if x < world.wall else abs(dx)
    return replace(thing, place=(x, y), speed=(dx, dy))


def render(world: World, frames: Sequence[Sequence[Thing | None]]) -> np.ndarray:
    """Pictures of frames, uint8 [frames, SIDE, SIDE, 3]."""
    grid = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    still = world.floor.copy()
    still[:, np.abs(grid - world.wall) < _WALL] = world.colours[0]
    left, top, right, bottom = world.screen
    hidden = ((grid > top) & (grid < bottom))[:, None] & ((grid > left) & (grid < right))
    pictures = []
    for things in frames:
        picture = still.copy()
        for thing in things:
            if thing is not None:
                _draw(picture, thing, grid)
        picture[hidden] = world.colours[1]
        pictures.append(np.clip(picture * world.light, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def _draw(picture: np.ndarray, thing: Thing, grid: np.ndarray) -> None:
    """With soft edges, so that it moves by less than a pixel."""
    x, y = grid[None, :] - thing.place[0], grid[:, None] - thing.place[1]
    distance = np.hypot(x, y) if thing.shape == "disc" else np.maximum(np.abs(x), np.abs(y)) * 1.12
    share = np.clip((thing.radius - distance) * SIDE + 0.5, 0, 1)[..., None]
    picture += share * (np.array(thing.colour, np.float32) - picture)


def possible_video(seed: Sequence[int]) -> np.ndarray:
    """A world in which nothing impossible happens, uint8 [FRAMES, SIDE, SIDE, 3]."""
    world = make_world(seed)
    return render(world, positions(world))


def world_pair(kind: str, seed: int) -> WorldPair:
    """A possible video, and the same with an event of `EVENTS` or `CONTROLS`."""
    place = (*EVENTS, *CONTROLS).index(kind)
    random = np.random.default_rng([seed, place, 1])
    for number in range(MAX_TRIES):
        world = make_world([seed, place, 2, number])
        frames = positions(world)
        if kind in CONTROLS:
            video = render(world, frames)
            frame = int(random.integers(EARLIEST, LATEST))
            return WorldPair(video, _seen_otherwise(video, kind, frame, random, [seed, place, 3]), frame)
        change = _event(world, frames, kind, random)
        if change is not None:
            other = render(world, positions(world, change))
            return WorldPair(render(world, frames), other, change.frame)
    raise AssertionError(f"no world of seed {seed} has a place for {kind}")


def _event(
    world: World, frames: list[list[Thing | None]], kind: str, random: np.random.Generator
) -> Change | None:
    """A moment at which the first thing can do something impossible; None if it has none."""
    first = [things[0] for things in frames]
    whole = [thing for thing in first if thing is not None]
    hidden = [_is_hidden(thing, world) for thing in whole]
    seen = [_is_seen(thing, world) for thing in whole]
    if kind == "vanish":
        fits = [
            frame
            for frame in range(EARLIEST, LATEST)
            if hidden[frame] and all(seen[:4]) and any(seen[frame : FRAMES - 6])
        ]
    elif kind == "wall":
        fits = [
            frame
            for frame in range(EARLIEST, LATEST)
            if whole[frame - 1].speed[0] > 0 > whole[frame].speed[0] and whole[frame].place[0] > 0.45
        ]
        fits = [frame - 1 for frame in fits]
    else:
        fits = [frame for frame in range(EARLIEST, LATEST) if all(seen[frame - 3 : frame + 4])]
    if not fits:
        return None
    frame = fits[0] if kind == "vanish" else int(random.choice(fits))
    place = _elsewhere(whole[frame], world, random)
    return Change(kind, frame, place, _other_colour(whole[frame].colour, random))


def _is_hidden(thing: Thing, world: World) -> bool:
    left, top, right, bottom = world.screen
    (x, y), radius = thing.place, 1.1 * thing.radius
    return left < x - radius and x + radius < right and top < y - radius and y + radius < bottom


def _is_seen(thing: Thing, world: World) -> bool:
    """Whether the screen covers nothing of it."""
    left, top, right, bottom = world.screen
    (x, y), radius = thing.place, 1.1 * thing.radius
    return x + radius < left or x - radius > right or y + radius < top or y - radius > bottom


def _elsewhere(thing: Thing, world: World, random: np.random.Generator) -> tuple[float, float]:
    """A place far enough away where it is seen whole, on its own side of the wall."""
    for _ in range(MAX_TRIES):
        x, y = random.uniform(thing.radius, [world.wall - 2 * thing.radius, 1 - thing.radius])
        far = np.hypot(x - thing.place[0], y - thing.place[1]) > 0.25
        if far and _is_seen(replace(thing, place=(x, y)), world):
            return float(x), float(y)
    return thing.place


def _other_colour(
    colour: tuple[float, float, float], random: np.random.Generator
) -> tuple[float, float, float]:
    """One that differs in all it can."""
    for _ in range(MAX_TRIES):
        other = _colour(random)
        if sum(abs(a - b) for a, b in zip(colour, other, strict=True)) > 250:
            return other
    return colour


def _seen_otherwise(
    video: np.ndarray, kind: str, frame: int, random: np.random.Generator, seed: Sequence[int]
) -> np.ndarray:
    """What the camera does: cut to another world, flash, another light, shaking."""
    other = video.copy()
    if kind == "cut":
        other[frame:] = possible_video(seed)[: len(video) - frame]
    elif kind == "flash":
        bright = other[frame : frame + _FLASH_FRAMES]
        bright[:] = (0.3 * bright + 0.7 * 255).astype(np.uint8)
    elif kind == "cast":
        cast = random.permutation([0.75, 1.0, 1.15])
        other[frame:] = np.clip(other[frame:] * cast, 0, 255).astype(np.uint8)
    else:
        for row in range(frame, frame + _SHAKEN_FRAMES):
            right, down = random.integers(-_SHAKE, _SHAKE + 1, 2)
            padded = np.pad(video[row], ((_SHAKE, _SHAKE), (_SHAKE, _SHAKE), (0, 0)), mode="edge")
            other[row] = padded[_SHAKE + down :, _SHAKE + right :][:SIDE, :SIDE]
    return other
