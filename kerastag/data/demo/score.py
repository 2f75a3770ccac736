"""The demo set's score paper: an artist's habits, a piece with its time grid and harmony, and its layers."""

import dataclasses
from collections.abc import Callable

import numpy as np

from kerastag.data.demo import sounds

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = {  # scale degrees, counted from 0
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 3, 0, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 5, 4), (0, 5, 3, 4), (0, 6, 5, 6)),
}


@dataclasses.dataclass(frozen=True)
class Artist:
    """Habits that run through all of an artist's tracks."""

    lead: str
    backing: str
    chords: str
    brightness: float
    room: float
    swing: float

    @classmethod
    def invent(cls, rng: np.random.Generator) -> "Artist":
        """Draws the habits."""
        return cls(
            lead=str(rng.choice(["flute", "organ", "keys", "pluck", "square", "bell"])),
            backing=str(rng.choice(["organ", "keys", "pluck", "strings"])),
            chords=str(rng.choice(["strum", "block", "broken_chords"])),
            brightness=float(rng.uniform(0.8, 1.25)),
            room=float(rng.choice([0.0, 0.0, 0.2, 0.3])),
            swing=float(rng.choice([0.0, 0.0, 0.06, 0.12])),
        )


@dataclasses.dataclass(frozen=True)
class Form:
    """The outside of a track."""

    seconds: float
    rate: int
    channels: int


