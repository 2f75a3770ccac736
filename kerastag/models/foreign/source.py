"""What a user says of a base, and the checks that it is one, before any work."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from kerastag import errors
from kerastag.models.foreign import attaching, calling, network


@dataclasses.dataclass(frozen=True)
class Source:
    """A network of another maker, from waveform to embedding.

    Attributes:
      path: a folder with a SavedModel, or an .onnx file.
      sample_rate: of the waveforms that it takes, in Hz.
      chunk_seconds: length of these.
      input, output: names of what it takes and gives; None: there is only one.
    """

    path: str
    sample_rate: int
    chunk_seconds: float
    input: str | None = None
    output: str | None = None

    @property
    def chunk_samples(self) -> int:
        """Samples in one chunk."""
        return round(self.sample_rate * self.chunk_seconds)

    def network(self) -> network.ForeignBase:
        """The base as a network of this package, tried on silence.

        It takes float32 (batch, samples), (1, samples) or (samples,); it gives (batch, width), or (batch, frames,
        width), of which the mean over frames is taken; without the batch where it takes one waveform.

        Raises:
          KerastagError: it cannot be read or run, or takes or gives something else.
        """
        path = pathlib.Path(self.path)
        opened = calling.open_base(path, calling.kind_of(path), self.input, self.output)
        self._check_input(opened)
        names, rate = (opened.kind, opened.input, opened.output), self.sample_rate
        facts = (*names, rate, self.chunk_samples, self._width(opened), attaching.digest(path))
        description = attaching.Description(*facts)
        description.remember(opened)
        return network.ForeignBase(dataclasses.asdict(description))

    def _check_input(self, opened: calling.Opened) -> None:
        """Raises KerastagError: the shape that it states is none of those that are given to it."""
        shape = opened.input_shape
        if shape is None:
            return
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] not in (None, 1)):
            stated = f"the input {opened.input} is {_text(shape)}"
            raise errors.KerastagError(f"{self.path}: {stated}, not (batch, samples), (1, samples) or (samples,)")
        if shape[-1] not in (None, self.chunk_samples):
            wanted = f"{self.chunk_samples} in {self.chunk_seconds:g} s at {self.sample_rate} Hz"
            problem = f"the input {opened.input} takes {shape[-1]} samples, not the {wanted}"
            raise errors.KerastagError(f"{self.path}: {problem}", "base_chunk_seconds")

    def _width(self, opened: calling.Opened) -> int:
        """Numbers in an embedding, as it gives them of two chunks of silence."""
        silence = tf.zeros([2, self.chunk_samples])
        try:
            given = np.asarray(opened.of_row(silence[0]) if opened.takes_rows else opened.call(silence))
        except Exception as error:  # whatever it does
            reason = " ".join(str(error).split())[:300]
            raise errors.KerastagError(f"{self.path}: cannot be run on silence ({reason})") from error
        shape = given.shape[1:] if given.ndim and given.shape[0] == (1 if opened.takes_rows else 2) else None
        if opened.takes_rows and given.ndim in (1, 2):
            shape = given.shape
        if shape is None or len(shape) not in (1, 2) or not given.size:
            wanted = "(width,) or (frames, width)" if opened.takes_rows else "(2, width) or (2, frames, width)"
            problem = f"the output {opened.output} of silence is {_text(given.shape)}, not {wanted}"
            raise errors.KerastagError(f"{self.path}: {problem}", "base_output")
        if not np.isfinite(given).all():
            raise errors.KerastagError(f"{self.path}: the output {opened.output} of silence is not finite")
        return int(given.shape[-1])


def _text(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"
