"""Which network a .keras file holds, and what it stands on, read without Keras."""

import json
import os
import zipfile
import zlib
from typing import Any

_CLASSES = {
    "ShortChunkResNet": "short_chunk_resnet",
    "ShortChunkAttention": "short_chunk_attention",
    "VGGish": "vggish",
    "Musicnn": "musicnn",
    "MusicnnVGG": "musicnn_{poolings}_vgg",
}

_DAMAGED = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError),
)
_WIDTHS = ("num_channels", "num_tags", "units", "num_layers")
_MOST = {"heard_chunks": 1024, "fft_size": 65_536, "num_mels": 4_096}  # which cost memory without weights in the file
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
      OSError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error: it cannot be read.
    """
    num_bytes = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > num_bytes:
            raise ValueError("it unpacks to more than it is")
        if others := set(archive.namelist()) - _MEMBERS:
            raise ValueError(f"it holds the file {min(others)}")
        about = json.loads(archive.read("config.json"))
    if not isinstance(about, dict):
        raise ValueError("its configuration is no object")
    name = str(about.pop("registered_name") or about["class_name"])
    if not name.startswith("kerastag>"):
        raise ValueError(f"it holds {name}, no network of kerastag")
    del about["class_name"]
    if inside := _classes_in(about):
        raise ValueError(f"it holds {', '.join(inside)} inside {name}")
    _check_sizes(about.get("config"), num_bytes)
    return name


def _check_sizes(config: Any, num_bytes: int) -> None:
    """Checks that a file is large enough for the network of its configuration, which is built before it is filled.

    Raises:
      ValueError: it is not.
    """
    if not isinstance(config, dict):
        return
    size = {name: config[name] for name in _WIDTHS if isinstance(config.get(name), int)}
    channels, tags, units = (size.get(name, 1) for name in ("num_channels", "num_tags", "units"))
    num_weights = (9 * channels * channels, channels * tags, max(units, 1) * tags, 100 * size.get("num_layers", 0))
    if 4 * max(num_weights) > num_bytes:
        raise ValueError("its network is larger than the file")
    for name, value in config.items():
        if name in _MOST and isinstance(value, int) and value > _MOST[name]:
            raise ValueError(f"its {name} is over {_MOST[name]}")
        _check_sizes(value, num_bytes)


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
    except _DAMAGED:
        return None


def front_end_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a network's front end has otherwise than the recipe's, see resnet; {} of other files."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
        while "base" in config:  # of a probe
            config = config["base"]["config"]
        return config.get("front_end") or {}
    except _DAMAGED:
        return {}


def network_of(path: str | os.PathLike[str]) -> str | None:
    """One of models.NAMES; None if the file is none that this package wrote, or its network is not trained further."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("config.json"))
        return _CLASSES[about["registered_name"].rpartition(">")[2]].format(**about["config"])
    except _DAMAGED:
        return None
