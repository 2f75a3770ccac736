"""Training of a probe: the base kept in the run's folder, its embeddings computed once, a head trained on them."""

import sys

import keras
import tensorflow as tf

from kerastag import errors, losses, published
from kerastag.computing import Computing
from kerastag.data import dataset, embeddings, pipeline
from kerastag.inference import embedding
from kerastag.models import folding, loading, probing
from kerastag.models.foreign import network as foreign_network
from kerastag.runs import run_folder
from kerastag.training import build, loop
from kerastag.training.inputs import EmbeddedInputs
from kerastag.training.settings import Settings, Splits

BASE = "base.keras"


def read_base(network: build.Network) -> keras.Model:
    """The network that a probe stands on.

    Args:
      network: its `foreign` base; or else its `pretrained`, a run folder, a .keras file, or the name of a published
        model that is here.

    Raises:
      KerastagError: that is neither, or cannot be read; see also foreign.source.Source.network.
    """
    if network.foreign is not None:
        return network.foreign.network()
    path = published.resolve(str(network.pretrained))
    if path.is_dir():
        return loading.load(run_folder.RunFolder.existing(path).trained_model_path())
    if not path.is_file():
        raise errors.KerastagError(f"{path}: no such file or folder", "pretrained")
    if path.suffix != ".keras":
        raise errors.KerastagError(f"{path}: a probe stands on a run folder or a .keras file", "pretrained")
    return loading.load(path)


def check_outside(base: keras.Model, folder: run_folder.RunFolder) -> None:
    """Checks that a new run, which empties its folder, does not take what its probe stands on with it.

    Raises:
      KerastagError: it would.
    """
    for layer in foreign_network.layers_in(base):
        path = layer.opened.path
        if folder.path.resolve() in path.resolve().parents:
            raise errors.KerastagError(f"{path}: lies in the folder of the new run, which is emptied", "run_dir")


def keep_base(folder: run_folder.RunFolder, base: keras.Model) -> None:
    """Keeps a copy of the base, so that the run can be resumed whatever becomes of its source.

    The files of a base of another maker are kept in the run's folder, where its network looks for them too.
    """
    folder.embeddings_path.mkdir(exist_ok=True)
    foreign_network.keep(base, folder.path)
    base.save(folder.embeddings_path / BASE)


def kept_base(folder: run_folder.RunFolder) -> keras.Model:
    """What `keep_base` kept.

    Raises:
      KerastagError: it is missing or damaged.
    """
    return loading.load(folder.embeddings_path / BASE, base_folder=folder.path)


def trainer(
    strategy: tf.distribute.Strategy,
    network: build.Network,
    base: keras.Model,
    loss: "losses.classes.MultiLabelLoss",
    optimization: build.Optimization,
    precision: str,
    seed: int,
    stage: int = 0,
    watch: bool = False,
) -> tuple[loop.Trainer, probing.Probe]:
    """A trainer of the head at its start, and the whole network, which shares the head's layers.

    Args:
      network: its tags, the head's width and its dropout.
      base: see models.probing.
      strategy, loss, optimization, precision, seed, stage, watch: see build.trainer.

    Raises:
      KerastagError: the base has no embedding.
    """
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        options = {"dropout": network.dropout, "precision": precision, "heard_chunks": network.probe_chunks}
        probe = probing.on(base, len(network.tag_names), network.probe_units, **options)
        build.start_output(probe, loss)
        head = probe.head()
        optimizer = optimization.optimizer("adam" if stage == 0 else "sgd", head.precision)
    average = optimization.average.start(head, strategy)
    return loop.Trainer(head, loss, optimizer, strategy, seed=seed, watch=watch, average=average), probe


def inputs(
    folder: run_folder.RunFolder,
    base: keras.Model,
    data: dataset.Dataset,
    tracks: Splits,
    settings: Settings,
    chunk: pipeline.ChunkFormat,
    policy: str,
    strategy: tf.distribute.Strategy,
    computing: Computing,
    heard_chunks: int = 1,
) -> EmbeddedInputs:
    """The embeddings of all tracks: those that the folder keeps, or new ones, which it keeps then.

    Args:
      base: not folded; it is computed in `policy`.
      data: names the tracks; `tracks` reads them.
      settings, chunk: chunks per track, in training too, and what a chunk is.
      strategy, computing: who computes them, and whether compiled.
      heard_chunks: of the base, in one of `chunk`.

    Raises:
      KerastagError: no track of a split can be read.
    """
    listed = {"train": data.training, "validation": (data.validation,)}
    every, size = {"train": tracks.training, "validation": tracks.validation}, settings.batch_size
    kept: dict[str, embeddings.Embeddings] = {}
    for split, sources in listed.items():
        path = folder.embeddings_path / f"{split}.npy"
        identities = [track.identity for source in sources for track in source.split.tracks]
        there = embeddings.read(path, identities)
        if there is None:
            print(f"{split}: embeddings of {len(identities)} tracks are computed, once", file=sys.stderr)
            with strategy.scope():
                network = folding.fold(base, policy)
                embed = probing.embedder(network, heard_chunks)
            num_chunks = settings.validation_chunks
            compiles = computing.compiles_scoring(len(identities) * chunk.num_chunks(num_chunks))
            compiles = compiles and not foreign_network.layers_in(network)
            how = (num_chunks, size, strategy, size if compiles else None)
            there = embedding.of_tracks(embed, every[split], chunk, *how)
            there.write(path, identities)
        kept[split] = there
    return EmbeddedInputs(tracks, kept["train"], kept["validation"], settings)
