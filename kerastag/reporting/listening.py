"""What the runs hear: a few validation tracks with sound, mel spectrogram and tags, inside the page."""

import base64
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import tags
from kerastag.reporting import gathering, measuring, views
from kerastag.runs import examples

_TOP = 5


@dataclasses.dataclass(frozen=True)
class ShownExample:
    """A track as the page shows it.

    Attributes:
      title: name of its file; path: of the split file.
      tags: its true tags, short names.
      picture, sound: as data: addresses.
      description: what both are, for a screen reader.
      answers: a table of each run that scored it.
    """

    title: str
    path: str
    tags: str
    picture: str
    sound: str
    description: str
    answers: Sequence[views.Table]


def shown_examples(measured: measuring.Measured) -> list[ShownExample]:
    """The tracks that any run has kept, with the answers of all runs that scored them."""
    kept: dict[str, examples.Example] = {}
    for run in measured.runs:
        for example in run.examples:
            kept.setdefault(example.path, example)
    complete = [example for example in kept.values() if example.are_files_whole()]
    return [_shown(example, measured.runs) for example in complete[: examples.COUNT]]


def _shown(example: examples.Example, runs: Sequence[gathering.ReportedRun]) -> ShownExample:
    answers = []
    for run in runs:
        own = next((candidate for candidate in run.examples if candidate.path == example.path), None)
        if own is not None and own.row in run.validation_scores:
            answers.append(_answer(run, own, run.validation_scores[own.row], len(runs) > 1))
    return ShownExample(
        title=pathlib.PurePosixPath(example.path).name,
        path=example.path,
        tags=", ".join(map(tags.short_name, example.tags)) or "none",
        picture=_address(example.picture, "image/png"),
        sound=_address(example.audio, "audio/flac"),
        description=f"Mel spectrogram of {example.path}, from {example.start_seconds:.1f} s",
        answers=answers,
    )


def _answer(run: gathering.ReportedRun, example: examples.Example, scores: np.ndarray, named: bool) -> views.Table:
    """A run's top tags of a track, and where its true ones stand; scores (num_tags,)."""
    order = np.argsort(-scores, kind="stable")
    names, true = run.vocabulary.short_names, [name in example.tags for name in run.vocabulary.names]
    ranks = [rank for rank, column in enumerate(order) if rank < _TOP or true[column]]
    rows = [
        (rank + 1, f"{names[tag]} ✓" if true[tag] else names[tag], f"{scores[tag]:.3f}")
        for rank, tag in ((rank, order[rank]) for rank in ranks)
    ]
    return views.Table(run.name if named else "scores", ("rank", "tag", "score"), rows)


def _address(path: pathlib.Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
