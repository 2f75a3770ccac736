"""The SavedModel: its folder, what it says of itself, and that it appears only after its check."""

import dataclasses
import pathlib
from collections.abc import Mapping

import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from kerastag import audio, errors, files
from kerastag.inference import export_facts
from kerastag.runs import run_folder
from kerastag.serving import signatures
from kerastag.serving.check import bare_process, checking
from kerastag.serving.graph import module, warm_up
from kerastag.serving.graph.served_model import ServedModel

TOLERANCE = 1e-5
HALF_TOLERANCE = 1e-2  # of scores of a network in half precision
HALF_EMBEDDING_TOLERANCE = 5e-2  # of its embeddings, which lie before the layer that averages rounding out


@dataclasses.dataclass(frozen=True)
class Exported:
    """A SavedModel that passed its check.

    Attributes:
      signatures: its signatures by name.
      example: a WAV file of the chunk that the requests are about.
      requests: one to each signature, for the server's warm-up.
      answers: what a process without Keras and kerastag got for them.
      difference: the largest of a score there; see checking.check.
    """

    signatures: Mapping[str, signatures.Signature]
    example: bytes
    requests: warm_up.Requests
    answers: bare_process.Answers
    difference: float


def export(served: ServedModel, folder: pathlib.Path) -> Exported:
    """Writes and checks a SavedModel with the signatures of module.ServingModule; it appears only if it passed.

    Args:
      served: networks and what is done to their scores.
      folder: the version; must not exist.

    Raises:
      KerastagError: the folder exists, or what a signature gives differs by over TOLERANCE, more where a network
        computes in half precision.
    """
    with files.whole_folder(folder) as temporary:
        save(served, temporary)
        known, example = signatures_of(temporary), warm_up.example_waveform(served.chunk_samples, served.sample_rate)
        requests = warm_up.requests(known, example, served.sample_rate, len(served.vocabulary))
        tolerance = HALF_TOLERANCE if served.half_precision else TOLERANCE
        result = checking.check(temporary, served, tolerance, requests)
        for name, difference in result.differences.items():
            if difference > (HALF_EMBEDDING_TOLERANCE if name == "embed" and served.half_precision else tolerance):
                what = f"results of {name} differ by {difference:.2g} from the model's"
                raise errors.KerastagError(f"{folder}: {what}; not written")
    largest = max(difference for name, difference in result.differences.items() if name != "embed")
    return Exported(known, audio.wav_bytes(example, served.sample_rate), requests, result.answers, largest)


def save(served: ServedModel, folder: pathlib.Path) -> None:
    """Writes a SavedModel, unchecked, and the tags, facts and calibration that the tagger reads beside it."""
    serving_module = module.ServingModule(served)
    inference_only = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(serving_module, str(folder), serving_module.signatures(), inference_only)
    assets = run_folder.RunFolder(folder / export_facts.ASSETS)
    assets.path.mkdir()
    served.vocabulary.write(assets.tags_path)
    served.facts().write(folder)
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
