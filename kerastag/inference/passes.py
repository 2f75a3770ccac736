"""Networks over tracks: those that take the same chunks go side by side, so that each chunk is read once."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import audio
from kerastag.computing import Computing
from kerastag.data.reading import Reading
from kerastag.tensors import Tensor

if TYPE_CHECKING:
    from kerastag.data import pipeline
    from kerastag.inference import scoring

OnChunks = Callable[[np.ndarray], None]  # called after each step with the track, by row, of each chunk that it scored
OfChunks = Callable[[Tensor], Tensor]  # waveform float32 (batch, chunk_samples) to (batch, numbers)


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a tagger, and the chunks it takes.

    Attributes:
      forward: waveform float32 (batch, chunk_samples) to scores (batch, num_tags) in [0, 1].
      chunk_samples: samples in one chunk.
      sample_rate: sample rate of a chunk, in Hz.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
      consecutive: where chunks lie if a track is heard whole; None: it never is.
      embedding_width: numbers in an embedding; 0: the network has none.
      make_embed: gives a function from waveform to embeddings, float32 (batch, embedding_width); called once, where
        embeddings are first asked for.
      make_both: the same for scores and the embedding side by side, (batch, num_tags + embedding_width), for what one
        of them costs; None: the network cannot.
      compiles: whether XLA can compile it.
    """

    forward: OfChunks
    chunk_samples: int
    sample_rate: int
    centred: bool
    consecutive: audio.Consecutive | None = None
    embedding_width: int = 0
    make_embed: Callable[[], OfChunks] | None = None
    make_both: Callable[[], OfChunks] | None = None
    compiles: bool = True


def grouped(members: Sequence[Member], num_tags: int, computing: Computing) -> list["Pass"]:
    """The passes that networks need; those that take the same chunks share one."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for position, member in enumerate(members):
        same = (member.chunk_samples, member.sample_rate, member.centred, member.consecutive)
        alike.setdefault(same, []).append(position)
    return [Pass({p: members[p] for p in positions}, num_tags, computing) for positions in alike.values()]


class Pass:
    """Networks that take the same chunks, side by side.

    Args:
      members: the networks by their position in the tagger.
      num_tags: scores that each gives.
      computing: whether long work is compiled.

    Attributes:
      chunk: one of the networks, for the chunks they take.
    """

    def __init__(self, members: dict[int, Member], num_tags: int, computing: Computing):
        self.chunk = next(iter(members.values()))
        self._members = members
        self._num_tags = num_tags
        self._computing = computing
        self._scorers: dict[tuple[str, int | None], scoring.Scorer] = {}

    @property
    def embedding_width(self) -> int:
        """Numbers in the embeddings of all its networks together."""
        return sum(member.embedding_width for member in self._members.values())

    @property
    def embeds_freely(self) -> bool:
        """Whether `hear` costs no more than `score`."""
        return all(member.make_both or not member.embedding_width for member in self._members.values())

    def score(
        self,
        tracks: "pipeline.Tracks",
        reading: Reading,
        on_chunks: OnChunks = lambda rows: None,
        num_tracks: int | None = None,
    ) -> dict[int, np.ndarray]:
        """Mean scores over each track's chunks, float32 (num_tracks, num_tags), by the network's position.

        `num_tracks` are heard in all, by this call and others; None: these.
        """
        widths = dict.fromkeys(self._members, self._num_tags)
        return self._means("scores", widths, tracks, reading, on_chunks, num_tracks)

    def hear(
        self,
        tracks: "pipeline.Tracks",
        reading: Reading,
        on_chunks: OnChunks = lambda rows: None,
        num_tracks: int | None = None,
    ) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """`score` and `embed` in one reading of the tracks; networks without an embedding have none.

        `num_tracks` as of `score`.
        """
        widths = {position: self._num_tags + member.embedding_width for position, member in self._members.items()}
        means = self._means("both", widths, tracks, reading, on_chunks, num_tracks)
        scores = {position: values[:, : self._num_tags] for position, values in means.items()}
        embeddings = {p: values[:, self._num_tags :] for p, values in means.items() if self._members[p].embedding_width}
        return scores, embeddings

    def embed(self, tracks: "pipeline.Tracks", reading: Reading) -> dict[int, np.ndarray]:
        """Mean embeddings, float32 (num_tracks, embedding_width), by the position of each network that has one."""
        widths = {position: member.embedding_width for position, member in self._members.items()}
        widths = {position: width for position, width in widths.items() if width}
        return self._means("embeddings", widths, tracks, reading, lambda rows: None) if widths else {}

    def _means(
        self,
        what: str,
        widths: dict[int, int],
        tracks: "pipeline.Tracks",
        reading: Reading,
        on_chunks: OnChunks,
        num_tracks: int | None = None,
    ) -> dict[int, np.ndarray]:
        """Means of `what` over the chunks of each track: numbers by position, as many as `widths` says."""
        from kerastag.data import pipeline

        chunk = pipeline.ChunkFormat.of_model(self.chunk, reading.dtype, reading.decoder)
        whole = reading.whole and chunk.consecutive is not None
        batches = pipeline.evaluation_batches(tracks, chunk, None if whole else reading.num_chunks, reading.batch_size)
        compiles = self._computing.compiles_scoring((num_tracks or len(tracks)) * chunk.num_chunks(reading.num_chunks))
        compiles = compiles and all(member.compiles for member in self._members.values())
        scorer = self._scorer(what, widths, reading.batch_size if compiles else None)
        means, counts = scorer.score_tracks(batches, len(tracks), on_chunks)
        tracks.mark_missing(np.flatnonzero(counts == 0))
        ends = np.cumsum(list(widths.values()))[:-1]
        return dict(zip(widths, np.split(means, ends, axis=1), strict=True))

    def _scorer(self, what: str, widths: dict[int, int], compiled_size: int | None) -> "scoring.Scorer":
        import tensorflow as tf

        from kerastag.inference import scoring

        if (what, compiled_size) not in self._scorers:
            if compiled_size is not None:
                print("XLA compiles the network, for some ten seconds before the first scores", file=sys.stderr)
            functions = [self._function(what, position) for position in widths]
            self._scorers[what, compiled_size] = scoring.Scorer(
                lambda waveform: tf.concat([function(waveform) for function in functions], axis=1),
                sum(widths.values()),
                compiled_size=compiled_size,
            )
        return self._scorers[what, compiled_size]

    def _function(self, what: str, position: int) -> OfChunks:
        member = self._members[position]
        if what == "scores" or (what == "both" and not member.embedding_width):
            return member.forward
        if what == "both" and member.make_both is not None:
            return member.make_both()
        assert member.make_embed is not None  # it has a width
        return _side_by_side(member.forward, member.make_embed()) if what == "both" else member.make_embed()


def _side_by_side(forward: OfChunks, embed: OfChunks) -> OfChunks:
    """Scores, then the embedding, each by a computation of its own."""
    import tensorflow as tf

    return lambda waveform: tf.concat([forward(waveform), embed(waveform)], axis=1)
