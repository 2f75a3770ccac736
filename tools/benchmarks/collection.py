"""Times `kerastag tag` over a collection of made music: heard anew, known already, and partly changed.

    python -m tools.benchmarks.collection [--num_files=500] [--model=RUN]

Every figure is of one process, from its start to its end. The raw cost is that of hearing the files with nothing kept.
"""

import os
import pathlib
import shutil
import sys
import tempfile
import time

import numpy as np
from absl import flags

from kerastag import cli
from kerastag.cli import options
from tools.benchmarks import machine, processes, random_run

SECONDS, RATE = 20, 44_100
CHANGED_SHARE = 0.1

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_files", 500, "Files of 20 s, in FLAC.")
flags.DEFINE_string(
    "model", None, "A run, an ensemble or an export; None: a network with random weights.", flag_values=FLAGS
)
options.positive(FLAGS, "num_channels", 32, "Width of the network that is made.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each way."""
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        model = values.model or processes.alone(random_run.write, place / "run", values.num_channels)
        library = place / "library"
        write_music(library, values.num_files)
        (library / "broken.flac").write_bytes(b"not music")
        print(f"\n{values.num_files} files of {SECONDS} s and one that cannot be read, kerastag tag --output")
        command = ["-m", "kerastag.tag", str(library), f"--model={model}", "--overwrite", "--quiet"]
        results = f"--results={place / 'results.sqlite'}"
        raw = timed("nothing kept", [*command, "--results=none", f"--output={place / 'raw.tsv'}"])
        timed("nothing known yet", [*command, results, f"--output={place / 'first.tsv'}"], raw)
        timed("all known", [*command, results, f"--output={place / 'second.tsv'}"], raw)
        changed = sorted(library.glob("[0-9]*.flac"))[: int(CHANGED_SHARE * values.num_files)]
        for path in changed:
            os.utime(path)
        timed(f"{len(changed)} touched", [*command, results, f"--output={place / 'third.tsv'}"], raw)
        by_content = [*command, "--content_hash", results, f"--output={place / 'fourth.tsv'}"]
        timed("by content, nothing known yet", by_content, raw)
        shutil.move(library, place / "moved")
        by_content[2] = str(place / "moved")
        timed("by content, all moved", by_content, raw)
        same = (place / "first.tsv").read_bytes() == (place / "second.tsv").read_bytes()
        print(f"tables of the first and the second run are {'the same' if same else 'NOT the same'}")
    return 0


def write_music(folder: pathlib.Path, num_files: int) -> None:
    """Stereo FLAC files: two tones each, and noise."""
    import soundfile

    folder.mkdir()
    rng, moment = np.random.default_rng(0), np.arange(SECONDS * RATE) / RATE
    noise = rng.normal(0, 0.02, (SECONDS * RATE, 2))
    for number in range(num_files):
        tones = sum(0.2 * np.sin(2 * np.pi * pitch * moment) for pitch in rng.uniform(80, 4000, 2))
        soundfile.write(folder / f"{number:05}.flac", np.roll(noise, 997 * number) + np.asarray(tones)[:, None], RATE)


def timed(text: str, command: list[str], raw: float | None = None) -> float:
    """Prints and returns the seconds of a process; it may fail for the one broken file."""
    started = time.perf_counter()
    processes.run_python(command, allowed=(0, 3))
    seconds = time.perf_counter() - started
    print(
        f"{text:<32} {seconds:>8.2f} s" + ("" if raw is None else f"  {seconds / raw:>7.3f} of the raw cost"),
        flush=True,
    )
    return seconds


COMMAND = cli.Command(
    "python -m tools.benchmarks.collection", "time kerastag tag over a collection, new and known", FLAGS, main
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
