"""Flags that several commands share, and what they stand for."""

from absl import flags

from kerastag import audio, computing, errors, models, names, precisions
from kerastag.data import reading

DEMO = "demo"
SPLITS = ("train", "validation", "test")
SCHEDULES = ("constant", "cosine", "staged")


def define_data(values: flags.FlagValues) -> None:
    """Where the music is."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of audio with train.tsv, validation.tsv and test.tsv. Without it the built-in demo set is used.",
        flag_values=values,
    )


def define_splits(values: flags.FlagValues) -> None:
    """Split files that do not have the usual names."""
    for name in SPLITS:
        text = f"The {name} split file, if it is not {name}.tsv in --data_dir"
        if name == "train":
            flags.DEFINE_list("train_split", None, text + "; several with commas.", flag_values=values)
        else:
            flags.DEFINE_string(f"{name}_split", None, text + ".", flag_values=values)


def define_network(values: flags.FlagValues) -> None:
    """Which network is trained, what it starts from, and what each epoch shows it."""
    flags.DEFINE_enum(
        "model",
        models.NAMES[0],
        models.NAMES,
        "The network: the paper's, alone or with attention over chunks, MTG's baseline, musicnn's, a small head on "
        "--pretrained or --base, which stays as it is (probe: on a chunk, pool: on several), or the popularity "
        "baseline, which is not trained. Default with --pretrained: the network there.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "variant",
        "4s6",
        models.VARIANTS,
        "Chunks of 4.6 s, as the paper's, or 3.69 s, as Won et al. 2020.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "pretrained",
        None,
        "Weights to start from: a run, a .keras, .weights.h5 or PyTorch .pth file, or a published model (kerastag "
        "pretrained); layers that match are loaded.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "sampling",
        "shuffled",
        ("shuffled", "class_aware"),
        "Every track once an epoch, or tags in turn, each with three of its tracks.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "mixup_alpha",
        0.0,
        "Above 0: pairs of tracks are mixed, by a share from Beta(alpha, alpha).",
        0.0,
        100.0,
        flag_values=values,
    )


def define_schedule(values: flags.FlagValues) -> None:
    """Optimisers and learning rates over the epochs."""
    flags.DEFINE_enum(
        "schedule",
        "constant",
        SCHEDULES,
        "Adam at one rate; cosine: falling to 0; staged: then SGD at ever lower rates, restarting from the best.",
        flag_values=values,
    )
    flags.DEFINE_float("learning_rate", 1e-4, "Adam's learning rate.", 0.0, 1.0, flag_values=values)
    flags.DEFINE_float("weight_decay", 1e-4, "L2 weight decay under Adam.", 0.0, 1.0, flag_values=values)
    flags.DEFINE_float("sgd_weight_decay", 1e-4, "L2 weight decay under SGD.", 0.0, 1.0, flag_values=values)
    positive(values, "adam_epochs", 80, "Staged: epochs of Adam before SGD.")
    positive(values, "sgd_epochs", 30, "Staged: epochs of SGD at each rate.")
    flags.DEFINE_list(
        "sgd_learning_rates", ["1e-2", "1e-3", "1e-4", "1e-5"], "Staged: the rates of SGD in turn.", flag_values=values
    )


def sgd_learning_rates(values: flags.FlagValues) -> tuple[float, ...]:
    """The rates of --sgd_learning_rates.

    Raises:
      UsageError: one is not a number from 0 to 1.
    """
    try:
        rates = tuple(map(float, values.sgd_learning_rates))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate <= 1 for rate in rates):
        raise errors.UsageError(f"--sgd_learning_rates={','.join(values.sgd_learning_rates)}: not numbers from 0 to 1")
    return rates


def define_validation(values: flags.FlagValues) -> None:
    """Where training looks in a track, and how its best model is chosen."""
    flags.DEFINE_enum(
        "chunk_position",
        "random",
        ("random", "centre"),
        "Where in a track training takes its chunk.",
        flag_values=values,
    )
    positive(values, "validate_every", 1, "Epochs between validations; the last epoch is always validated.")
    positive(
        values, "validation_chunks", 16, "Evenly spaced chunks of each validation track whose scores are averaged."
    )
    flags.DEFINE_enum(
        "best_by",
        "pr_auc",
        ("pr_auc", "roc_auc"),
        "The validation figure that chooses the best model.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "patience", 0, "Stop when validation has not improved for so many epochs; 0: never.", 0, flag_values=values
    )
    flags.DEFINE_float(
        "max_seconds",
        None,
        "Begin no other epoch after so many seconds of training steps; reading and validation do not count.",
        1.0,
        flag_values=values,
    )


def define_scoring(values: flags.FlagValues) -> None:
    """How a split is scored."""
    num_chunks(values, 32)
    flags.DEFINE_bool(
        "skip_unreadable", False, "Leave out tracks that cannot be read, instead of stopping.", flag_values=values
    )


def num_chunks(values: flags.FlagValues, default: int) -> None:
    """How many chunks of a track are heard."""
    text = "Evenly spaced chunks of each track whose scores are averaged; by default musicnn hears all of a track."
    positive(values, "num_chunks", default, text)


def define_score_output(values: flags.FlagValues) -> None:
    """Where scores of files go: a table of all, or tags on the screen."""
    flags.DEFINE_string(
        "output",
        None,
        "File for all scores: .tsv, .csv, .json, .jsonl or .parquet; without it tags are printed.",
        flag_values=values,
    )


def define_reading(values: flags.FlagValues) -> None:
    """How audio becomes chunks."""
    flags.DEFINE_integer(
        "batch_size", 32, "Chunks per step, over all devices together.", lower_bound=1, flag_values=values
    )
    flags.DEFINE_enum(
        "decoder",
        "soundfile",
        audio.DECODERS,
        "Who decodes audio: soundfile reads only the part it needs; tfio is tensorflow-io, inside the graph.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "input_dtype",
        "int16",
        reading.DTYPES,
        "What chunks are on their way to the device; int16 takes half the memory and transfer.",
        flag_values=values,
    )


def define_devices(values: flags.FlagValues) -> None:
    """How the network is computed."""
    flags.DEFINE_enum(
        "precision",
        "auto",
        precisions.NAMES,
        "The network's precision; auto: bfloat16 on GPUs from Ampere on and on CPUs that are fast in it, float16 on "
        "older GPUs, else float32. The mel front end is always float32.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "xla",
        "auto",
        computing.XLA,
        "Compile the network with XLA, which takes up to a minute; auto: on GPUs, where the work is long enough.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "tf32",
        "on",
        computing.TF32,
        "On GPUs: off computes float32 products in full, where TF32 moves logits by up to 2e-4; on is faster.",
        flag_values=values,
    )


def define_training_devices(values: flags.FlagValues) -> None:
    """Which devices train, and what is watched of it."""
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ("auto", "one", "mirrored", "multi_worker"),
        "One device or all; auto: all visible GPUs. multi_worker: those of several processes, by TF_CONFIG or Slurm.",
        flag_values=values,
    )
    positive(values, "num_devices", None, "Devices to mirror over; without GPUs: virtual CPU devices, for tests.")
    flags.DEFINE_enum(
        "monitor",
        "full",
        ("full", "scalars", "none"),
        "What is logged for TensorBoard: curves, pictures, sounds and texts; curves alone; nothing, and no report.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "profile",
        0,
        "Trace so many training steps for TensorBoard's profiler; 0: none.",
        0,
        1000,
        flag_values=values,
    )


def define_verbosity(values: flags.FlagValues) -> None:
    """How much is said."""
    flags.DEFINE_integer(
        "verbosity",
        0,
        "1 shows tracebacks and TensorFlow's own log.",
        lower_bound=0,
        upper_bound=1,
        flag_values=values,
    )


def require_utf8(values: flags.FlagValues) -> None:
    """Raises UsageError: a flag is no UTF-8, as TensorFlow's files and the record of a run need it."""
    for name in values:
        value = values[name].value
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not names.is_utf8(text):
                raise errors.UsageError(f"--{name}={text}: is no UTF-8, which a run needs; give it another name")


def positive(values: flags.FlagValues, name: str, default: int | None, text: str) -> None:
    """Defines a flag for a count of at least 1."""
    flags.DEFINE_integer(name, default, text, lower_bound=1, flag_values=values)


def require(values: flags.FlagValues, *names: str) -> None:
    """Checks that flags without a default were given.

    Raises:
      UsageError: one is missing.
    """
    for name in names:
        if getattr(values, name) is None:
            raise errors.UsageError(f"--{name} is needed")


def reading_of(values: flags.FlagValues) -> reading.Reading:
    """What the flags of `define_reading` and --num_chunks say."""
    whole = not values["num_chunks"].present and values.decoder == "soundfile"
    return reading.Reading(values.num_chunks, values.batch_size, values.decoder, values.input_dtype, whole)


def computing_of(values: flags.FlagValues) -> computing.Computing:
    """What the flags of `define_devices` say."""
    return computing.Computing(values.precision, values.xla, values.tf32)
