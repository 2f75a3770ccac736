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
