"""Turns a PyTorch checkpoint into a run folder that evaluate, tag and export take; PyTorch is not needed.

    python -m tools.paper.convert_checkpoint --checkpoint=best_model.pth --tags=tags.txt --output=runs/published

Checkpoints of three networks are recognised: the short-chunk residual CNN in both variants (Won et al. 2020, Knox et
al. 2020) at any width, and MTG's VGG-ish baseline. Names and shapes of the weights tell the network, its width and its
number of tags.
"""

import dataclasses
import hashlib
import pathlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

from kerastag import cli, errors, files, models, runtime, tags
from kerastag.cli import options
from kerastag.runs import record, run_folder

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


@dataclasses.dataclass(frozen=True)
class Network:
    """How a network is recognised in a checkpoint, and built.

    Attributes:
      title: for people.
      mark: the name of a weight that no other network has.
      first: the name of a bias of the first convolution, (num_channels,).
      head: the name of the bias of the output layer, (num_tags,).
      builder: the name of a function in kerastag.models.
      options: arguments of the builder.
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
    titles = "; ".join(network.title for network in NETWORKS)
    raise errors.KerastagError(f"weights such as {min(state)} are of no network known here ({titles})")


def build(state: Mapping[str, "np.ndarray"], network: Network) -> "keras.Model":
    """The network in float32 with the weights of `state`.

    Raises:
      KerastagError: a weight is missing, left over, or of another shape.
    """
    num_channels, num_tags = (state[name].size for name in (network.first, network.head))
    builder = getattr(models, network.builder)
    model = builder(num_tags, num_channels, precision="float32", **network.options)
    models.load_torch_state(model, state)
    return model


def write(
    model: "keras.Model", vocabulary: tags.Vocabulary, checkpoint: pathlib.Path, folder: run_folder.RunFolder
) -> None:
    """Writes model.keras, tags.txt and run.json."""
    model.save(folder.model_path)
    vocabulary.write(folder.tags_path)
    run_record = record.RunRecord(
        flags={},
        command=record.command_line(),
        precision=model.precision,
        versions=record.versions(),
        git_commit=record.git_commit(),
        source={"file": checkpoint.name, "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest()},
    )
    run_record.write(folder.record_path)


def check_output(folder: run_folder.RunFolder, overwrite: bool) -> None:
    """Checks that the run may be written: nothing but another run is ever replaced.

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
    """Reads the checkpoint, recognises its network and writes the run."""
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
    cli.tell(f"{output.path}: {network.title}, {model.num_channels} channels, {len(vocabulary)} tags")
    return 0


COMMAND = cli.Command(
    "python -m tools.paper.convert_checkpoint",
    "turns a PyTorch checkpoint into a run folder",
    FLAGS,
    main,
    MAIN_FLAGS,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
