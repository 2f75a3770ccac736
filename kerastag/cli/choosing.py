"""Flags about which tags are shown: how many, how sure, under which words."""

from absl import flags

from kerastag import errors, tags
from kerastag.cli import options
from kerastag.inference import columns

MAX_TAGS = 5


def define(values: flags.FlagValues) -> None:
    """Where scores of files go, and which tags are shown of them."""
    options.define_score_output(values)
    options.positive(
        values, "top", None, "Print so many tags of each file, the best ones, whether they are sure or not."
    )
    options.positive(
        values, "max_tags", MAX_TAGS, "Print so many of the sure tags of a file at most; not for --output."
    )
    flags.DEFINE_float(
        "min_score", None, "Print no tag with a lower score; not for --output.", 0.0, 1.0, flag_values=values
    )
    flags.DEFINE_list(
        "exclude", None, "Tags to leave out, on the screen and in --output, with commas.", flag_values=values
    )
    flags.DEFINE_string(
        "rename",
        None,
        "Tab-separated file, a tag and your word in each line, for the screen and --output; tags with the same word "
        "become one, with the highest of their scores.",
        flag_values=values,
    )


def define_vocabulary(values: flags.FlagValues) -> None:
    """Which tags become words that others read: in files, in playlists."""
    flags.DEFINE_string(
        "vocabulary",
        None,
        "Tab-separated file, a tag of the model and your word in each line: only these tags are taken, as your words.",
        flag_values=values,
    )
    flags.DEFINE_list("exclude", None, "Tags that are not taken, with commas.", flag_values=values)


def words(values: flags.FlagValues, vocabulary: tags.Vocabulary) -> columns.Columns:
    """What the flags of `define_vocabulary` say.

    Raises:
      KerastagError: see columns.named.
    """
    return columns.named(vocabulary, values.exclude or (), values.vocabulary)


def check(values: flags.FlagValues) -> None:
    """Checks that flags go together.

    Raises:
      UsageError: --top and --max_tags were both given.
    """
    if values.top is not None and values["max_tags"].present:
        raise errors.UsageError("--top and --max_tags: give one of them")
