#!/usr/bin/env python3
"""Turns a PyTorch checkpoint into a run folder that evaluate, tag and export take; PyTorch is not needed.

It knows the short-chunk residual CNN in both variants (Won et al. 2020, Knox et al. 2020), whatever its width, and
MTG's VGG-ish baseline; which one a checkpoint is of, its width and its number of tags show in its names and shapes.
"""

import dataclasses
import hashlib
import pathlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # the package of this checkout

from kerastag import cli, errors, files, models, runtime, tags
from kerastag.cli import options
from kerastag.runs import run_folder

if TYPE_CHECKING:
    import keras
    import numpy as np

FLAGS = flags.FlagValues()
flags.DEFINE_string("checkpoint", None, "The PyTorch file, .pth.", flag_values=FLAGS)
flags.DEFINE_string("tags", None, "The tags of its outputs in their order, one a line.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "The run folder, to be made.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace the run in --output.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)

FRONT_END = (
    "spec.",
    "to_db.",
)  # buffers of the mel spectrogram in PyTorch; the networks here compute their own


@dataclasses.dataclass(frozen=True)
class Network:
    """How a network shows in its checkpoint.

    Attributes:
      title: for people.
      mark: a weight that only this network has.
      first: a weight of the first convolution, as many as `num_channels`.
      head: the bias of the output layer, as many as tags.
      builder: the function of kerastag.models.
      options: of the builder.
    """

    title: str
    mark: str
    first: str
    head: str
    builder: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


NETWORKS = (
    Network(
        "short-chunk residual CNN, 4.6 s",
        "layer7_2_3.conv_1.weight",
        "layer1.conv_1.bias",
        "dense_2.bias",
        "short_chunk_resnet",
        {"variant": "4s6"},
    ),
    Network(
        "short-chunk residual CNN, 3.69 s",
        "layer7.conv_1.weight",
        "layer1.conv_1.bias",
        "dense2.bias",
        "short_chunk_resnet",
        {"variant": "3s69"},
    ),
    Network("VGG-ish baseline", "bn_init.weight", "conv_1.bias", "dense.bias", "vggish"),
)


def recognise(state: Mapping[str, "np.ndarray"]) -> Network:
    """The network that `state` is of.

    Raises:
      KerastagError: it is of none of NETWORKS.
    """
    for network in NETWORKS:
        if {network.mark, network.first, network.head} <= state.keys():
            return network
    known = "; ".join(network.title for network in NETWORKS)
    raise errors.KerastagError(f"weights such as {min(state)} are of no network known here ({known})")


def build(state: Mapping[str, "np.ndarray"], network: Network) -> "keras.Model":
    """The network in float32 with the weights of `state`.

    Raises:
      KerastagError: a weight is missing, left over, or of another shape.
    """
    num_channels, num_tags = (state[name].size for name in (network.first, network.head))
    builder = getattr(models, network.builder)
    model = builder(num_tags, num_channels, precision="float32", **network.options)
    own = {name: array for name, array in state.items() if not name.startswith(FRONT_END)}
    models.load_torch_state(model, own)
    return model


def write(
    model: "keras.Model", vocabulary: tags.Vocabulary, checkpoint: pathlib.Path, folder: run_folder.RunFolder
) -> None:
    """Writes model.keras, tags.txt and run.json."""
    model.save(folder.model_path)
    vocabulary.write(folder.tags_path)
    record = {
        "command": run_folder.command_line(),
        "flags": {},
        "data_dir": None,
        "precision": model.precision,
        "class_counts": None,
        "versions": run_folder.versions(),
        "git_commit": run_folder.git_commit(),
        "source": {"file": checkpoint.name, "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest()},
    }
    files.write_json(folder.record_path, record)


def check_output(folder: run_folder.RunFolder, overwrite: bool) -> None:
    """Lets nothing be replaced but a run.

    Raises:
      KerastagError: the folder exists and may not be replaced.
    """
    if not folder.path.exists():
        return
    if not folder.holds_run():
        raise errors.KerastagError(f"{folder.path}: exists and is not a run")
    if not overwrite:
        raise errors.KerastagError(f"{folder.path}: holds a run already; use --overwrite")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Reads, recognises, converts."""
    options.require(values, "checkpoint", "tags", "output")
    checkpoint, output = pathlib.Path(values.checkpoint), run_folder.RunFolder(pathlib.Path(values.output))
    check_output(output, values.overwrite)
    vocabulary = tags.Vocabulary.read(values.tags)
    runtime.start(values.verbosity)
    from kerastag.models.torch import checkpoint_file

    state = checkpoint_file.read(checkpoint)
    try:
        network = recognise(state)
        if state[network.head].size != len(vocabulary):
            raise errors.KerastagError(
                f"{state[network.head].size} outputs, but {len(vocabulary)} tags in {values.tags}"
            )
        model = build(state, network)
    except errors.KerastagError as error:
        raise errors.KerastagError(f"{checkpoint}: {error}") from None
    with files.whole_folder(output.path, values.overwrite) as folder:
        write(model, vocabulary, checkpoint, run_folder.RunFolder(folder))
    print(f"{output.path}: {network.title}, {model.num_channels} channels, {len(vocabulary)} tags")
    return 0


COMMAND = cli.Command(
    "tools/convert_torch_checkpoint", "turns a PyTorch checkpoint into a run folder", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
