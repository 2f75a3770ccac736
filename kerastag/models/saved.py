"""Which network a .keras file holds, and what it stands on, read without Keras."""

import json
import os
import zipfile
from typing import Any

_CLASSES = {
    "ShortChunkResNet": "short_chunk_resnet",
    "ShortChunkAttention": "short_chunk_attention",
    "VGGish": "vggish",
    "Musicnn": "musicnn",
    "MusicnnVGG": "musicnn_{poolings}_vgg",
}

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}


def check(path: str | os.PathLike[str]) -> str:
    """Looks whether a .keras file is safe to give to Keras, whose loader can be made to do more than load.

    A file of this package holds one object, a class of this package with plain values, and nothing in it is
    compressed. Keras' own safe mode refuses functions written as bytes (Lambda layers), but builds any class that it
    knows or, before Keras 3.9, that Python can import.

    Returns:
      the name under which the class must be registered with Keras.

    Raises:
      ValueError: it holds something else.
      OSError, KeyError, TypeError, zipfile.BadZipFile: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it unpacks to more than it is")
        if others := set(archive.namelist()) - _MEMBERS:
            raise ValueError(f"it holds the file {min(others)}")
        about = json.loads(archive.read("config.json"))
    name = str(about.pop("registered_name") or about["class_name"])
    if not name.startswith("kerastag>"):
        raise ValueError(f"it holds {name}, no network of kerastag")
    del about["class_name"]
    if inside := _classes_in(about):
        raise ValueError(f"it holds {', '.join(inside)} inside {name}")
    return name


def _classes_in(value: Any) -> list[str]:
    """Names of the classes that Keras would build of a configuration."""
    if isinstance(value, list):
        return [name for each in value for name in _classes_in(each)]
    if not isinstance(value, dict):
        return []
    named = [str(value[key]) for key in ("class_name", "registered_name") if key in value]
    return named[:1] + [name for each in value.values() for name in _classes_in(each)]


def base_of(path: str | os.PathLike[str]) -> str | None:
    """What kind of base of another maker a network stands on, as models.foreign.calling names it; None: on none."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("config.json"))
        name, config = about["registered_name"], about["config"]
        while not name.endswith(">ForeignBase"):  # a probe may stand on a probe
            name, config = config["base"]["class"], config["base"]["config"]
        return str(config["base"]["kind"])
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        return None


def front_end_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a network's front end has otherwise than the recipe's, see resnet; {} of other files."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
        while "base" in config:  # of a probe
            config = config["base"]["config"]
        return config.get("front_end") or {}
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        return {}


def network_of(path: str | os.PathLike[str]) -> str | None:
    """One of models.NAMES; None if the file is none that this package wrote, or its network is not trained further."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("config.json"))
        return _CLASSES[about["registered_name"].rpartition(">")[2]].format(**about["config"])
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        return None
