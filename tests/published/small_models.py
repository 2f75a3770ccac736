"""Entries of a catalogue for tests: networks of two channels and three tags, their checkpoints served or in a wheel."""

import hashlib
import zipfile

import keras
import numpy as np

from kerastag import models
from kerastag.published import catalogue
from tools.attacks import torch_writer

TAGS = ("mood/theme---calm", "mood/theme---dark", "mood/theme---happy")
COMMIT = "c0ffee"
MEL = {"spec.spectrogram.window": np.ones(512), "spec.mel_scale.fb": np.ones((257, 128))}


def network(seed=0, variant="4s6"):
    """The network that an entry of `entry` is of, with random weights."""
    keras.utils.set_random_seed(seed)
    return models.short_chunk_resnet(len(TAGS), 2, variant, num_blocks=2, precision="float32")


def entry(name, source, builder="short_chunk_resnet", **options):
    """An entry; `options` of its network are those of `network` if none are given."""
    options = options or ({"num_channels": 2, "variant": "4s6"} if builder else {})
    facts = {"sample_rate": 16_000, "chunk_seconds": 4.6, "licence": None, "trained_on": "noise"}
    return catalogue.Entry(name, f"the model {name}", TAGS, source=source, builder=builder, options=options, **facts)


def serve(server, name, state, path, write=torch_writer.write_zip, variant="4s6"):
    """Writes a checkpoint and has the server give it; returns its entry."""
    write(path, torch_writer.state_dict(state), device="cuda:0")
    content = path.read_bytes()
    server.files[f"/o/r/{COMMIT}/models/{name}/best_model.pth"] = content
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    source = catalogue.GitHubFile("o/r", COMMIT, f"models/{name}/best_model.pth", f"git:{blob}", len(content))
    return entry(name, source, num_channels=2, num_blocks=2, variant=variant)


def wheel(folder, files, project="smallnet", version="1.0"):
    """Writes a wheel that pip takes; returns its path and its SHA-256."""
    path, about = folder / f"{project}-{version}-py3-none-any.whl", f"{project}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Dist: no-such-project\n"
    records = {
        f"{about}/METADATA": metadata,
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/LICENSE.md": "Take it, and say whose it is.\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, **records}.items():
            archive.writestr(name, content)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
