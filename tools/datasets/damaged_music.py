"""Writes music that is damaged in every way, and tells how much of it is heard.

    python -m tools.datasets.damaged_music --output=FOLDER [--num_files=2000] [--read]

A steady sound in every format that can be encoded here gets bytes in front or behind, a hole, a cut, a second file
joined to it, or a wrong count in its header. truth.tsv tells how much music each file holds, or held before it was
damaged. With --read each file is read, and a table shows how much was heard by format and damage.
"""

import collections
import io
import pathlib
import random
import struct
import sys

import numpy as np
import soundfile
from absl import flags

from kerastag import audio, cli, errors, files, parallel, tsv
from kerastag.audio import second_reader
from kerastag.cli import options
from kerastag.metrics import tables

RATE = 48_000
LIBSNDFILE_FORMS = {  # name: libsndfile's container and codec, the suffix
    "mp3": ("MP3", "MPEG_LAYER_III", "mp3"),
    "flac": ("FLAC", "PCM_16", "flac"),
    "vorbis": ("OGG", "VORBIS", "ogg"),
    "opus": ("OGG", "OPUS", "opus"),
    "wav": ("WAV", "PCM_16", "wav"),
    "aiff": ("AIFF", "PCM_16", "aiff"),
}
FFMPEG_FORMS = {  # likewise
    "aac": ("mp4", "aac", "m4a"),
    "wma": ("asf", "wmav2", "wma"),
    "wavpack": ("wv", "wavpack", "wv"),
}
TRUTH_COLUMNS = ("file", "format", "damage", "seconds")
DAMAGES = ("none", "in front", "behind", "zeroed", "overwritten", "removed", "cut", "joined", "too few", "too many")

FLAGS = flags.FlagValues()
flags.DEFINE_string("output", None, "The folder of the files, to be made.", flag_values=FLAGS)
options.positive(FLAGS, "num_files", 2000, "How many files.")
options.positive(FLAGS, "seconds", 12, "How long each is before it is damaged.")
flags.DEFINE_bool("read", False, "Read them, and show what was heard.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Random seed; the same gives the same files.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


def sound(seconds: int, seed: int) -> np.ndarray:
    """A tone and noise, (frames, 2), steady, so that each second takes as many bytes as any other."""
    generator = np.random.default_rng(seed)
    time = np.arange(seconds * RATE) / RATE
    mono = 0.2 * np.sin(2 * np.pi * 330 * time) + generator.normal(0, 0.05, len(time))
    return np.repeat(mono[:, None], 2, axis=1).astype(np.float32)


def encoded(samples: np.ndarray) -> dict[str, bytes]:
    """The sound in each format."""
    by_format = {}
    for name, (container, codec, _) in LIBSNDFILE_FORMS.items():
        by_format[name] = encoded_by_libsndfile(samples, container, codec)
    if second_reader.available():
        by_format |= {name: encoded_by_ffmpeg(samples, *form[:2]) for name, form in FFMPEG_FORMS.items()}
    return by_format


def encoded_by_libsndfile(samples: np.ndarray, container: str, codec: str) -> bytes:
    """The sound as a file of libsndfile's container and codec."""
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", RATE, 2, format=container, subtype=codec) as file:
        file.write(samples)
    return memory.getvalue()


def encoded_by_ffmpeg(samples: np.ndarray, container_name: str, codec: str) -> bytes:
    """The sound as a file of FFmpeg's container and codec."""
    import av

    memory = io.BytesIO()
    with av.open(memory, "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=RATE, layout="stereo")
        stream.bit_rate = 192_000
        sample_formats = {sample_format.name for sample_format in stream.codec.audio_formats}
        stream.format = next(name for name in ("fltp", "s16p", "s16") if name in sample_formats)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "flt", "stereo")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, "stereo", RATE, stream.frame_size or 4096)
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return memory.getvalue()


