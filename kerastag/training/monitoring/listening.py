"""What a run hears: a handful of validation tracks with sound, mel spectrogram and tags."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kerastag import names, tags
from kerastag.metrics import tables
from kerastag.runs import examples
from kerastag.training.monitoring import callback, images
from kerastag.training.validation import Validation

_TOP = 5


class Listening(callback.Panel):
    """Sound and picture once; what the run says of each track over the epochs.

    Args:
      chosen: the tracks.
    """

    def __init__(self, chosen: Sequence[examples.Example]):
        self._chosen = chosen

    def begin(self) -> None:
        for example in self._chosen:
            of = ", ".join(map(tags.short_name, example.tags))
            about = names.markdown(f"{example.path}, from {example.start_seconds:.1f} s: {of}")
            name = f"example_{example.name}"
            images.write(f"{name}/mel", example.picture.read_bytes(), about)
            waveform = example.waveform()[None, :, None]  # (1, samples, 1)
            tf.summary.audio(f"{name}/sound", waveform, example.sample_rate, description=about)

    def on_look(self, validation: Validation) -> None:
        for example in self._chosen:
            place = np.flatnonzero(validation.rows == example.row)
            if len(place):
                text = answer(example, validation.tag_names, validation.scores[place[0]])
                tf.summary.text(f"example_{example.name}/tags", text)


def answer(example: examples.Example, tag_names: Sequence[str], scores: np.ndarray) -> str:
    """A Markdown table: the top tags of a track and where its true ones stand among them; scores (num_tags,)."""
    order = np.argsort(-scores, kind="stable")
    rank = np.argsort(order)
    true = [column for column, name in enumerate(tag_names) if name in example.tags]
    rows = []
    for column in [*order[:_TOP], *sorted((c for c in true if rank[c] >= _TOP), key=lambda c: rank[c])]:
        name = tags.short_name(tag_names[column])
        rows.append((str(rank[column] + 1), name, f"{scores[column]:.3f}", "✓" if column in true else ""))
    table = tables.Table(("rank", "tag", "score", "true"), tuple(rows))
    return f"**{names.markdown(example.path)}**\n\n{tables.markdown([table])}"
