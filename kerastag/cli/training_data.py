"""What is trained on: flags of the tags and of the folders of several splits, and the dataset that they name."""

from absl import flags

from kerastag import errors, losses, tags
from kerastag.data import dataset, splits
from kerastag.runs import run_folder


def define(values: flags.FlagValues) -> None:
    """Beside options.define_splits."""
    flags.DEFINE_list(
        "train_dirs",
        None,
        "Folders of the audio of each file in --train_split; default: --data_dir.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "tags_file",
        None,
        "The tags to learn, one a line; default: those of the first training split.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "unknown_tags",
        "error",
        ("error", "drop"),
        "What becomes of tags that are not to be learnt.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "drop_empty_tags", False, "Leave out tags of --tags_file without a training track.", flag_values=values
    )


def read(values: flags.FlagValues, folder: run_folder.RunFolder, resumed: bool) -> dataset.Dataset:
    """What is trained on and validated with; a run that is resumed keeps its vocabulary.

    Raises:
      KerastagError: a folder, a split file or a list of tags is missing or damaged.
      UsageError: not as many folders as training splits.
    """
    vocabulary = None
    if resumed:
        vocabulary = folder.vocabulary()
    elif values.tags_file:
        vocabulary = tags.Vocabulary.read(values.tags_file)
    data_dir = dataset.folder(values.data_dir)
    train_files = values.train_split or [splits.split_path(data_dir, None, "train")]
    train_dirs = values.train_dirs or [data_dir] * len(train_files)
    if len(train_dirs) != len(train_files):
        raise errors.UsageError(f"--train_dirs: {len(train_dirs)} folders for {len(train_files)} training splits")
    for train_dir in train_dirs:
        dataset.folder(train_dir)
    return dataset.read(
        list(zip(train_dirs, train_files, strict=True)),
        (data_dir, splits.split_path(data_dir, values.validation_split, "validation")),
        vocabulary,
        "drop" if resumed else values.unknown_tags,
        values.drop_empty_tags,
    )


def check_counts(loss: str, data: dataset.Dataset) -> None:
    """Raises KerastagError: the loss needs a track of each tag, and some have none."""
    empty = [name for name, count in zip(data.vocabulary.short_names, data.class_counts, strict=True) if not count]
    if empty and loss in losses.NEED_CLASS_COUNTS:
        raise errors.KerastagError(
            f"--loss={loss} weights tags by their tracks, and these have none: {', '.join(empty)}; "
            "--drop_empty_tags leaves them out"
        )
