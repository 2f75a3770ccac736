"""Files in numbers and words: the scores of all tags and the words that a file is given, by one model."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kerastag import published, tags
from kerastag.computing import AUTOMATIC
from kerastag.data.reading import Reading
from kerastag.inference import columns, model_source
from kerastag.library import listening, word_choice

_FINGERPRINT_DIGITS = 12  # by which a model is known in a field of each track


@dataclasses.dataclass(frozen=True)
class Wording:
    """Which words files are given.

    Attributes:
      max_tags: of a file at most; None: any number.
      min_score: the lowest score of a tag that is given; None: any.
      exclude: tags that are not given, full names or short ones.
      vocabulary: a file of words, see columns.read_words: only its tags are given, as its words; None: all as they are.
    """

    max_tags: int | None = 3
    min_score: float | None = None
    exclude: Sequence[str] = ()
    vocabulary: str | None = None


@dataclasses.dataclass(frozen=True)
class Description:
    """What a model says of a file: float32 scores (num_tags,), and the words that the file is given, best first."""

    scores: np.ndarray
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Described:
    """Descriptions by path, and lines for people about files that could not be heard, or not as a whole."""

    of: Mapping[pathlib.Path, Description]
    warnings: Sequence[str]


class Describer:
    """Describes files, from the results in the user's cache or by the model, which is loaded when a file is not known.

    Args:
      model: as of `kerastag tag`; None: the default model, which is fetched the first time.
      wording: which words files are given.
      say: called with a line before something is fetched.

    Raises:
      KerastagError: there is no such model, a file of it or of words is damaged, or a tag is unknown.
    """

    def __init__(self, model: str | None, wording: Wording, say: Callable[[str], None] = lambda line: None):
        self._wording = wording
        self._source = model_source.find(model or published.get(published.DEFAULT, say=say))
        self._chosen = columns.named(self._source.vocabulary, wording.exclude, wording.vocabulary)
        _ = self._source.decider, self._source.card  # an error in their files is told before the work
        self._not_kept = ""

    @property
    def vocabulary(self) -> tags.Vocabulary:
        """The model's tags."""
        return self._source.vocabulary

    @functools.cached_property
    def model_id(self) -> str:
        """The first digits of the model's fingerprint."""
        return self._source.fingerprint[:_FINGERPRINT_DIGITS]

    def describe(self, paths: Sequence[pathlib.Path], on_files: listening.OnFiles = lambda count: None) -> Described:
        """Describes files that are described together.

        Args:
          paths: audio files.
          on_files: called with the number of files that have been heard since.

        Raises:
          KerastagError: the model does not load.
        """
        heard = self._listener.hear(paths, on_files)
        wording, source = self._wording, self._source
        limits = (wording.max_tags, wording.min_score)
        choices = word_choice.choose(
            heard.scores, source.decider, self._chosen, source.vocabulary, source.card, *limits
        )
        described = {
            path: Description(scores, tuple(choice.word for choice in of))
            for path, scores, of in zip(heard.files, heard.scores, choices, strict=True)
        }
        return Described(described, [*heard.warnings(heard.failures.values()), *filter(None, [self._not_kept])])

    @functools.cached_property
    def _listener(self) -> listening.Listener:
        """It and its results belong to the thread that is the first to describe something."""
        reading = Reading()
        kept, self._not_kept = listening.default_results(self._source, reading, AUTOMATIC.precision)
        return listening.Listener(self._source, reading, AUTOMATIC, kept)


def tags_at_hand(model: str | None) -> tuple[pathlib.Path, tags.Vocabulary]:
    """The file with a model's tags, and the tags; nothing is fetched.

    Raises:
      KerastagError: the model is not here.
    """
    source = model_source.find(model or published.DEFAULT)
    return source.assets.tags_path, source.vocabulary
