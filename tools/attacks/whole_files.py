"""Small valid files of every kind that kerastag reads and that is no audio, with whatever is read beside them."""

import hashlib
import io
import json
import pathlib
import socket
import tarfile
import zipfile

import numpy as np

from kerastag import files, tags, tsv
from kerastag.datasets import folder as dataset_folder
from kerastag.datasets import mtg_jamendo
from kerastag.metrics import calibration, card, decisions, split_scores
from kerastag.runs import ensemble_folder, examples, record, run_folder
from tools.attacks import torch_writer
from tools.datasets import damaged_music

VOCABULARY = tags.Vocabulary(["mood/theme---calm", "mood/theme---dark", "mood/theme---happy"])
IDENTITIES = tuple((f"track_{number}", f"artist_{number % 7}", f"{number:02}/{number}.mp3") for number in range(30))
SELECTION = mtg_jamendo.Selection("autotagging_moodtheme", "audio", "https://localhost")
WHEEL = {"project": "smallnet", "version": "1.0", "checkpoint": "small"}


def lists(folder: pathlib.Path) -> None:
    """Split files in both forms, lists of tags, of groups and of words, and a file of flags."""
    rows = [
        (track, artist, "album", path, "30.5", *_tags_of(row)) for row, (track, artist, path) in enumerate(IDENTITIES)
    ]
    long = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
    files.write_text(folder / "long.tsv", "\r\n".join([long, *("\t".join(row) for row in rows)]) + "\r\n")
    tsv.write(folder / "short.tsv", ("TRACK_ID", "PATH", "TAGS"), [(row[0], row[3], *row[5:]) for row in rows])
    VOCABULARY.write(folder / "tags.txt")
    tsv.write(folder / "groups.tsv", ("group", "tag"), [("low", "calm", "dark"), ("high", VOCABULARY.names[2])])
    tsv.write(folder / "words.tsv", ("tag", "word"), [("calm", "ruhig"), ("happy", "froh")])
    lines = [
        "# a comment",
        "--loss=focal",
        "--epochs=3",
        "--learning_rate=1e-3",
        "--nooverwrite",
        "--tags_file=tags.txt",
    ]
    files.write_text(folder / "all.flags", "\n".join(lines) + "\n")


def run(folder: pathlib.Path) -> None:
    """A run that was evaluated, and an ensemble of it and itself."""
    from kerastag import models

    made = run_folder.RunFolder(folder / "run")
    VOCABULARY.write(made.tags_path)
    _record(folder).write(made.record_path)
    models.short_chunk_resnet(len(VOCABULARY), 1, num_blocks=2, precision="float32").save(made.model_path)
    scores = _scores(made)
    decisions.write_thresholds(made.thresholds_path, VOCABULARY.names, np.array([0.2, np.inf, 0.5]))
    calibration.fit(scores.labels, scores.scores, VOCABULARY.names).write(made.calibration_path)
    figures = (0.5, 0.4, 0.6, 2.0, 1.5, 0.25, 0.5, 0.75)
    card.write(made.card_path, [card.Row(name, *figures, True, "reliable") for name in VOCABULARY.names])
    epochs = [(number, 0.5, 0.6, 0.1 * number, 0.7, 1e-3, 12.5) for number in (1, 2, 3)]
    columns = ("epoch", "loss", "val_loss", "val_pr_auc", "val_roc_auc", "learning_rate", "chunks_per_second")
    tsv.write(made.history_path, columns, epochs)
    bounds = {"low": 0.1, "high": 0.9, "bias": 0.0}
    figures_by_name = {"pr_auc_macro": 0.4, "roc_auc_macro": 0.5, "num_tracks": len(IDENTITIES)}
    named = {"pr_auc_macro": bounds, "roc_auc_macro": bounds}
    files.write_json(made.path / "metrics.json", {**figures_by_name, "intervals": named})
    _examples(made)
    tsv.write(folder / "music" / "licences.tsv", ("PACKAGE", "LICENCE"), [("a", "CC0"), ("b", "GPL-2")])
    members = (made, made)
    ensemble_folder.write(folder / "ensemble", ensemble_folder.Ensemble(members, "mean", (0.5, 0.5)))


def checkpoint(folder: pathlib.Path) -> None:
    """Where a training stood."""
    from kerastag.training import state

    state.save(folder / "checkpoint", *network_and_optimizer(), state.TrainingState(epoch=2, best_score=0.5))


