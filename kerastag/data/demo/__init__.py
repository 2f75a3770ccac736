"""The demo set: 300 little pieces whose moods can be heard, made on first use and kept in the cache.

Nothing in it is recorded or copied. Tags stand for tempo, mode, brightness, drums, reverberation and
instruments (`music.TRAITS`), so that a network learns them in minutes, and their counts fall from
over a hundred tracks to under ten, as in the real sets.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import soundfile
from absl import logging

from kerastag import errors, files, tsv
from kerastag.data.demo import music, score

VERSION = 1
PREFIX = "mood/theme---"
SPLITS = ("train", "validation", "test")
COUNTS = {  # tag -> positives in the three splits
    "happy": (62, 21, 21),
    "energetic": (44, 14, 14),
    "dark": (34, 11, 11),
    "relaxing": (28, 10, 10),
    "film": (22, 8, 8),
    "epic": (16, 6, 6),
    "space": (14, 4, 4),
    "retro": (10, 4, 4),
    "meditative": (8, 3, 3),
    "nature": (6, 3, 3),
    "children": (5, 3, 3),
    "christmas": (4, 2, 2),
}
TAGS = tuple(sorted(PREFIX + name for name in COUNTS))
ARTISTS = (36, 12, 12)
TRACKS = (180, 60, 60)
MAX_TAGS = 3
ENCODINGS = (  # suffix, libsndfile's format and subtype, how often, sample rates
    ("wav", "WAV", "PCM_16", 0.15, (22050, 24000, 32000, 44100)),
    ("flac", "FLAC", "PCM_16", 0.20, (22050, 32000, 44100, 48000)),
    ("ogg", "OGG", "VORBIS", 0.30, (22050, 32000, 44100, 48000)),
    ("opus", "OGG", "OPUS", 0.10, (24000, 48000)),
    ("mp3", "MP3", "MPEG_LAYER_III", 0.25, (22050, 24000, 32000, 44100, 48000)),
)
_COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")
README = """{title}

{num_tracks} tracks by {num_artists} invented artists, {num_tags} tags, synthesised by kerastag.data.demo:
no recording, no licence to mind (CC0). train.tsv, validation.tsv and test.tsv are in the published form of
MTG-Jamendo: TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION TAGS..., separated by tabs, a column for each tag.
No artist is in two splits. Delete the folder and it is made anew on the next use.
"""


@dataclasses.dataclass(frozen=True)
class Track:
    """One track of the plan; `tags` without their prefix, `path` relative to the set's folder."""

    number: int
    artist: int
    split: str
    tags: tuple[str, ...]
    form: score.Form
    path: str
    format: str
    subtype: str

    def cells(self) -> list[str]:
        """Its line in the split file."""
        album = f"album_{2 * self.artist + self.number % 2:06d}"
        ids = [f"track_{self.number:07d}", f"artist_{self.artist:06d}", album]
        return [*ids, self.path, f"{self.form.seconds:.1f}", *(PREFIX + tag for tag in self.tags)]


def plan(seed: int = 0) -> list[Track]:
    """Which track has which tags, artist, split and format; the counts are exact, the rest is drawn."""
    rng = np.random.default_rng([seed, VERSION])
    tracks: list[Track] = []
    first_artist = 0
    for split, num_artists, num_tracks in zip(SPLITS, ARTISTS, TRACKS, strict=True):
        counts = {tag: by_split[SPLITS.index(split)] for tag, by_split in COUNTS.items()}
        artists = np.arange(num_tracks) % num_artists  # everybody has a track, then some have more
        artists[2 * num_artists :] = rng.integers(num_artists, size=num_tracks - 2 * num_artists)
        for artist, tags in zip(np.sort(artists), _deal(counts, num_tracks, rng), strict=True):
            tracks.append(_track(len(tracks), int(artist) + first_artist, split, tags, rng))
        first_artist += num_artists
    return tracks