def damaged(content: bytes, damage: str, form: str, dice: random.Random) -> bytes:
    """A file's bytes, damaged; as they are where its format has nothing to be damaged so."""
    size = min(dice.choice([512, 2_048, 8_192, 65_536]), len(content) // 6)
    place = int(len(content) * dice.uniform(0.2, 0.7))
    junk = dice.randbytes(dice.choice([1, 3, 128, 4_000]))
    return {
        "none": lambda: content,
        "in front": lambda: junk + content,
        "behind": lambda: content + junk,
        "zeroed": lambda: content[:place] + bytes(size) + content[place + size :],
        "overwritten": lambda: content[:place] + dice.randbytes(size) + content[place + size :],
        "removed": lambda: content[:place] + content[place + size :],
        "cut": lambda: content[: int(len(content) * dice.uniform(0.2, 0.95))],
        "joined": lambda: 2 * content,
        "too few": lambda: recounted(content, form, dice.choice([0.5, 0.1, 0.01])),
        "too many": lambda: recounted(content, form, 2),
    }[damage]()


def recounted(content: bytes, form: str, factor: float) -> bytes:
    """The file with another number of frames in its header, where it has one."""
    place = {"flac": 22, "mp3": max(content.find(b"Xing"), content.find(b"Info")) + 8}.get(form)
    if place is None:
        return content
    count = int(struct.unpack(">I", content[place : place + 4])[0] * factor)
    return content[:place] + struct.pack(">I", max(1, count)) + content[place + 4 :]


def write(output: pathlib.Path, num_files: int, seconds: int, seed: int) -> list[tuple[str, str, str, float]]:
    """Writes the files and truth.tsv; returns the lines of that, TRUTH_COLUMNS of each file."""
    whole = encoded(sound(seconds, seed))
    suffixes = {name: form[2] for name, form in (LIBSNDFILE_FORMS | FFMPEG_FORMS).items()}
    truth = []
    for number in range(num_files):
        form = list(whole)[number % len(whole)]
        damage = DAMAGES[number // len(whole) % len(DAMAGES)]
        name = f"{number:05d}.{suffixes[form]}"
        dice = random.Random(f"{seed} {number}")
        (output / name).write_bytes(damaged(whole[form], damage, form, dice))
        truth.append((name, form, damage, float(seconds * (2 if damage == "joined" else 1))))
    tsv.write(output / "truth.tsv", TRUTH_COLUMNS, truth)
    return truth


def heard(path: pathlib.Path) -> tuple[float, float] | None:
    """Seconds read of a file, and those said to be missing; None if it is refused."""
    try:
        parallel.within(parallel.READ_SECONDS, audio.read, path)
        account = audio.account_of(path)
    except errors.KerastagError:
        return None
    return account.seconds_read, account.seconds_missing


def table(truth: list[tuple[str, str, str, float]], output: pathlib.Path) -> tables.Table:
    """Shares of the music that is heard and that is said to be missing, by damage and format."""
    results = parallel.run(heard, [output / name for name, *_ in truth], f"reading {len(truth)} files")
    by_damage: dict[tuple[str, str], list[tuple[float, float] | None]] = collections.defaultdict(list)
    for (_, form, damage, seconds), result in zip(truth, results, strict=True):
        by_damage[damage, form].append(result and (result[0] / seconds, result[1] / seconds))
    forms = list(dict.fromkeys(form for _, form, _, _ in truth))
    lines = [(damage, *(shares(by_damage[damage, form]) for form in forms)) for damage in DAMAGES]
    note = "Heard + said to be missing, in % of the music; r: so many of the files were refused, by name."
    return tables.Table(("damage", *forms), tuple(lines), note)


def shares(results: list[tuple[float, float] | None]) -> str:
    """A cell of the table: mean shares heard and said to be missing, in %, and how many files were refused."""
    read = [result for result in results if result]
    refused = f" r{len(results) - len(read)}/{len(results)}" if len(read) < len(results) else ""
    if not read:
        return refused.strip()
    mean = np.mean(read, axis=0)
    return f"{100 * mean[0]:.0f}+{100 * mean[1]:.0f}{refused}"


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Writes the files; with --read reads them and prints the table."""
    options.require(values, "output")
    output = pathlib.Path(values.output)
    with files.whole_folder(output) as folder:
        truth = write(folder, values.num_files, values.seconds, values.seed)
    cli.tell(f"{output}: {len(truth)} files")
    if values.read:
        print(tables.text([table(truth, output)]))
    return 0


COMMAND = cli.Command(
    "python -m tools.datasets.damaged_music", "writes music that is damaged in every way", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
