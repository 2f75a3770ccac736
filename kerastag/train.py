"""`python -m kerastag.train`: trains a tagger on a folder of tagged music."""

import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from absl import flags

from kerastag import cli, errors, files, losses, models, names, published, runtime
from kerastag.cli import (
    averages,
    hearing,
    loss_details,
    options,
    outcome,
    presets,
    resuming,
    teacher,
    together,
    training_data,
    transfer,
)
from kerastag.data import dataset
from kerastag.models import saved
from kerastag.runs import record as run_record
from kerastag.runs import run_folder

if TYPE_CHECKING:
    from kerastag.training import experiment, soft_labels

FLAGS = flags.FlagValues()
flags.DEFINE_enum(
    "loss", "bce", losses.NAMES, "What training minimises; cb_* and db_* give rare tags more weight.", flag_values=FLAGS
)
options.define_data(FLAGS)
flags.DEFINE_string("run_dir", None, "Folder for all that the run writes; default: runs/LOSS.", flag_values=FLAGS)
options.positive(FLAGS, "epochs", 200, "Times that training goes over all tracks.")
options.positive(FLAGS, "num_channels", None, "Width of the network; the published ones by default, 16 trains quickly.")
flags.DEFINE_bool(
    "resume",
    False,
    "Go on with the run in --run_dir where it stopped, with the flags it had; where nothing was saved yet, start it.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("overwrite", False, "Replace the run in --run_dir.", flag_values=FLAGS)
flags.DEFINE_integer(
    "seed", 0, "Random seed; the same seed on the same machine gives the same numbers.", 0, flag_values=FLAGS
)
MAIN_FLAGS = len(list(FLAGS))

options.define_network(FLAGS)
transfer.define(FLAGS)
hearing.define(FLAGS)
options.define_schedule(FLAGS)
flags.DEFINE_float(
    "dropout", 0.5, "Share of the last hidden layer that is left out while training.", 0.0, 0.99, flag_values=FLAGS
)
loss_details.define(FLAGS)
averages.define(FLAGS)
teacher.define(FLAGS)
options.define_validation(FLAGS)
options.define_splits(FLAGS)
training_data.define(FLAGS)
options.define_reading(FLAGS)
flags.DEFINE_string(
    "cache",
    None,
    "Keep tracks decoded, as 2 MB a minute: in memory, or a folder for them. Each is decoded whole the first time.",
    flag_values=FLAGS,
)
options.define_devices(FLAGS)
options.define_training_devices(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Trains. Returns the exit status: 1 if tracks could not be read, 130 if interrupted."""
    options.require_utf8(values)
    place = together.place(values)
    folder = _run_folder(values) if place.is_chief else run_folder.RunFolder(pathlib.Path(values.run_dir))
    options.sgd_learning_rates(values)
    transfer.frozen_blocks(values)
    averages.check(values)
    hearing.check(values)
    teacher.check(values)
    if values.cache is not None and (values.decoder, values.input_dtype) != ("soundfile", "int16"):
        raise errors.UsageError("--cache keeps int16 that soundfile decoded; it needs --decoder and --input_dtype so")
    with together.lock_held(folder.path, place) as taken_over:
        cli.warn(taken_over)
        return _train(values, folder)


def _train(values: flags.FlagValues, folder: run_folder.RunFolder) -> int:
    resumed = _resumed(values, folder)
    if values.data_dir is None:
        print("no --data_dir: training on the built-in demo set, with flags/demo.flags for flags not given")
    details = loss_details.given(values)
    data = training_data.read(values, folder, resumed)
    digests = data.digests()
    cli.warn([*data.dropped(), *(resuming.check_same_data(digests, folder) if resumed else [])])
    training_data.check_counts(values.loss, data)
    taught = teacher.teaching(values, folder, data, resumed)
    runtime.start(values.verbosity)
    record = _record(values, data, taught, digests)
    if values.model == "popular":
        return _write_popular(folder, data, record)
    from kerastag.training import experiment

    try:
        decided = dataclasses.replace(_experiment(values, data, details, resumed), teaching=taught)
        training = experiment.Training(decided, folder, data, None if resumed else record)
        state = training.run()
    except experiment.Interrupted:
        cli.warn([f"interrupted; continue with --run_dir={names.shell_word(folder.path)} --resume"])
        return 130
    cli.tell(f"{folder.path}: {outcome.text(values.best_by, state)}")
    if values.monitor != "none":
        cli.tell(f"{folder.report_path}: the run as a page")
    return outcome.report_unreadable(training.tracks)


def _run_folder(values: flags.FlagValues) -> run_folder.RunFolder:
    """The folder of --run_dir, checked; without one the first of runs/LOSS, runs/LOSS-2, ... that is free."""
    if values.resume and values.overwrite:
        raise errors.UsageError("--resume and --overwrite contradict each other")
    if values.run_dir is None:
        if values.overwrite:
            raise errors.UsageError("--overwrite needs --run_dir")
        return run_folder.free(
            pathlib.Path("runs") / (values.loss if values.model == models.NAMES[0] else values.model)
        )
    folder = run_folder.RunFolder(pathlib.Path(values.run_dir))
    if not folder.is_empty():
        if not folder.holds_run():
            raise errors.KerastagError(f"{folder.path}: exists and is not a run")
        if not (values.resume or values.overwrite):
            raise errors.KerastagError(f"{folder.path}: holds a run already; use --resume or --overwrite")
    return folder


def _resumed(values: flags.FlagValues, folder: run_folder.RunFolder) -> bool:
    """Whether training goes on from a checkpoint; --resume where none was written yet starts afresh, and says so."""
    if not values.resume:
        return False
    if folder.holds_run():
        resuming.check_same_experiment(values, folder)
    files.put_back(folder.checkpoint_path)
    if folder.holds_checkpoint():
        return True
    cli.warn([f"{folder.path}: nothing to resume yet, training starts afresh"])
    return False


def _experiment(
    values: flags.FlagValues, data: dataset.Dataset, details: dict[str, float], resumed: bool
) -> "experiment.Experiment":
    """What the flags say of network, optimisers, devices and the rest."""
    from kerastag.training import build, experiment, schedules, settings

    def given(*names: str) -> dict[str, Any]:
        return {name: getattr(values, name) for name in names}

    network = build.Network(
        tuple(data.vocabulary.names),
        **transfer.start(values, resumed),
        **hearing.options(values),
        **given("model", "num_channels", "variant", "dropout", "probe_units"),
    )
    schedule = schedules.Schedule(
        values.schedule,
        sgd_learning_rates=options.sgd_learning_rates(values),
        **given("learning_rate", "epochs", "adam_epochs", "sgd_epochs"),
    )
    decays = ("weight_decay", "sgd_weight_decay", "layer_decay")
    how = ("epochs", "batch_size", "seed", "sampling", "chunk_position", "validate_every", "validation_chunks")
    return experiment.Experiment(
        loss=values.loss,
        loss_details=details,
        network=network,
        optimization=build.Optimization(
            schedule, **given(*decays, "mixup_alpha"), average=averages.averaging_of(values)
        ),
        settings=settings.Settings(**given(*how, "best_by", "patience", "max_seconds")),
        devices=experiment.Devices(values.strategy, values.num_devices, options.computing_of(values)),
        decoder=values.decoder,
        dtype=values.input_dtype,
        cache=values.cache,
        monitor=values.monitor,
        profiled_steps=values.profile,
    )


def _record(
    values: flags.FlagValues,
    data: dataset.Dataset,
    taught: "soft_labels.Teaching | None",
    digests: dict[str, str],
) -> run_record.RunRecord:
    """What run.json will say, but for the precision, which the hardware decides."""
    num_tracks = {"train": data.num_training_tracks, "validation": len(data.validation.split)}
    if taught is not None and taught.unlabelled:
        num_tracks["unlabelled"] = len(taught.unlabelled)
    return run_record.RunRecord(
        command=run_record.command_line(),
        flags={name: getattr(values, name) for name in values},
        data_dir=None if values.data_dir is None else str(data.validation.folder.resolve()),
        precision="float32",
        seed=values.seed,
        num_tracks=num_tracks,
        class_counts=dict(zip(data.vocabulary.names, data.class_counts.tolist(), strict=True)),
        versions=run_record.versions(),
        git_commit=run_record.git_commit(),
        teacher=None if taught is None else taught.facts(),
        digests=digests,
    )


def _write_popular(folder: run_folder.RunFolder, data: dataset.Dataset, record: run_record.RunRecord) -> int:
    from kerastag.training import baseline

    baseline.write(folder, data, record)
    cli.tell(
        f"{folder.path}: the popularity baseline, {len(data.vocabulary)} tags of {data.num_training_tracks} tracks"
    )
    return 0


def _defaults(values: flags.FlagValues) -> list[str]:
    """Flags for all that the user left out: a resumed run's own, or the demo set's."""
    if values.resume:
        if values.run_dir is None:
            raise errors.UsageError("--resume needs --run_dir")
        folder = run_folder.RunFolder(pathlib.Path(values.run_dir))
        if not folder.holds_run():  # nothing was begun yet
            return _defaults_of_a_new_run(values)
        own = {name: value for name, value in folder.record().flags.items() if name not in ("resume", "overwrite")}
        return [_as_flag(name, value) for name, value in own.items() if value is not None and name in values]
    return _defaults_of_a_new_run(values)


def _defaults_of_a_new_run(values: flags.FlagValues) -> list[str]:
    """The demo set's, and --model as --pretrained has it."""
    chosen = [f"--flagfile={presets.find(options.DEMO)}"] if values.data_dir is None else []
    if values.pretrained is not None:
        place = published.resolve(values.pretrained)
        network = saved.network_of(run_folder.RunFolder(place).model_path if place.is_dir() else place)
        chosen += [] if network is None else [_as_flag("model", network)]
    return chosen


def _as_flag(name: str, value: object) -> str:
    return f"--{name}={','.join(value) if isinstance(value, list) else value}"


COMMAND = cli.Command("kerastag train", cli.COMMANDS["train"], FLAGS, main, MAIN_FLAGS, defaults=_defaults)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