def _deal(counts: dict[str, int], num_tracks: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Deals every tag out `counts` times: one to each track, the rest on top where they are compatible."""
    deck = [tag for tag, count in counts.items() for _ in range(count)]
    while True:
        shuffled = [deck[i] for i in rng.permutation(len(deck))]
        hands = [[tag] for tag in shuffled[:num_tracks]]
        if all(_place(tag, hands, rng) for tag in shuffled[num_tracks:]):
            return [tuple(sorted(hand, key=list(COUNTS).index)) for hand in hands]


def _place(tag: str, hands: list[list[str]], rng: np.random.Generator) -> bool:
    fits = [
        hand
        for hand in hands
        if len(hand) < MAX_TAGS and all(tag != other and music.compatible(tag, other) for other in hand)
    ]
    if fits:
        fits[rng.integers(len(fits))].append(tag)
    return bool(fits)


def _track(number: int, artist: int, split: str, tags: tuple[str, ...], rng: np.random.Generator) -> Track:
    often = [encoding[3] for encoding in ENCODINGS]
    suffix, file_format, subtype, _, rates = ENCODINGS[rng.choice(len(ENCODINGS), p=often)]
    rate = int(rng.choice(rates))
    channels = 1 + int(rng.uniform() < (0.4 if rate <= 32000 else 0.15))
    form = score.Form(round(float(rng.uniform(10.0, 15.0)), 1), rate, channels)
    path = f"audio/artist_{artist:06d}/track_{number:07d}.{suffix}"
    return Track(number, artist, split, tags, form, path, file_format, subtype)


def render(track: Track, seed: int = 0) -> np.ndarray:
    """A planned track's waveform, float32 (samples, channels) at its own sample rate."""
    artist = score.Artist.invent(np.random.default_rng([seed, VERSION, 1, track.artist]))
    rng = np.random.default_rng([seed, VERSION, 2, track.number])
    return music.compose(track.tags, artist, track.form, rng)


def ensure(
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = logging.info,
) -> pathlib.Path:
    """The demo set's folder, made first if it is not there yet (some 20 seconds on two cores).

    Args:
      folder: where it is to be; None means kerastag/demo-VERSION in the user's cache folder.
      seed: another seed gives another set.
      progress: receives a line now and then while the set is made.

    Raises:
      KerastagError: `folder` holds something else, or a demo set of another seed or version.
    """
    target = pathlib.Path(folder) if folder is not None else _cache_folder(seed)
    title = f"kerastag demo set, version {VERSION}, seed {seed}"
    if target.exists():
        if not _is_titled(target, title):
            raise errors.KerastagError(f"{target}: exists already and is not the {title}")
        return target
    with files.whole_folder(target) as temporary:
        tracks = plan(seed)
        _write_all(tracks, temporary, seed, lambda done: progress(f"{target}: {done} of {len(tracks)} made"))
        for split in SPLITS:
            rows = [track.cells() for track in tracks if track.split == split]
            tsv.write(temporary / f"{split}.tsv", _COLUMNS, rows)
        sizes = {"num_tracks": len(tracks), "num_artists": sum(ARTISTS), "num_tags": len(TAGS)}
        files.write_text(temporary / "README.txt", README.format(title=title, **sizes))
    return target


def _cache_folder(seed: int) -> pathlib.Path:
    return files.user_cache() / (f"demo-{VERSION}" + (f"-seed-{seed}" if seed else ""))


def _is_titled(folder: pathlib.Path, title: str) -> bool:
    readme = folder / "README.txt"
    return readme.is_file() and readme.read_text(encoding="utf-8").startswith(title + "\n")


def _write_all(tracks: list[Track], folder: pathlib.Path, seed: int, report: Callable[[int], None]) -> None:
    for artist_folder in {(folder / track.path).parent for track in tracks}:
        artist_folder.mkdir(parents=True)
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())  # NumPy and libsndfile let go of the GIL
    try:
        done = [pool.submit(_write, track, folder, seed) for track in tracks]
        for number, future in enumerate(concurrent.futures.as_completed(done), 1):
            future.result()
            if number % 50 == 0 or number == len(tracks):
                report(number)
    finally:
        pool.shutdown(cancel_futures=True)


def _write(track: Track, folder: pathlib.Path, seed: int) -> None:
    waveform = render(track, seed)
    path = folder / track.path
    soundfile.write(path, waveform, track.form.rate, format=track.format, subtype=track.subtype)