class Piece:
    """A piece being written: its time grid, its harmony and two buses, `tone` (filtered) and `clear`."""

    def __init__(
        self, artist: Artist, form: Form, tempo: float, mode: str, register: int, rng: np.random.Generator
    ) -> None:
        """An empty sheet in a random key; `tempo` in beats per minute, `register` in semitones."""
        self.artist, self.rate, self.channels, self.rng = artist, form.rate, form.channels, rng
        self.tempo, self.mode = tempo, mode
        num_samples = int(form.seconds * form.rate)
        self.seconds = num_samples / form.rate
        self.num_beats = int(np.ceil(self.seconds * tempo / 60))
        self.root = 48 + int(rng.integers(-5, 7)) + register
        self.progression = PROGRESSIONS[mode][rng.integers(4)]
        self.chord_beats = 4 if tempo >= 100 else 2
        self.buses = {name: np.zeros((form.channels, num_samples), np.float32) for name in ("tone", "clear")}
        self.cache: dict[tuple[str, float, float], np.ndarray] = {}

    def pitch(self, degree: int, octave: int = 0) -> int:
        """The MIDI note of a scale degree; degrees run on past the octave."""
        return self.root + 12 * (octave + degree // 7) + SCALES[self.mode][degree % 7]

    def degree(self, beat: float) -> int:
        """The scale degree that the chord at this beat stands on."""
        return self.progression[int(beat // self.chord_beats) % 4]

    def chord(self, beat: float, octave: int = 1) -> list[int]:
        """The three notes of the chord at this beat."""
        return [self.pitch(self.degree(beat) + third, octave) for third in (0, 2, 4)]

    def add(self, wave: np.ndarray, beat: float, gain: float, bus: str = "tone", pan: float = 0.0) -> None:
        """Mixes a wave in at a beat; off-beats come late by the artist's swing; `pan` runs from -1 to 1."""
        late = self.artist.swing if beat % 1 == 0.5 else 0.0
        start = int((beat + late) * 60 / self.tempo * self.rate)
        room = self.buses[bus][:, start : start + len(wave)]
        sides = (1.0,) if self.channels == 1 else (1.0 - max(0.0, pan), 1.0 + min(0.0, pan))
        for channel, side in zip(room, sides, strict=True):
            channel += np.float32(gain * side) * wave[: len(channel)]

    def note(self, instrument: str, pitch: float, beats: float) -> np.ndarray:
        """An instrument's note, made once."""
        key = (instrument, pitch, beats)
        if key not in self.cache:
            seconds = max(0.05, beats * 60 / self.tempo)
            self.cache[key] = sounds.INSTRUMENTS[instrument](sounds.hertz(pitch), seconds, self.rate)
        return self.cache[key]

    def hits(self, name: str, beats: np.ndarray, gain: float, pan: float = 0.0) -> None:
        """A drum on many beats, on the clear bus, each time a little louder or softer."""
        wave = sounds.PERCUSSION[name](self.rate, self.rng)
        for beat in beats:
            self.add(wave, beat, gain * self.rng.uniform(0.8, 1.0), "clear", pan)

    def beats(self, step: float, first: float = 0.0) -> np.ndarray:
        """Beats from `first` to the end, `step` apart."""
        return np.arange(first, self.num_beats, step)


def _stabs(piece: Piece) -> None:
    for beat in piece.beats(1, 0.5):
        for pitch in piece.chord(beat):
            piece.add(piece.note("pluck" if piece.artist.lead == "keys" else "keys", pitch, 0.4), beat, 0.3)


def _broken_chords(piece: Piece) -> None:
    for number, beat in enumerate(piece.beats(0.5)):
        pitch = piece.chord(beat)[(0, 1, 2, 1)[number % 4]]
        piece.add(piece.note("keys", pitch, 2.0), beat, 0.35, pan=(-0.3, 0.3)[number % 2])


def _swells(piece: Piece) -> None:
    for beat in piece.beats(piece.chord_beats):
        for pitch, pan in zip(piece.chord(beat), (-0.5, 0.0, 0.5), strict=True):
            piece.add(piece.note("strings", pitch, piece.chord_beats * 1.1), beat, 0.4, pan=pan)


def _fifths(piece: Piece) -> None:
    for beat in piece.beats(4):
        for pitch in (piece.root, piece.root + 7, piece.root + 12):
            piece.add(piece.note("round", pitch, 4.2), beat, 0.25)


def _strum(piece: Piece) -> None:
    for beat in piece.beats(1):
        for number, pitch in enumerate(piece.chord(beat)):
            piece.add(piece.note("pluck", pitch, 1.2), beat + 0.03 * number, 0.3, pan=0.2)


def _block(piece: Piece) -> None:
    for beat in piece.beats(piece.chord_beats):
        for pitch in piece.chord(beat):
            piece.add(piece.note(piece.artist.backing, pitch, piece.chord_beats), beat, 0.22)


def _bass(piece: Piece) -> None:
    for beat in piece.beats(2):
        piece.add(piece.note("round", piece.pitch(piece.degree(beat), -1), 1.6), beat, 0.5)


def _melody(piece: Piece) -> None:
    beat, degree = 0.0, int(piece.rng.integers(7, 14))
    slow = 2 if piece.tempo < 80 else 1
    while beat < piece.num_beats:
        length = float(piece.rng.choice([0.5, 0.5, 1.0, 1.0, 2.0])) * slow
        if piece.rng.uniform() > 0.2:
            piece.add(piece.note(piece.artist.lead, piece.pitch(degree, 1), length * 0.95), beat, 0.28, pan=-0.2)
        degree = int(np.clip(degree + piece.rng.choice([-2, -1, -1, 1, 1, 2]), 5, 15))
        beat += length


def _pumping_bass(piece: Piece) -> None:
    for number, beat in enumerate(piece.beats(0.5)):
        piece.add(piece.note("saw", piece.pitch(piece.degree(beat), -1 + number % 2), 0.4), beat, 0.3)


def _drone(piece: Piece) -> None:
    for beat in piece.beats(8):
        for pitch, gain in (
            (piece.root, 0.4),
            (piece.root + 0.15, 0.4),
            (piece.root + 1, 0.12),
            (piece.root + 6, 0.12),
        ):
            piece.add(piece.note("brass", pitch, 8.1), beat, gain)


def _fanfare(piece: Piece) -> None:
    for beat in piece.beats(2):
        for pitch in (piece.chord(beat)[0] - 12, piece.chord(beat)[0], piece.chord(beat)[2]):
            piece.add(piece.note("brass", pitch, 1.5), beat, 0.22)
            piece.add(piece.note("brass", pitch, 0.4), beat + 1.5, 0.22)


def _arpeggio(piece: Piece) -> None:
    for number, beat in enumerate(piece.beats(0.25)):
        piece.add(piece.note("square", piece.chord(beat, 2)[number % 3], 0.2), beat, 0.32, "clear", 0.3)


def _music_box(piece: Piece) -> None:
    for beat in piece.beats(0.5):
        pitch = int(piece.rng.choice(piece.chord(beat, 2)))
        piece.add(piece.note("music_box", pitch, 1.0), beat, 0.5, "clear")


def _chimes(piece: Piece) -> None:
    for number, beat in enumerate(piece.beats(1)):
        piece.add(piece.note("bell", piece.chord(beat, 2)[number % 3], 1.5), beat, 0.2, "clear", -0.3)


def _bowls(piece: Piece) -> None:
    for number, beat in enumerate(piece.beats(3)):
        piece.add(piece.note("bowl", piece.root + (12, 19)[number % 2], 5.0), beat, 0.22, "clear", 0.2)


def _whole(texture: Callable[..., np.ndarray], gain: float) -> Callable[[Piece], None]:
    def layer(piece: Piece) -> None:
        piece.add(texture(piece.seconds, piece.rate, piece.rng), 0.0, gain, "clear")

    return layer


def _birdsong(piece: Piece) -> None:
    _whole(sounds.birds, 0.3)(piece)
    _whole(sounds.wind, 0.25)(piece)


def _sleigh_bells(piece: Piece) -> None:
    piece.hits("sleigh", piece.beats(0.5), 0.3)


def _glides(piece: Piece) -> None:
    wave = sounds.echo(sounds.glide(piece.seconds, piece.rate, piece.rng), 0.37, 0.5, piece.rate)
    piece.add(wave, 0.0, 0.22, "clear", 0.4)


def _claps(piece: Piece) -> None:
    piece.hits("clap", piece.beats(2, 1), 0.4)
    piece.hits("kick", piece.beats(2), 0.5)
    piece.hits("shaker", piece.beats(0.5), 0.3, pan=0.3)


def _driving(piece: Piece) -> None:
    piece.hits("kick", piece.beats(1), 0.7)
    piece.hits("snare", piece.beats(2, 1), 0.5)
    piece.hits("hat", piece.beats(0.25), 0.4, pan=-0.2)


def _toms(piece: Piece) -> None:
    for first in (0.0, 0.75, 1.5, 2.5, 3.0, 3.5):
        piece.hits("tom", piece.beats(4, first), 0.8)


def _light(piece: Piece) -> None:
    piece.hits("kick", piece.beats(2), 0.4)
    piece.hits("snare", piece.beats(2, 1), 0.2)
    piece.hits("hat", piece.beats(1, 0.5), 0.2, pan=0.2)


BACKINGS = {
    "block": _block,
    "broken_chords": _broken_chords,
    "fifths": _fifths,
    "stabs": _stabs,
    "strum": _strum,
    "swells": _swells,
}
DRUMS = {"claps": _claps, "driving": _driving, "light": _light, "silence": lambda piece: None, "toms": _toms}
LAYERS = {
    "arpeggio": _arpeggio,
    "bass": _bass,
    "birdsong": _birdsong,
    "bowls": _bowls,
    "chimes": _chimes,
    "drone": _drone,
    "fanfare": _fanfare,
    "glides": _glides,
    "melody": _melody,
    "music_box": _music_box,
    "pumping_bass": _pumping_bass,
    "sleigh_bells": _sleigh_bells,
}
