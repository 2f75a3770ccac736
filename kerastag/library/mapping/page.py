"""One HTML file with the map of a collection, which needs no other file and no network; music plays where it lies."""

import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import pkgutil
import urllib.parse
from collections.abc import Sequence

import numpy as np

from kerastag import names, templates, version
from kerastag.library.word_choice import Choice

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a900", "#8c564b")  # Okabe and Ito 2008
_STEPS = 4095  # places are whole numbers up to this
_PACKAGE = "kerastag.library.mapping"


@dataclasses.dataclass(frozen=True)
class Tracks:
    """The tracks of a map.

    Attributes:
      paths: (num_tracks,).
      places: in [0, 1], (num_tracks, 2).
      choices: the words of each, the best first; none: nothing is sure.
      scores: of all words, in [0, 1], (num_tracks, num_words).
      words: (num_words,).
      neighbours: rows of the most similar tracks, (num_tracks, n).
    """

    paths: Sequence[pathlib.Path]
    places: np.ndarray
    choices: Sequence[Sequence[Choice]]
    scores: np.ndarray
    words: Sequence[str]
    neighbours: np.ndarray


def html(tracks: Tracks, title: str, folder: pathlib.Path, absolute: bool = False) -> str:
    """The page.

    Args:
      tracks: what it shows.
      title: in its head.
      folder: that the page will lie in, from which music is found.
      absolute: whether music is found by its whole path instead.
    """
    script, style = (_asset(name) for name in ("map.js", "map.css"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "media-src 'self' file: http: https:; base-uri 'none'; form-action 'none'"
    )
    values = {
        "title": title,
        "policy": policy,
        "script": _Raw(script),
        "style": _Raw(style),
        "data": _Raw(_data(tracks, folder, absolute)),
        "number": len(tracks.paths),
        "version": version.__version__,
    }
    return templates.render(_PACKAGE, "map.html.j2", values)


def link(path: pathlib.Path, folder: pathlib.Path, absolute: bool) -> str:
    """The address of a file from a page in a folder; each byte that is no plain letter stands as %NN."""
    if absolute:
        return "file://" + urllib.parse.quote(os.fsencode(os.path.abspath(path)))
    relative = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))  # a browser follows no links in it
    return "./" + urllib.parse.quote(os.fsencode(relative))


class _Raw(str):
    """Text that is part of the page as it is."""

    def __html__(self) -> str:
        return self


def _data(tracks: Tracks, folder: pathlib.Path, absolute: bool) -> str:
    """What the script reads: JSON in which nothing ends the element that holds it."""
    column_of = {word: column for column, word in enumerate(tracks.words)}
    document = {
        "names": [names.shown(path.name) for path in tracks.paths],
        "folders": [names.shown(path.parent) for path in tracks.paths],
        "links": [link(path, folder, absolute) for path in tracks.paths],
        "places": np.round(tracks.places * _STEPS).astype(int).ravel().tolist(),
        "given": [[column_of[choice.word] for choice in of] for of in tracks.choices],
        "words": list(tracks.words),
        # one byte a score: hundredths are what the page shows
        "scores": base64.b64encode(np.round(np.clip(tracks.scores, 0, 1) * 255).astype(np.uint8).tobytes()).decode(),
        "neighbours": tracks.neighbours.tolist(),
        "palette": PALETTE,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    content = pkgutil.get_data(_PACKAGE, f"templates/{name}")
    assert content is not None  # it comes with the package
    return content.decode("utf-8")


def _digest(text: str) -> str:
    """How a content policy names a script or a style that stands in the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
