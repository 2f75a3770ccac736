"""The check of a SavedModel: every signature, asked in a process that has TensorFlow alone, against `reference`."""

import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from kerastag import audio
from kerastag.metrics import decisions
from kerastag.runs.model import Combination
from kerastag.serving.check import bare_process, reference
from kerastag.serving.graph import score_ops, warm_up
from kerastag.serving.graph.served_model import DEFAULT, ServedModel

_SAME = 1e-6  # of scores that one process computes twice
_RESAMPLED = 1e-2  # of scores of a file at another sample rate
_OTHER_RATE = 44_100
_FADE_SECONDS = 0.01


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """How far a SavedModel is from the model in Keras.

    Attributes:
      differences: the largest by signature: of scores, of seconds, of embeddings as a share of the largest number in
        them; infinity where a name, a count or a shape differs.
      answers: what the process answered, also to the requests of the warm-up.
    """

    differences: Mapping[str, float]
    answers: bare_process.Answers


def check(
    folder: pathlib.Path, served: ServedModel, tolerance: float, requests: warm_up.Requests | None = None
) -> CheckResult:
    """How far each signature of a SavedModel is from what Keras, the package's own reader and NumPy make of it.

    Args:
      folder: folder of the SavedModel.
      served: what it was made of.
      tolerance: how far scores of networks may differ; what a calibration makes of that is no difference either.
      requests: those of the warm-up, to be sent before all others.

    Raises:
      KerastagError: the SavedModel does not load or answer there.
    """
    comparison = SignatureComparison(served, tolerance)
    answers = bare_process.ask(folder, {**(requests or {}), **comparison.requests()})
    return CheckResult(comparison.differences(answers.outputs), answers)


def beyond(served: np.ndarray, members: Sequence[np.ndarray], how: Combination, slack: float) -> float:
    """How far `served` is outside of what the members' scores, give or take `slack`, make; all (rows, num_tags).

    All that is done to scores keeps their order, so two ends are enough; where isotonic regression is steep they are
    far apart.
    """
    low, high = (how([np.clip(member + step, 0, 1) for member in members]) for step in (-slack, slack))
    return apart(served, np.clip(served, low, high)) if served.shape == low.shape else np.inf