def network_and_optimizer() -> tuple:
    """What `checkpoint` is of."""
    import keras

    from kerastag import models

    network = models.short_chunk_resnet(len(VOCABULARY), 1, num_blocks=1, precision="float32")
    return network, keras.optimizers.SGD(0.1, momentum=0.9)


def weights(folder: pathlib.Path) -> None:
    """The weights of a network in every form."""
    from kerastag import models

    network = models.short_chunk_resnet(len(VOCABULARY), 1, num_blocks=2, precision="float32")
    network.save(folder / "model.keras")
    network.save_weights(folder / "model.weights.h5")
    state = torch_writer.state_dict(torch_writer.state_of(network))
    torch_writer.write_zip(folder / "zip.pth", state)
    torch_writer.write_sequence(folder / "sequence.pth", state)
    VOCABULARY.write(folder / "tags.txt")


def export(folder: pathlib.Path) -> None:
    """What kerastag itself reads of an exported SavedModel."""
    from kerastag.inference import deciding, export_facts

    version = folder / "1"
    files.write_text(version / "saved_model.pb", "")
    network = export_facts.NetworkFacts("network_0", 73_600, False, 4)
    facts = export_facts.ExportFacts(16_000, 73_600, 16, "float32", False, "mean", (1.0,), (network,))
    facts.write(version)
    assets = run_folder.RunFolder(version / export_facts.ASSETS)
    VOCABULARY.write(assets.tags_path)
    usual = np.array([0.1, 0.2, 0.3])
    decisions.write_thresholds(assets.usual_scores_path, VOCABULARY.names, usual, deciding.USUAL_COLUMN)


def kept_for_training(folder: pathlib.Path) -> None:
    """Embeddings of a split, and a teacher's scores."""
    from kerastag.data import embeddings
    from kerastag.training import soft_labels

    values = np.arange(60 * 4, dtype=np.float32).reshape(60, 4)
    embeddings.Embeddings(values, np.full(30, 2)).write(folder / "train.npy", IDENTITIES)
    soft_labels.SoftLabels(folder).begin(IDENTITIES, ["a.mp3", "b\x1b.mp3"])
    np.save(folder / "scores.npy", np.zeros((len(IDENTITIES) + 2, len(VOCABULARY)), np.float32))


def catalogue(folder: pathlib.Path) -> None:
    """Tables of tracks, and a job of which a shard is done, in a folder and as in a store."""
    import pyarrow as pa
    from pyarrow import parquet

    from kerastag.catalogue import manifest, rows, shards, stored_job

    tracks = [path for _, _, path in IDENTITIES]
    files.write_text(folder / "tracks.txt", "\n".join(tracks) + "\n")
    tsv.write(folder / "tracks.tsv", ("number", "path"), list(enumerate(tracks)))
    parquet.write_table(pa.table({"number": range(30), "url": tracks}), folder / "tracks.parquet", row_group_size=7)
    table = manifest.open_table(folder / "tracks.tsv")
    job = shards.open_job(folder / "job", table, 3, {"model": "m"}, lease_seconds=60.0)
    lease = job.take(0, 1)
    assert lease is not None
    told = [None] * 10
    of_shard = rows.Rows(tracks[:10], np.zeros((10, len(VOCABULARY)), np.float32), told, told)
    of_shard.write(job.work_file(0, 1), VOCABULARY.short_names, {"about": "tests"}, job.id)
    job.finish(lease, of_shard.counts)
    url = f"file://{folder}/stored"
    for name in ("job", "done"):  # a store of objects has no folders to be made
        (folder / "stored" / name).mkdir(parents=True)
    stored_job.open_job(url, table, 3, {"model": "m"})
    files.write_json(folder / "stored" / "done" / "000000.json", of_shard.counts)


