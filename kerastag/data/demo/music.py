"""The demo set's composer: tags to traits, traits to a little piece whose every second shows them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag.data.demo import score, sounds

SOFT_HZ, BRIGHT_HZ = (
    3000.0,
    6000.0,
)  # a tag that asks for less than the one cannot be heard with one that asks for more than the other
MIN_TEMPO_OVERLAP = 4.0
PEAK = (0.45, 0.85)


@dataclasses.dataclass(frozen=True)
class Traits:
    """What a tag asks of a piece; what it leaves open is up to chance, to the artist or to other tags."""

    tempo: tuple[float, float] = (66.0, 150.0)  # beats per minute
    mode: str | None = None
    cutoff_hz: float | None = None
    register: int = 0  # semitones
    reverb_seconds: float = 0.0
    backings: tuple[str, ...] = ()
    drums: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


TRAITS = {
    "happy": Traits(tempo=(112, 140), mode="major", cutoff_hz=7000, backings=("stabs",), drums=("claps",)),
    "energetic": Traits(tempo=(132, 168), cutoff_hz=8000, drums=("driving",), layers=("pumping_bass",)),
    "dark": Traits(tempo=(66, 100), mode="minor", cutoff_hz=900, register=-12, layers=("drone",)),
    "relaxing": Traits(tempo=(58, 76), cutoff_hz=2500, backings=("broken_chords",), drums=("silence",)),
    "film": Traits(tempo=(60, 120), reverb_seconds=2.0, backings=("swells",)),
    "epic": Traits(tempo=(84, 104), mode="minor", reverb_seconds=1.5, drums=("toms",), layers=("fanfare",)),
    "space": Traits(tempo=(60, 110), reverb_seconds=2.5, layers=("glides",)),
    "retro": Traits(tempo=(126, 160), cutoff_hz=9000, layers=("arpeggio",)),
    "meditative": Traits(
        tempo=(48, 70),
        cutoff_hz=1800,
        reverb_seconds=2.5,
        backings=("fifths",),
        drums=("silence",),
        layers=("bowls",),
    ),
    "nature": Traits(layers=("birdsong",)),
    "children": Traits(tempo=(108, 132), mode="major", register=12, layers=("music_box",)),
    "christmas": Traits(tempo=(100, 132), mode="major", layers=("sleigh_bells", "chimes")),
}


def compatible(first: str, second: str) -> bool:
    """Whether one piece can have the traits of both tags."""
    a, b = TRAITS[first], TRAITS[second]
    overlap = min(a.tempo[1], b.tempo[1]) - max(a.tempo[0], b.tempo[0])
    cutoffs = [t.cutoff_hz for t in (a, b) if t.cutoff_hz]
    modes = {t.mode for t in (a, b) if t.mode}
    drums = {*a.drums, *b.drums}
    clash = bool(cutoffs) and min(cutoffs) < SOFT_HZ and max(cutoffs) > BRIGHT_HZ
    opposed = a.register * b.register < 0
    return overlap >= MIN_TEMPO_OVERLAP and len(modes) < 2 and not clash and not opposed and _drums_agree(drums)


def _drums_agree(drums: set[str]) -> bool:
    return len(drums) < 2 or "silence" not in drums


def combine(tags: Sequence[str]) -> Traits:
    """All traits of compatible tags: the tempi in common, the lowest cutoff, every drum, every layer."""
    found = [TRAITS[tag] for tag in tags]
    return Traits(
        tempo=(max(t.tempo[0] for t in found), min(t.tempo[1] for t in found)),
        mode=next((t.mode for t in found if t.mode), None),
        cutoff_hz=min((t.cutoff_hz for t in found if t.cutoff_hz), default=None),
        register=sum(t.register for t in found),
        reverb_seconds=max(t.reverb_seconds for t in found),
        backings=tuple(name for t in found for name in t.backings),
        drums=tuple(name for t in found for name in t.drums),
        layers=tuple(layer for t in found for layer in t.layers),
    )


def compose(tags: Sequence[str], artist: score.Artist, form: score.Form, rng: np.random.Generator) -> np.ndarray:
    """A piece with all the traits of the tags.

    Returns:
      float32 (samples, channels), its peak within `PEAK`.
    """
    traits = combine(tags)
    mode = traits.mode or str(rng.choice(["major", "minor"]))
    piece = score.Piece(artist, form, float(rng.uniform(*traits.tempo)), mode, traits.register, rng)
    for name in _layer_names(traits, artist, rng):
        score.LAYERS[name](piece)
    for name in traits.backings or (artist.chords,):
        score.BACKINGS[name](piece)
    for name in traits.drums or (("light",) if rng.uniform() < 0.4 else ()):
        score.DRUMS[name](piece)
    return _master(piece, traits, rng)


def _layer_names(traits: Traits, artist: score.Artist, rng: np.random.Generator) -> list[str]:
    names = list(traits.layers)
    if rng.uniform() < 0.8:
        names.append("melody")
    if "pumping_bass" not in names and "fifths" not in traits.backings:
        names.append("bass")
    return names


def _master(piece: score.Piece, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    cutoff = (traits.cutoff_hz or rng.uniform(2500, 6000)) * piece.artist.brightness
    tone = sounds.band(piece.buses["tone"], None, cutoff, piece.rate)
    mix = tone + piece.buses["clear"] * np.float32(rng.uniform(0.6, 1.0))
    if traits.reverb_seconds:
        mix = sounds.reverb(mix, traits.reverb_seconds, 0.5, piece.rate, rng)
    elif piece.artist.room:
        mix = sounds.reverb(mix, 0.4, piece.artist.room, piece.rate, rng)
    num_fade = int(0.02 * piece.rate)
    mix[:, -num_fade:] *= np.linspace(1, 0, num_fade, dtype=np.float32)
    mix += np.float32(1e-4) * rng.standard_normal(mix.shape, dtype=np.float32)  # a recording is never quite silent
    return (mix * np.float32(rng.uniform(*PEAK) / np.abs(mix).max())).T
