"""`python -m kerastag.train`: trains a tagger on a folder of tagged music."""

import pathlib
import shutil
import sys
from typing import TYPE_CHECKING

from absl import flags

from kerastag import cli, errors, files, losses, models, options, precisions, run_folder, runtime, tags
from kerastag.audio import tfio_decoder
from kerastag.data import dataset, splits

if TYPE_CHECKING:
    from kerastag.data import pipeline
    from kerastag.training import fit

FLAGS = flags.FlagValues()
flags.DEFINE_enum(
    "loss",
    "bce",
    losses.NAMES,
    "What training minimises; cb_* and db_* give rare tags more weight.",
    flag_values=FLAGS,
)
options.define_data(FLAGS)
flags.DEFINE_string("run_dir", None, "Folder for all that the run writes; default: runs/LOSS.", flag_values=FLAGS)
options.positive(FLAGS, "epochs", 200, "Times that training goes over all tracks.")
options.positive(FLAGS, "num_channels", 128, "Width of the network; the paper's has 128, 16 trains quickly.")
flags.DEFINE_bool(
    "resume",
    False,
    "Go on with the run in --run_dir where it stopped, with the flags it had.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("overwrite", False, "Replace the run in --run_dir.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Of all randomness: the same seed gives the same numbers.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

flags.DEFINE_enum(
    "variant",
    "4s6",
    models.VARIANTS,
    "Chunks of 4.6 s, as the paper's, or 3.69 s, as in Won et al. 2020.",
    flag_values=FLAGS,
)
flags.DEFINE_float("learning_rate", 1e-4, "Of Adam.", lower_bound=0.0, upper_bound=1.0, flag_values=FLAGS)
flags.DEFINE_float(
    "weight_decay",
    1e-4,
    "Times each weight, added to its gradient.",
    lower_bound=0.0,
    upper_bound=1.0,
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "dropout",
    0.5,
    "Share of the last hidden layer that is left out while training.",
    0.0,
    0.99,
    flag_values=FLAGS,
)
options.positive(FLAGS, "validate_every", 1, "Epochs between validations; the last epoch is always validated.")
options.positive(
    FLAGS, "validation_chunks", 16, "Evenly spaced chunks of each validation track whose scores are averaged."
)
flags.DEFINE_integer(
    "patience",
    0,
    "Stop when validation PR-AUC has not improved for so many epochs; 0: never.",
    0,
    flag_values=FLAGS,
)
options.define_splits(FLAGS)
flags.DEFINE_string(
    "tags_file",
    None,
    "The tags to learn, one a line; default: those of the training split.",
    flag_values=FLAGS,
)
options.define_reading(FLAGS)
options.define_devices(FLAGS)
flags.DEFINE_enum(
    "strategy",
    "auto",
    ("auto", "one", "mirrored"),
    "One device or all; auto: all visible GPUs.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_devices", None, "Devices to mirror over; without GPUs: virtual CPU devices, for tests.")
options.define_verbosity(FLAGS)

# what a resumed run may change and still be the same experiment
_FREE_TO_CHANGE = (
    *("run_dir", "data_dir", "epochs", "resume", "overwrite", "patience", "verbosity"),
    *("strategy", "num_devices"),
)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Trains. Returns the exit status: 1 if tracks could not be read, 130 if interrupted."""
    folder = _run_folder(values)
    if values.data_dir is None:
        print("no --data_dir: training on the built-in demo set, with flags/demo.flags for flags not given")
    data = _dataset(values, folder)
    _check_counts(values.loss, data)
    runtime.start(values.verbosity)
    from kerastag.training import loop

    fit, tracks = _prepare(values, folder, data)
    try:
        state = fit.run()
    except loop.Interrupted:
        print(f"interrupted; continue with --run_dir={folder.path} --resume", file=sys.stderr)
        return 130
    print(f"{folder.path}: best validation PR-AUC {state.best_score:.4f} in epoch {state.best_epoch} of {state.epoch}")
    return report_unreadable(tracks)


def _run_folder(values: flags.FlagValues) -> run_folder.RunFolder:
    """The folder of --run_dir, checked; without one the first of runs/LOSS, runs/LOSS-2, ... that is free."""
    resume, overwrite = values.resume, values.overwrite
    if resume and overwrite:
        raise errors.UsageError("--resume and --overwrite contradict each other")
    if values.run_dir is None:
        if resume or overwrite:
            raise errors.UsageError("--resume and --overwrite need --run_dir")
        return run_folder.free(pathlib.Path("runs") / values.loss)
    folder = run_folder.RunFolder(pathlib.Path(values.run_dir))
    if resume:
        _check_same_experiment(values, run_folder.RunFolder.existing(folder.path))
    elif folder.path.exists() and any(folder.path.iterdir()) and not (overwrite and folder.holds_run()):
        if folder.holds_run():
            raise errors.KerastagError(f"{folder.path}: holds a run already; use --resume or --overwrite")
        raise errors.KerastagError(f"{folder.path}: exists and is not a run")
    return folder


def _check_same_experiment(values: flags.FlagValues, folder: run_folder.RunFolder) -> None:
    for name, before in folder.record()["flags"].items():
        if name in values and name not in _FREE_TO_CHANGE and getattr(values, name) != before:
            raise errors.KerastagError(
                f"{folder.path}: the run was started with --{name}={before}, not {getattr(values, name)}; "
                "a changed experiment needs another --run_dir"
            )


def _dataset(values: flags.FlagValues, folder: run_folder.RunFolder) -> dataset.Dataset:
    vocabulary = None
    if values.resume:
        vocabulary = folder.vocabulary()
    elif values.tags_file:
        vocabulary = tags.Vocabulary.read(values.tags_file)
    data_dir = options.data_folder(values.data_dir)
    if len(values.train_split or []) > 1:
        raise errors.UsageError("--train_split: one file at a time")
    train_file = splits.split_path(data_dir, (values.train_split or [None])[0], "train")
    validation_file = splits.split_path(data_dir, values.validation_split, "validation")
    return dataset.read(data_dir, train_file, validation_file, vocabulary)


def _check_counts(loss: str, data: dataset.Dataset) -> None:
    empty = [name for name, count in zip(data.vocabulary.short_names, data.class_counts, strict=True) if not count]
    if empty and loss in losses.NEED_CLASS_COUNTS:
        raise errors.KerastagError(f"--loss={loss} weights tags by their tracks; these have none: {', '.join(empty)}")


def _prepare(
    values: flags.FlagValues, folder: run_folder.RunFolder, data: dataset.Dataset
) -> tuple["fit.Fit", list["pipeline.Tracks"]]:
    """Builds everything, writes the run's record, or reads its checkpoint."""
    from kerastag.data import pipeline
    from kerastag.training import build, devices, fit, state

    if values.decoder == "tfio":
        tfio_decoder.require()
    strategy = devices.strategy(values.strategy, values.num_devices)
    policy = precisions.choose(values.precision)
    print(devices.describe(strategy, policy), file=sys.stderr)
    loss = losses.get(values.loss, class_counts=data.class_counts)
    trainer = build.trainer(
        strategy,
        build.Network(
            len(data.vocabulary),
            values.num_channels,
            values.variant,
            values.dropout,
        ),
        loss,
        build.Optimization(values.learning_rate, values.weight_decay),
        policy,
        values.seed,
    )
    if values.resume:
        at = state.load(folder.checkpoint_path, trainer.model, trainer.optimizer)
    else:
        at = state.TrainingState()
        _begin(values, folder, data, policy)
    chunk = pipeline.ChunkFormat(
        trainer.model.chunk_samples,
        trainer.model.sample_rate,
        values.input_dtype,
        values.decoder,
    )
    training, validation = (
        pipeline.Tracks.of_split(data.folder, split, split.labels(data.vocabulary))
        for split in (data.training, data.validation)
    )
    names = ("epochs", "batch_size", "seed", "validate_every", "validation_chunks", "patience")
    settings = fit.Settings(**{name: getattr(values, name) for name in names})
    whole = fit.Fit(trainer, training, validation, chunk, settings, folder, at, data.vocabulary.names)
    return whole, [training, validation]


def _begin(values: flags.FlagValues, folder: run_folder.RunFolder, data: dataset.Dataset, policy: str) -> None:
    """Empties the folder if it is to be overwritten, and writes tags.txt and run.json."""
    if folder.path.exists():
        shutil.rmtree(folder.path)
    data.vocabulary.write(folder.tags_path)
    record = {
        "command": run_folder.command_line(),
        "flags": {name: getattr(values, name) for name in values},
        "data_dir": None if values.data_dir is None else str(data.folder.resolve()),
        "precision": policy,
        "seed": values.seed,
        "num_tracks": {"train": len(data.training), "validation": len(data.validation)},
        "class_counts": dict(zip(data.vocabulary.names, data.class_counts.tolist(), strict=True)),
        "versions": run_folder.versions(),
        "git_commit": run_folder.git_commit(),
    }
    files.write_json(folder.record_path, record)


def report_unreadable(all_tracks: list["pipeline.Tracks"]) -> int:
    """Lists the tracks that could not be read, once. Returns 1 if there are any, else 0."""
    reasons = [reason for tracks in all_tracks for reason in tracks.unreadable.values()]
    if reasons:
        print(f"{len(reasons)} unreadable tracks were skipped:", file=sys.stderr)
        print("\n".join(f"  {reason}" for reason in reasons), file=sys.stderr)
    return 1 if reasons else 0


def _defaults(values: flags.FlagValues) -> list[str]:
    """Flags for all that the user left out: a resumed run's own, or the demo set's."""
    if values.resume:
        if values.run_dir is None:
            raise errors.UsageError("--resume needs --run_dir")
        record = run_folder.RunFolder.existing(values.run_dir).record()
        own = {name: value for name, value in record["flags"].items() if name not in ("resume", "overwrite")}
        return [f"--{name}={value}" for name, value in own.items() if value is not None and name in values]
    if values.data_dir is None:
        return [f"--flagfile={cli.find_preset(options.DEMO)}"]
    return []


COMMAND = cli.Command("kerastag train", cli.COMMANDS["train"], FLAGS, main, MAIN_FLAGS, defaults=_defaults)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
