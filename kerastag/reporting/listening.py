"""What the runs hear: a few validation tracks with sound, mel spectrogram and tags, inside the page."""

import base64
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import examples, tags
from kerastag.reporting import gathering, markup, measuring
from kerastag.reporting.markup import Safe, element

_TOP = 5


def section(measured: measuring.Measured) -> markup.Section | None:
    """An entry for each track that any run has kept, with the answers of all runs that scored it."""
    kept: dict[str, examples.Example] = {}
    for run in measured.runs:
        for example in run.examples:
            kept.setdefault(example.path, example)
    shown = [example for example in kept.values() if example.audio.is_file() and example.picture.is_file()]
    if not shown:
        return None
    told = "Some validation tracks, one for each of several tags from the most frequent to the rarest; ✓ is a true tag."
    entries = [_entry(example, measured.runs) for example in shown[: examples.COUNT]]
    return markup.section("examples", "What it hears", element("p", told), element("div", *entries, class_="examples"))


def _entry(example: examples.Example, runs: Sequence[gathering.Run]) -> Safe:
    true = ", ".join(map(tags.short_name, example.tags))
    about = f"Mel spectrogram of {example.path}, from {example.start_seconds:.1f} s"
    answers = []
    for run in runs:
        own = next((one for one in run.examples if one.path == example.path), None)
        if own is not None and own.row in run.validation_scores:
            answers.append(_answer(run, own, run.validation_scores[own.row], len(runs) > 1))
    return element(
        "article",
        element("h3", pathlib.PurePosixPath(example.path).name),
        element("p", example.path, class_="note"),
        element("p", element("strong", "tags: "), true or "none"),
        element("img", src=_data(example.picture, "image/png"), alt=about),
        element("audio", controls="", preload="none", src=_data(example.audio, "audio/flac"), aria_label=about),
        element("div", *answers, class_="answers"),
    )


def _answer(run: gathering.Run, example: examples.Example, scores: np.ndarray, named: bool) -> Safe:
    """A run's top tags of a track, and where its true ones stand; scores (num_tags,)."""
    order = np.argsort(-scores, kind="stable")
    names, true = run.vocabulary.short_names, [name in example.tags for name in run.vocabulary.names]
    ranks = [rank for rank, column in enumerate(order) if rank < _TOP or true[column]]
    shown = [(rank + 1, order[rank]) for rank in ranks]
    rows = [(rank, f"{names[tag]} ✓" if true[tag] else names[tag], f"{scores[tag]:.3f}") for rank, tag in shown]
    return markup.table(run.name if named else "scores", ("rank", "tag", "score"), rows)


def _data(path: pathlib.Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