def apart(answer: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of two arrays; infinity if there is a NaN, or another shape."""
    if np.shape(answer) != np.shape(expected):
        return np.inf
    largest = float(np.abs(answer - expected).max())
    return np.inf if np.isnan(largest) else largest


class SignatureComparison:
    """Requests to all signatures, and the answers beside what is expected of them.

    Args:
      served: what the SavedModel was made of.
      tolerance: see `check`.
    """

    def __init__(self, served: ServedModel, tolerance: float):
        self._served = served
        self._tolerance = tolerance
        self._names = served.network_names
        self._waveforms = _waveforms([model.chunk_samples for model in served.networks])
        self._files = _files(served)
        self._expected = {
            case: [reference.of_waveforms(model, waveform, served.num_chunks) for model in served.networks]
            for case, waveform in self._waveforms.items()
        }
        self._answers: bare_process.Arrays = {}

    def differences(self, answers: bare_process.Arrays) -> dict[str, float]:
        """The largest by signature, in answers to `requests` and perhaps others."""
        self._answers = {call: answers[call] for call in self.requests()}
        measures: dict[str, Callable[[str], float]] = {
            **{name: functools.partial(self._network, number) for number, name in enumerate(self._names)},
            **{"taggram": self._taggram, "embed": self._embed, "top_tags": self._top_tags},
            **{"metadata": self._metadata, "classify_wav": self._classify_wav},
        }
        differences: dict[str, float] = {}
        for call in self._answers:
            signature, _, case = call.partition(":")
            difference = measures.get(signature, self._combined)(case)
            differences[signature] = max(differences.get(signature, 0.0), difference)
        fitted = self._served.combination.fitted
        if fitted is not None:
            differences[DEFAULT] = max(differences[DEFAULT], score_ops.largest_error(fitted))
        return differences

    def requests(self) -> bare_process.Arrays:
        """Inputs by call: all waveforms for scores, the shortest and the longest where fewer will do."""
        given = {case: {"waveform": waveform} for case, waveform in self._waveforms.items()}
        short, *_, long = given
        embeds = any(outputs.embedding is not None for outputs in self._expected[short])
        return {
            **{f"{name}:{case}": given[case] for name in {*self._names, DEFAULT} for case in given},
            **{f"taggram:{case}": given[case] for case in (short, long)},
            **({f"embed:{short}": given[short]} if embeds else {}),
            f"top_tags:{short}": {**given[short], "k": np.array(self._k(), np.int32)},
            "metadata:twice": {"request": np.zeros(2, np.int32)},
            **{f"classify_wav:{rate}": {"wav_bytes": np.array([wav], object)} for rate, wav in self._files.items()},
        }

    def _k(self) -> list[int]:
        return [1, len(self._served.vocabulary)]

    def _network(self, number: int, case: str) -> float:
        return apart(self._answers[f"{self._names[number]}:{case}"]["scores"], self._expected[case][number].scores)

    def _combined(self, case: str) -> float:
        """From what the scores of the served networks make."""
        members = [self._answers[f"{name}:{case}"]["scores"] for name in self._names]
        return beyond(self._answers[f"{DEFAULT}:{case}"]["scores"], members, self._served.combination, _SAME)

    def _taggram(self, case: str) -> float:
        answer, waveform = self._answers[f"taggram:{case}"], self._waveforms[case]
        starts = reference.consecutive_starts(waveform.shape[1], self._served.chunk_samples)
        shape = (len(waveform), len(starts), len(self._served.vocabulary))
        seconds = apart(answer["start_seconds"], np.tile(starts / self._served.sample_rate, (len(waveform), 1)))
        if answer["chunk_scores"].shape != shape or not seconds <= self._tolerance:
            return np.inf
        members = [self._of_chunks(model, waveform, starts).reshape(-1, shape[-1]) for model in self._served.networks]
        scores = answer["chunk_scores"].reshape(-1, shape[-1])
        return beyond(scores, members, self._served.combination, self._tolerance)

    def _of_chunks(self, model: keras.Model, waveform: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """(batch, chunks, num_tags)."""
        chunks = [reference.cut(waveform, start, model.chunk_samples) for start in starts]
        return np.stack([reference.of_chunks(model, chunk).scores for chunk in chunks], axis=1)

    def _embed(self, case: str) -> float:
        parts = [outputs.embedding for outputs in self._expected[case] if outputs.embedding is not None]
        expected = np.concatenate(parts, axis=1)
        return apart(self._answers[f"embed:{case}"]["embedding"], expected) / max(1.0, np.abs(expected).max())

    def _top_tags(self, case: str) -> float:
        """From the scores of serving_default, whatever the order of those that are equal."""
        answer, scores = self._answers[f"top_tags:{case}"], self._answers[f"{DEFAULT}:{case}"]["scores"]
        kept = np.arange(max(self._k())) < np.array(self._k())[:, None]  # (2, num_tags)
        names = answer["tags"]
        if names.shape != kept.shape or ((names != "") != kept).any():
            return np.inf
        columns = [[self._served.vocabulary.find(name) for name in row if name] for row in names]
        known = [[column for column in row if column is not None] for row in columns]
        if known != columns or any(len(set(row)) < len(row) for row in known):
            return np.inf
        named, best = np.zeros(kept.shape), np.where(kept, -np.sort(-scores), 0)
        for row, own in enumerate(known):
            named[row, : len(own)] = scores[row, own]
        return max(apart(answer["scores"], named), apart(answer["scores"], best), self._above(case, known))

    def _above(self, case: str, columns: Sequence[list[int]]) -> float:
        """Of decisions from those of `decisions.decide`: 0 or infinity; within the tolerance they may be any."""
        thresholds = self._served.thresholds
        if thresholds is None:
            return 0.0
        how = dataclasses.replace(self._served.combination, fitted=None)
        scores = how([self._answers[f"{name}:{case}"]["scores"] for name in self._names])
        expected = np.zeros(scores.shape, bool)
        for row, own in enumerate(columns):
            expected[row, : len(own)] = decisions.decide(scores, thresholds)[row, own]
            near = np.abs(scores - thresholds)[row, own] <= self._tolerance
            expected[row, : len(own)][near] = self._answers[f"top_tags:{case}"]["above"][row, : len(own)][near]
        return 0.0 if np.array_equal(self._answers[f"top_tags:{case}"]["above"], expected) else np.inf

    def _metadata(self, case: str) -> float:
        """Whether all is said, 0 or infinity."""
        served = self._served
        expected = {
            "tags": served.vocabulary.short_names,
            "full_names": served.vocabulary.names,
            **{name: getattr(served, name) for name in ("sample_rate", "chunk_samples", "num_chunks")},
        }
        if served.thresholds is not None:
            expected["thresholds"] = score_ops.served_thresholds(served.thresholds, served.combination.fitted)
        answer = self._answers[f"metadata:{case}"]
        same = [
            name in answer and np.array_equal(answer[name], np.stack([fact, fact])) for name, fact in expected.items()
        ]
        return 0.0 if all(same) and len(answer) == len(expected) else np.inf

    def _classify_wav(self, rate: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "test.wav"
            path.write_bytes(self._files[rate])
            waveform = reference.read(path, self._served.sample_rate)
        members = [
            reference.of_waveforms(network, waveform, self._served.num_chunks).scores
            for network in self._served.networks
        ]
        same_rate = rate == str(self._served.sample_rate)
        slack = self._tolerance if same_rate else max(self._tolerance, _RESAMPLED)
        return beyond(self._answers[f"classify_wav:{rate}"]["scores"], members, self._served.combination, slack)


def _waveforms(chunk_samples: Sequence[int]) -> dict[str, np.ndarray]:
    """Noise and silence, float32 (2, samples): one sample; shorter than each kind of chunk, as long, and longer."""
    generator = np.random.default_rng(0)
    lengths = {1, *(part for size in chunk_samples for part in (size // 3, size, size * 5 // 2))}
    return {
        f"{length} samples": (generator.normal(0, 0.1, (2, length)) * [[1], [0]]).astype(np.float32)
        for length in sorted(lengths)
    }


def _files(served: ServedModel) -> dict[str, bytes]:
    """WAV files of noise, a chunk long, by their sample rates: the model's own, and another in stereo."""
    generator, seconds = np.random.default_rng(0), served.chunk_samples / served.sample_rate
    return {
        str(rate): _wav(generator, int(seconds * rate), rate, num_channels)
        for rate, num_channels in ((_OTHER_RATE, 2), (served.sample_rate, 1))
    }


def _wav(generator: np.random.Generator, frames: int, rate: int, num_channels: int) -> bytes:
    """It fades in, since the reader's resampling is off at a loud beginning; soon, since what is almost silent is
    mostly the rounding to 16 bits, which a network may hear.
    """
    fade = np.minimum(1, np.arange(frames) / (_FADE_SECONDS * rate))[:, None]
    return audio.wav_bytes(fade * generator.normal(0, 0.1, (frames, num_channels)), rate)
