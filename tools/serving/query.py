"""Tags files and folders of music by a model behind TensorFlow Serving, many at once.

    python -m tools.serving.query MUSIC --server=http://localhost:8501 --model=NAME --output=tags.tsv

This process reads the files and the server scores them; the tables are those of `kerastag tag`. Over gRPC
(grpc://localhost:8500) whole waveforms are sent and tensorflow-serving-api is needed, over REST WAV files of 16 bits.
"""

import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, files, parallel
from kerastag.cli import options
from kerastag.inference import score_table
from kerastag.serving import client
from kerastag.serving.client import failures

LONGEST_PAUSE = 5.0  # seconds between two tries of a request
OF_ONE_FILE = (failures.Refused, failures.TooLarge, failures.TimedOut)  # errors that other files may not have

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "server", "http://localhost:8501", "The running server: http://HOST:PORT or grpc://HOST:PORT.", flag_values=FLAGS
)
flags.DEFINE_string("model", None, "Name of the model on the server, its --model_name.", flag_values=FLAGS)
options.define_score_output(FLAGS)
options.positive(FLAGS, "top", 5, "Tags to print for each file, those with the highest scores.")
options.positive(FLAGS, "concurrency", 8, "Files on their way at once.")
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "version", None, "Version of the model; without it the latest.")
flags.DEFINE_string("label", None, "Label of a version, from the server's models.config.", flag_values=FLAGS)
flags.DEFINE_float(
    "timeout", client.TIMEOUT_SECONDS, "Seconds to wait for an answer.", lower_bound=0.001, flag_values=FLAGS
)
flags.DEFINE_integer(
    "retries",
    client.MAX_RETRIES,
    "How often a request is sent again when nobody answers.",
    lower_bound=0,
    flag_values=FLAGS,
)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Tags every file. Returns 1 if some could not be read or scored."""
    options.require(values, "model")
    if values.version is not None and values.label:
        raise errors.UsageError("--version and --label: give one of them")
    if not arguments:
        raise errors.UsageError("no files or folders to tag")
    output = checked_output(values)
    search = audio.find_audio(arguments)
    paths = search.files
    if not paths:
        raise errors.KerastagError("; ".join(search.warnings()) or f"{' '.join(arguments)}: no audio files")
    version = {"version": values.version, "label": values.label}
    sending = {"timeout_seconds": values.timeout, "max_retries": values.retries}
    limit = parallel.READ_SECONDS + (values.timeout + LONGEST_PAUSE) * (values.retries + 1)
    with client.connect(values.server, values.model, **version, **sending) as connection:
        tags = connection.tags()
        results = parallel.run(
            lambda path: score(connection, path, limit),
            paths,
            f"tagging {len(paths)} files",
            min(values.concurrency, len(paths)),
        )
    scored = {path: result for path, result in zip(paths, results, strict=True) if isinstance(result, dict)}
    table = table_of(scored, tags)
    if scored and output is None:
        print(table.text(values.top))
    elif scored and output is not None:
        table.write(output)
        cli.tell(f"{output}: {len(scored)} files, {len(tags)} tags")
    cli.warn(table.warnings())
    skipped = [*search.warnings(), *(str(result) for result in results if isinstance(result, Exception))]
    cli.warn(f"skipped: {reason}" for reason in skipped)
    return 1 if skipped else 0


def score(connection: client.Client, path: pathlib.Path, limit: float) -> dict[str, float] | Exception:
    """The scores of a file by tag, or the error why it has none, after `limit` seconds at most.

    Raises:
      KerastagError: the server or the model is gone; then no other file can be scored either.
    """
    try:
        return parallel.within(limit, connection.score, path)
    except audio.AudioError as error:
        return error
    except OF_ONE_FILE as error:
        return errors.KerastagError(f"{path}: {error}")
    except errors.KerastagError:
        raise
    except Exception as error:
        return errors.KerastagError(parallel.mishap(str(path), error))


def checked_output(values: flags.FlagValues) -> pathlib.Path | None:
    """The table's file, if it can be written."""
    if values.output is None:
        return None
    output = pathlib.Path(values.output)
    score_table.check_format(output)
    files.check_output(output, values.overwrite)
    return output


def table_of(scored: dict[pathlib.Path, dict[str, float]], tags: list[str]) -> score_table.ScoreTable:
    """The scores of all files as a table.

    Raises:
      KerastagError: another version with other tags was served meanwhile.
    """
    for path, by_tag in scored.items():
        if list(by_tag) != tags:
            raise errors.KerastagError(f"{path}: scored by a version with other tags; run again, or give --version")
    scores = np.array([list(by_tag.values()) for by_tag in scored.values()])  # (num_files, num_tags)
    return score_table.ScoreTable(tuple(scored), scores, tags, audio.heard_in_part())


COMMAND = cli.Command(
    "python -m tools.serving.query",
    "tags files by a model behind TensorFlow Serving",
    FLAGS,
    main,
    MAIN_FLAGS,
    arguments="PATH...",
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