def download(folder: pathlib.Path) -> None:
    """What a download of MTG-Jamendo remembers, and an archive of it."""
    state = folder / "data" / dataset_folder.STATE
    contents = {
        f"{part}/{number}{part}.mp3": f"{number} {part}".encode() * 50 for part in ("00", "01") for number in "12"
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as opened:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    (folder / "part.tar").write_bytes(packed.getvalue())
    archives = {SELECTION.archive_name(part): packed.getvalue() for part in ("00", "01")}
    for list_name, of in (("tracks.txt", contents), ("archives.txt", archives)):
        lines = [f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in of.items()]
        files.write_text(state / list_name, "".join(lines))
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
    rows = [f"track_{place}\tartist\talbum\t{name}\t30.1\t{VOCABULARY.names[0]}" for place, name in enumerate(contents)]
    for name in mtg_jamendo.SPLITS:
        files.write_text(state / f"{name}.tsv", "\r\n".join([header, *rows]) + "\r\n")
    files.write_text(state / mtg_jamendo.LICENCES, "CC BY\n")
    files.write_json(
        state / "record.json", dict(zip(("dataset", "subset", "type"), ("mtg_jamendo", *_KIND), strict=True))
    )
    files.write_json(state / "verified" / "00.json", {"00/100.mp3": [200, 1], "00/200.mp3": None})


def library(folder: pathlib.Path) -> None:
    """A journal of written tags and the file it is about, kept results, what the plugin for beets remembers."""
    from kerastag.library import journal, results, writing

    music = folder / "a.flac"
    music.write_bytes(damaged_music.encoded_by_libsndfile(damaged_music.sound(1, 0), "FLAC", "PCM_16"))
    with journal.Journal(folder / "journal.jsonl") as written:
        writing.apply(writing.plan(music, "mood", ["calm"]), written)
        writing.apply(writing.plan(music, "mood", ["dark"]), written)
    kept = results.Results(folder / "results.sqlite", "fingerprint", {"num_chunks": 1})
    kept.keep({str(number): results.Result(np.ones(3, np.float32), np.ones(4, np.float32)) for number in range(5)})
    kept.close()
    VOCABULARY.write(folder / "tags.txt")
    remembered = {"model": "m", "tags": str(folder / "tags.txt"), "status": [1, 1], "fields": ["calm"]}
    files.write_json(folder / "remembered.json", remembered)
    holder = {"pid": 2**22 + 1, "host": socket.gethostname(), "since": "2020-01-01 00:00:00", "started": "1"}
    files.write_text(folder / "held" / ".lock", json.dumps(holder))


def wheel(folder: pathlib.Path) -> None:
    """A wheel with a checkpoint."""
    with zipfile.ZipFile(folder / "smallnet-1.0-py3-none-any.whl", "w") as archive:
        for suffix in (".index", ".data-00000-of-00001"):
            archive.writestr(f"smallnet/small/{suffix}", bytes(range(256)) * 4)
        archive.writestr("smallnet-1.0.dist-info/LICENSE", "Take it.\n")


_KIND = ("autotagging_moodtheme", "audio")


def _tags_of(row: int) -> list[str]:
    return [VOCABULARY.names[row % 3], *([VOCABULARY.names[1]] if row % 5 == 0 and row % 3 != 1 else [])]


def _record(folder: pathlib.Path) -> record.RunRecord:
    counts = dict(zip(VOCABULARY.names, (10, 15, 12), strict=True))
    flags = {
        "loss": "focal",
        "epochs": 3,
        "learning_rate": 1e-3,
        "train_dirs": ["a", "b"],
        "mixup": False,
        "base": None,
    }
    return record.RunRecord(
        flags=flags,
        command="kerastag train --preset=focal",
        data_dir=str(folder / "music"),
        precision="float32",
        seed=7,
        num_tracks={"train": 30, "validation": len(IDENTITIES)},
        class_counts=counts,
        versions=record.versions(),
        git_commit="c0ffee",
        source={"file": "best.pth", "sha256": "0" * 64},
        licence="CC0",
        weights="raw",
        teacher={"model": "m", "fingerprint": "f"},
    )


def _scores(made: run_folder.RunFolder) -> split_scores.SplitScores:
    labels = np.array([VOCABULARY.encode(_tags_of(row)) for row in range(len(IDENTITIES))], bool)
    scores = np.random.default_rng(0).uniform(0.1, 0.6, labels.shape).astype(np.float32) + 0.3 * labels
    both = split_scores.SplitScores(scores.astype(np.float32), labels, VOCABULARY, IDENTITIES)
    made.write_scores("validation", both)
    return both


def _examples(made: run_folder.RunFolder) -> None:
    (made.examples_path).mkdir()
    track_id, _, path = IDENTITIES[0]
    about = {"row": 0, "track_id": track_id, "path": path, "tags": [VOCABULARY.names[0]], "start_seconds": 0.5}
    files.write_json(made.examples_path / examples.RECORD, [{**about, "sample_rate": 16_000, "name": "1"}])
    (made.examples_path / "1.flac").write_bytes(b"fLaC and no more is looked at")
    (made.examples_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n likewise")
