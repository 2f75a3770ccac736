"""Has every reader of files read files that were mutated, in processes with limits: none may crash, hang or swell.

    python -m tools.attacks.fuzz_audio [--num_files=20000] [--readers=audio,ffmpeg,tags] [--formats=mp3,flac,...]
        [--keep=FOLDER]

A second of music in every format that can be encoded here gets bits flipped, numbers at their extremes, parts cut out,
repeated, or put in from another format. `audio` is the reading of commands, whole and in chunks, with FFmpeg's
libraries behind libsndfile; `ffmpeg` is these alone; `tags` reads the fields of `kerastag write` and works out how one
would be edited; `tfio`, where tensorflow-io is installed, is decoding in TensorFlow's graph. A file may be read or
refused in one line; a crash, any other exception, 20 s or 1 GB is a fault, told with the number that makes the file
again (--first). The exit status is 1 if there was one.
"""

import pathlib
import random
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, runtime
from kerastag.audio import second_reader, tfio_decoder
from kerastag.cli import options
from kerastag.library import fields
from kerastag.library.fields import opening
from tools.attacks import fuzzing, mutating
from tools.datasets import damaged_music

MORE_BY_LIBSNDFILE = {  # name: libsndfile's container and codec, the suffix
    "au": ("AU", "PCM_16", "au"),
    "caf": ("CAF", "PCM_24", "caf"),
    "w64": ("W64", "FLOAT", "w64"),
    "rf64": ("RF64", "PCM_16", "rf64"),
    "wav, u-law": ("WAV", "ULAW", "wav"),
    "wav, ADPCM": ("WAV", "IMA_ADPCM", "wav"),
    "wav, float": ("WAV", "DOUBLE", "wav"),
}
MORE_BY_FFMPEG = {
    "adts": ("adts", "aac", "aac"),
    "ac3": ("ac3", "ac3", "ac3"),
    "matroska": ("matroska", "pcm_s16le", "mka"),
    "webm": ("webm", "libopus", "webm"),
    "tta": ("tta", "tta", "tta"),
    "alac": ("mp4", "alac", "m4a"),
}

FLAGS = flags.FlagValues()
fuzzing.define(FLAGS, num_files=20_000)
flags.DEFINE_list(
    "readers", ["audio", "ffmpeg", "tags"], "Which readers, of audio, ffmpeg, tags and tfio.", flag_values=FLAGS
)
flags.DEFINE_list("formats", [], "Which formats; without it all. Numbers are of files among these.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


def whole_files(seconds: int = 1) -> dict[str, tuple[bytes, str]]:
    """A file of each format, and its suffix."""
    samples = damaged_music.sound(seconds, seed=0)
    first = damaged_music.LIBSNDFILE_FORMS | MORE_BY_LIBSNDFILE
    made = {name: (damaged_music.encoded_by_libsndfile(samples, *form[:2]), form[2]) for name, form in first.items()}
    if second_reader.available():
        second = damaged_music.FFMPEG_FORMS | MORE_BY_FFMPEG
        made |= {name: (damaged_music.encoded_by_ffmpeg(samples, *form[:2]), form[2]) for name, form in second.items()}
    return made


def mutants(
    folder: pathlib.Path, numbers: Iterable[int], seed: int, readers: Sequence[str], formats: Sequence[str]
) -> Iterator[fuzzing.Mutant]:
    """Writes mutated files one after the other; each is a function of its number, the seed and the formats."""
    whole = whole_files()
    for number in numbers:
        form = formats[number % len(formats)]
        mutation = mutating.NAMES[number // len(formats) % len(mutating.NAMES)]
        content, suffix = whole[form]
        others = [other for name, (other, _) in whole.items() if name != form]
        room = folder / str(number)
        room.mkdir()
        path = room / f"{number}.{suffix}"
        path.write_bytes(mutating.mutated(content, others, mutation, random.Random(f"{seed} {number}")))
        yield fuzzing.Mutant(path, form, room, tuple(readers))


def attack(mutant: fuzzing.Mutant) -> None:
    """Has a file read by each reader; raises a refusal if all of them refuse it, and whatever else they raise."""
    refusals = []
    for reader in mutant.readers:
        try:
            READERS[reader](mutant.path)
        except errors.KerastagError as error:
            refusals.append(error)
    if len(refusals) == len(mutant.readers):
        raise refusals[0]


def read_audio(path: pathlib.Path) -> None:
    """As training and tagging read a file."""
    try:
        audio.read_chunks(path, 4, 16_000)
        audio.random_chunk(path, 0.7, 16_000)
        audio.read(path)
        audio.account_of(path).text()
    finally:
        audio.forget_files()


def read_by_ffmpeg(path: pathlib.Path) -> None:
    """By FFmpeg's libraries, whatever libsndfile makes of it."""
    decoder = second_reader.Decoder(str(path))
    decoder.run(0, np.empty(min(decoder.stated_frames, 2 * decoder.rate), np.float32))


def read_tags(path: pathlib.Path) -> None:
    """The fields of its tags, and how a mood would be written."""
    with opening.open_tags(path) as tags:
        for field in fields.FIELDS:
            tags.values(field)
        changes = tags.changes("mood", ["calm", "épique"])
        tags.inverse(changes)
        tags.others("mood")
        tags.audio()
        tags.seen()


def read_by_tfio(path: pathlib.Path) -> None:
    """As a pipeline with --decoder=tfio, which goes on without a file whose operations fail."""
    import tensorflow as tf

    try:
        tfio_decoder.read(tf.constant(str(path)))
    except tf.errors.OpError as error:
        raise audio.AudioError(f"{path}: {type(error).__name__}") from error


READERS = {"audio": read_audio, "ffmpeg": read_by_ffmpeg, "tags": read_tags, "tfio": read_by_tfio}


def _start_tfio() -> None:
    runtime.start()
    tfio_decoder.require()


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Makes the files, has them read, prints the table. Returns 1 if there was a fault."""
    unknown = set(values.readers) - set(READERS)
    if unknown:
        raise errors.UsageError(f"--readers: {min(unknown)} is none of {', '.join(READERS)}")
    if "ffmpeg" in values.readers and not second_reader.available():
        raise errors.UsageError(f"--readers=ffmpeg: {second_reader.REMEDY}")
    if "tfio" in values.readers:
        _start_tfio()
    formats = list(whole_files())
    if unknown := set(values.formats) - set(formats):
        raise errors.UsageError(f"--formats: {min(unknown)} is none of {', '.join(formats)}")
    numbers, readers, formats = fuzzing.numbers(values), values.readers, values.formats or formats
    return fuzzing.run(
        attack,
        lambda folder: mutants(folder, numbers, values.seed, readers, formats),
        values,
        f"readers {', '.join(readers)}",
        _start_tfio if "tfio" in readers else None,
    )


COMMAND = cli.Command(
    "python -m tools.attacks.fuzz_audio", "has every reader read mutated files", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
