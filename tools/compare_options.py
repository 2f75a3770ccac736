"""Trains options with several seeds under one budget, and says which differences are more than noise.

    python -m tools.compare_options --data_dir=MUSIC --options=paper_bce,beyond_asl,mine.flags --against=paper_bce \\
        --max_seconds=120 --train_flags="--num_channels=32 --learning_rate=1e-3"

An option is a preset, a file of flags, or A+B: the mean of the scores of both. Stopped, it goes on where it stood.
"""

import copy
import pathlib
import shlex
import sys

import numpy as np
from absl import flags

from kerastag import cli, errors, files, train
from kerastag.cli import options, presets
from kerastag.data import dataset
from kerastag.metrics import ensembles, resampling, split_scores, tables
from kerastag.runs import run_folder
from tools import experiments
from tools.options import differences, results

FLAGS = flags.FlagValues()
flags.DEFINE_list(
    "options",
    None,
    "What is compared: presets, files of flags, or A+B for the mean of both's scores.",
    flag_values=FLAGS,
)
flags.DEFINE_list("against", None, "Which of them the others are compared with; default: the first.", flag_values=FLAGS)
options.define_data(FLAGS)
flags.DEFINE_string("output_dir", "runs/options", "Folder for the runs and the results.", flag_values=FLAGS)
options.positive(FLAGS, "num_seeds", 3, "Runs of each option, with seeds 0, 1, ...; with one, nothing can be judged.")
options.positive(FLAGS, "epochs", None, "The same number of epochs for all, instead of their presets'.")
flags.DEFINE_float(
    "max_seconds", None, "The same time in training steps for all; the epoch at hand is ended.", 1.0, flag_values=FLAGS
)
flags.DEFINE_string(
    "train_flags", "", 'Flags of kerastag train for all runs, after their own: "--num_channels=32".', flag_values=FLAGS
)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "num_chunks", 32, "Evenly spaced chunks of each test track whose scores are averaged.")
options.positive(FLAGS, "batch_size", 32, "Chunks per step of the evaluation.")
flags.DEFINE_enum(
    "resample",
    "auto",
    ("auto", "artist", "track"),
    "What the bootstrap draws; auto: artists where the split file tells them.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_resamples", 2000, "Resamples of the bootstrap.")
