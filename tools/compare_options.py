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
    chosen, against, members = chosen_options(values)
    jobs = all_jobs(values, members)
    for job in jobs:
        experiments.check_unchanged(job, values.overwrite)
    failures: list[str] = []
    failed = set()
    for number, job in enumerate(jobs, 1):
        failure = experiments.perform(job, f"[{number} of {len(jobs)}] {job}")
        if failure:
            failures.append(f"{job}: {failure}")
            failed.add(job.name)
            cli.warn(failures[-1:])
    left = [option for option in chosen if not failed & set(option.split("+"))]
    against = [option for option in against if option in left]
    if len(left) < 2 or not against:
        raise errors.KerastagError("nothing can be compared, since runs failed")
    _compare(values, left, against, jobs, failures)
    return 1 if failures else 0


def chosen_options(values: flags.FlagValues) -> tuple[list[str], list[str], dict[str, pathlib.Path]]:
    """The names of the options and of those in --against, and the file of flags of each that is trained, by name.

    Raises:
      UsageError: fewer than two, one name for two things, or no such option.
    """
    members: dict[str, pathlib.Path] = {}

    def name_of(option: str) -> str:
        names = []
        for part in option.split("+"):
            path = flag_file(part)
            names.append(path.stem)
            if members.setdefault(path.stem, path) != path:
                raise errors.UsageError(f"--options: {part} is called as another one, {members[path.stem]}")
        return "+".join(names)

    chosen = [name_of(option) for option in values.options or []]
    if len(chosen) < 2:
        raise errors.UsageError("--options: two or more are needed")
    if len(set(chosen)) < len(chosen):
        raise errors.UsageError("--options: one is named twice")
    against = [name_of(option) for option in values.against or values.options[:1]]
    for name in against:
        if name not in chosen:
            raise errors.UsageError(f"--against: {name} is none of --options")
    return chosen, against, members


def flag_file(option: str) -> pathlib.Path:
    """The file of the flags of a preset, or the file of flags itself.

    Raises:
      UsageError: there is none.
    """
    if option in presets.names() or not option.endswith(".flags"):
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


def epochs_of(name: str, path: pathlib.Path, overrides: dict[str, str]) -> int:
    """The epochs that an option comes to; all its flags are parsed.

    Raises:
      UsageError: kerastag train does not know one of them, or not its value.
    """
    taken = copy.deepcopy(train.FLAGS)
    taken.unparse_flags()
    try:
        taken(["train", f"--flagfile={path}", *experiments.as_flags(overrides)])
    except flags.Error as error:
        raise errors.UsageError(f"--options: {name}: {error}") from None
    return int(taken.epochs)


def all_jobs(values: flags.FlagValues, members: dict[str, pathlib.Path]) -> list[experiments.Job]:
    """All runs, seed by seed, so that every option has been tried early.

    Raises:
      UsageError: see overrides_of and epochs_of.
    """
    common = overrides_of(values)
    own = {name: {**common, "epochs": str(epochs_of(name, path, common))} for name, path in members.items()}
    evaluation = {"data_dir": common["data_dir"], "split": "test"}
    evaluation |= {name: str(getattr(values, name)) for name in ("num_chunks", "batch_size")}
    jobs = []
    for seed in range(values.num_seeds):
        for name, path in members.items():
            overrides = {**own[name], "seed": str(seed)}
            training = {**experiments.read_flags(path), **overrides}
            folder = run_folder.RunFolder(pathlib.Path(values.output_dir) / name / f"seed_{seed}")
            start = f"--flagfile={path}"
            jobs.append(experiments.Job(name, start, seed, folder, overrides, training, evaluation))
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
    cli.tell(f"{output / 'options.md'}, options.json and options.png: written")


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
