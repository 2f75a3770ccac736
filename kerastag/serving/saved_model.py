"""The SavedModel: its folder, what it says of itself, and that it appears only after its check."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from kerastag import errors, files, run_folder, tagger, tags
from kerastag.serving import bare_process, checking, contents, module, signatures, warm_up

TOLERANCE = 1e-5
HALF_TOLERANCE = 1e-2  # of scores of a network in half precision
HALF_EMBEDDING_TOLERANCE = 5e-2  # of its features, which lie before the layer that averages rounding out


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
      served: its signatures by name.
      example: a WAV file of the chunk that the requests are about.
      requests: one to each signature, for its warm-up.
      answers: of a bare process to them.
      difference: the largest of a score there; see checking.check.
    """

    served: Mapping[str, signatures.Signature]
    example: bytes
    requests: warm_up.Requests
    answers: bare_process.Answers
    difference: float


def export(
    models: Sequence[keras.Model],
    vocabulary: tags.Vocabulary,
    combination: tagger.Combination,
    folder: pathlib.Path,
    num_chunks: int,
    thresholds: np.ndarray | None = None,
) -> Exported:
    """Writes and checks a SavedModel with the signatures of module.ServingModule; it appears only if it passed.

    Args:
      models: in the precision to serve in; several are an ensemble, at one sample rate.
      vocabulary: tags of their outputs.
      combination: of their scores.
      folder: of one version; must not exist.
      num_chunks: see contents.Contents.
      thresholds: as `kerastag evaluate` writes them, of scores before calibration, (num_tags,); None: not known.

    Raises:
      KerastagError: the folder exists, sample rates differ, or what a signature gives does by over TOLERANCE, more
        where a network computes in half precision.
    """
    served = contents.Contents(models, vocabulary, combination, num_chunks, thresholds)
    with files.whole_folder(folder) as temporary:
        save(served, temporary)
        known, example = signatures_of(temporary), warm_up.example_waveform(served.chunk_samples, served.sample_rate)
        requests = warm_up.requests(known, example, served.sample_rate, len(vocabulary))
        tolerance = HALF_TOLERANCE if served.half_precision else TOLERANCE
        checked = checking.check(temporary, served, tolerance, requests)
        for name, difference in checked.differences.items():
            if difference > (HALF_EMBEDDING_TOLERANCE if name == "embed" and served.half_precision else tolerance):
                what = f"results of {name} differ by {difference:.2g} from the model's"
                raise errors.KerastagError(f"{folder}: {what}; not written")
    largest = max(difference for name, difference in checked.differences.items() if name != "embed")
    return Exported(known, warm_up.wav(example, served.sample_rate), requests, checked.answers, largest)


def save(served: contents.Contents, folder: pathlib.Path) -> None:
    """Writes a SavedModel, unchecked, and the tags, facts and calibration that the tagger reads beside it."""
    made = module.ServingModule(served)
    inference_only = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(made, str(folder), made.signatures(), inference_only)
    assets = run_folder.RunFolder(folder / tagger.ASSETS)
    assets.path.mkdir()
    served.vocabulary.write(assets.tags_path)
    files.write_json(assets.path / tagger.MODEL_FACTS, facts(served))
    if served.combination.fitted is not None:
        served.combination.fitted.write(assets.calibration_path)


def signatures_of(folder: pathlib.Path) -> dict[str, signatures.Signature]:
    """The signatures of a SavedModel by name, in alphabetical order."""
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definitions = {
        name: json_format.MessageToDict(definition, preserving_proto_field_name=True)
        for name, definition in sorted(saved.meta_graphs[0].signature_def.items())
    }
    return dict(signatures.Served.of_json(0, definitions).signatures)


def facts(served: contents.Contents) -> dict[str, Any]:
    """What model.json tells a client."""
    combination = served.combination
    return {
        "sample_rate": served.sample_rate,
        "chunk_samples": served.chunk_samples,
        "num_chunks": served.num_chunks,
        "precision": served.models[0].precision,
        "calibrated": combination.fitted is not None,
        "method": combination.method,
        "weights": list(combination.weights or [1.0] * len(served.models)),
        "members": [
            {"signature": name, "chunk_samples": model.chunk_samples, "centred": model.centred}
            for name, model in zip(served.network_names, served.models, strict=True)
        ],
    }