flags.DEFINE_integer("seed", 0, "Random seed of the resamples.", 0, flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Train anew what --output_dir holds with other flags.", flag_values=FLAGS)
options.define_verbosity(FLAGS)

# what every run has a value of its own for, so that it cannot be given for all
OWN = ("run_dir", "resume", "overwrite", "seed", "data_dir", "epochs", "max_seconds")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Trains and evaluates all runs, writes the results. Exit status 1 if a run failed."""
    chosen = chosen_options(values)
    jobs = all_jobs(values, chosen)
    for job in jobs:
        experiments.check_unchanged(job, values.overwrite)
    failures = {}
    for number, job in enumerate(jobs, 1):
        failure = experiments.perform(job, f"[{number} of {len(jobs)}] {job}")
        if failure:
            failures[job.name] = f"{job}: {failure}"
            print(failures[job.name], file=sys.stderr)
    left = [option for option in chosen if not set(option.split("+")) & set(failures)]
    against = [name for name in chosen_against(values, chosen) if name in left]
    if len(left) < 2 or not against:
        raise errors.KerastagError("nothing can be compared, since runs failed")
    _compare(values, left, against, jobs, list(failures.values()))
    return 1 if failures else 0


def chosen_options(values: flags.FlagValues) -> list[str]:
    """The options by name, checked before any work.

    Raises:
      UsageError: fewer than two, the same twice, or one that kerastag train would refuse.
    """
    chosen = values.options or []
    if len(chosen) < 2:
        raise errors.UsageError("--options: two or more are needed")
    if len({name_of(option) for option in chosen}) < len(chosen):
        raise errors.UsageError("--options: one is named twice")
    for member in members(chosen):
        parsed(values, member)
    names = [name_of(option) for option in chosen]
    chosen_against(values, names)
    return names


def chosen_against(values: flags.FlagValues, names: list[str]) -> list[str]:
    """The options of --against.

    Raises:
      UsageError: one that is not compared.
    """
    against = [name_of(option) for option in values.against or names[:1]]
    for name in against:
        if name not in names:
            raise errors.UsageError(f"--against: {name} is none of --options")
    return against


def members(chosen: list[str]) -> list[str]:
    """What is trained: the parts of A+B too, each once, as they were given."""
    parts = [part for option in chosen for part in option.split("+")]
    return list({name_of(part): part for part in reversed(parts)}.values())[::-1]


def name_of(option: str) -> str:
    """A file of flags is called after the file."""
    return "+".join(pathlib.Path(part).stem if _is_file(part) else part for part in option.split("+"))


def _is_file(option: str) -> bool:
    return option not in presets.names() and option.endswith(".flags")


def flag_file(option: str) -> pathlib.Path:
    """The file of an option's flags.

    Raises:
      UsageError: there is none.
    """
    if not _is_file(option):
        return presets.find(option)
    path = pathlib.Path(option)
    if not path.is_file():
        raise errors.UsageError(f"--options: {option}: no such file")
    return path.resolve()


def overrides_of(values: flags.FlagValues) -> dict[str, str]:
    """Flags of training that all runs have, by name.

    Raises:
      UsageError: --train_flags is no list of --name=value, or has what every run has of its own.
    """
    try:
        words = shlex.split(values.train_flags)
    except ValueError as error:
        raise errors.UsageError(f"--train_flags: {error}") from None
    overrides = {"data_dir": str(dataset.folder(values.data_dir).resolve())}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not (word.startswith("--") and equals and name):
            raise errors.UsageError(f"--train_flags: '{word}' is not --name=value")
        if name in OWN:
            raise errors.UsageError(f"--train_flags: --{name} is not the same for all runs")
        overrides[name] = value
    for name in ("epochs", "max_seconds"):
        if getattr(values, name) is not None:
            overrides[name] = str(getattr(values, name))
    return overrides


def parsed(values: flags.FlagValues, option: str) -> flags.FlagValues:
    """The flags of training that an option comes to.

    Raises:
      UsageError: kerastag train would not take them.
    """
    taken = copy.deepcopy(train.FLAGS)
    taken.unparse_flags()
    try:
        taken(["train", f"--flagfile={flag_file(option)}", *experiments.as_flags(overrides_of(values))])
    except flags.Error as error:
        raise errors.UsageError(f"--options: {name_of(option)}: {error}") from None
    return taken


def all_jobs(values: flags.FlagValues, chosen: list[str]) -> list[experiments.Job]:
    """All runs, seed by seed, so that every option has been tried early."""
    evaluation = {"split": "test", "num_chunks": str(values.num_chunks), "batch_size": str(values.batch_size)}
    jobs = []
    for seed in range(values.num_seeds):
        for member in members(values.options):
            name = name_of(member)
            overrides = {**overrides_of(values), "epochs": str(parsed(values, member).epochs), "seed": str(seed)}
            training = {**experiments.read_flags(flag_file(member)), **overrides}
            folder = run_folder.RunFolder(pathlib.Path(values.output_dir) / name / f"seed_{seed}")
            start = f"--flagfile={flag_file(member)}"
            on_data = {"data_dir": overrides["data_dir"], **evaluation}
            jobs.append(experiments.Job(name, start, seed, folder, overrides, training, on_data))
    return jobs


def _compare(
    values: flags.FlagValues,
    chosen: list[str],
    against: list[str],
    jobs: list[experiments.Job],
    failures: list[str],
) -> None:
    """Measures all options on the same resamples; prints and writes what comes out."""
    runs = {name: [job.folder for job in jobs if job.name == name] for name in {job.name for job in jobs}}
    first = runs[chosen[0].split("+")[0]][0].read_scores("test")
    clusters = resampling.of(first, values.resample)
    weights = resampling.weights_of(clusters, len(first), values.num_resamples, values.seed)
    measured = {}
    for option in chosen:
        scores = [
            _mean_scores(first, folders) for folders in zip(*(runs[part] for part in option.split("+")), strict=True)
        ]
        measured[option] = differences.measure(first.labels, scores, first.vocabulary.names, weights)
    rows = differences.compare(measured, against, len(clusters))
    tested = f"{len(first)} test tracks, {len(first.vocabulary.names)} tags"
    described = resampling.description(clusters, values.num_resamples, values.seed)
    costs = {name: results.cost_of(runs[name]) for name in runs if name in chosen}
    shown = [
        results.figures_table(measured, costs, tested),
        *results.difference_tables(rows, described, values.num_seeds),
    ]
    output = pathlib.Path(values.output_dir)
    given = [flag.serialize() for flag in (values[name] for name in values) if flag.value != flag.default]
    command = shlex.join(["python", "-m", "tools.compare_options", *given])
    print("\n" + tables.text(shown))
    files.write_text(output / "options.md", "\n\n".join([tables.markdown(shown), *failures, f"`{command}`", ""]))
    results.write_json(output / "options.json", measured, rows, described, failures)
    results.draw(output / "options.png", rows, values.num_seeds)
    print(f"{output / 'options.md'}, options.json and options.png: written")


def _mean_scores(first: split_scores.SplitScores, folders: tuple[run_folder.RunFolder, ...]) -> np.ndarray:
    """The scores of an option's runs of one seed, (num_tracks, num_tags).

    Raises:
      KerastagError: they are of other tracks or tags than those of the first option.
    """
    members_scores = [folder.read_scores("test") for folder in folders]
    for scores in members_scores:
        first.check_same_tracks(scores)
    if len(members_scores) == 1:
        return members_scores[0].scores
    return ensembles.combine([scores.scores for scores in members_scores])


COMMAND = cli.Command(
    "python -m tools.compare_options",
    "trains options with several seeds and says which differences are more than noise",
    FLAGS,
    main,
    MAIN_FLAGS,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
