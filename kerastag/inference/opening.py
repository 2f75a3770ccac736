"""A tagger from whatever holds a model: a run, an ensemble, an export, a published model; `kerastag.load`."""

import os

from kerastag import runtime
from kerastag.computing import AUTOMATIC, Computing
from kerastag.inference import deciding, loading, model_source
from kerastag.inference.tagger import Tagger
from kerastag.metrics import calibration
from kerastag.runs.model import Combination, Model


def load(
    model: str | os.PathLike[str],
    precision: str = "auto",
    verbosity: int = 0,
    calibrated: bool = False,
    xla: str = "auto",
    tf32: str = "on",
) -> Tagger:
    """A tagger from a run, an ensemble of runs, or an export (the newest version, or one version's folder).

    Args:
      model: the folder, or the name of a published model that is here.
      precision: policy of a run's network: auto, float32, mixed_float16 or mixed_bfloat16; an export has its own.
      verbosity: above 0 shows TensorFlow's own log.
      calibrated: scores as probabilities, by the folder's calibration.json; an export that was written calibrated
        is so always.
      xla, tf32: see computing.Computing.

    Raises:
      KerastagError: there is no model, or no calibration.
    """
    return open_source(model_source.find(model, calibrated), Computing(precision, xla, tf32), verbosity)


def open_source(source: model_source.ModelSource, computing: Computing = AUTOMATIC, verbosity: int = 0) -> Tagger:
    """A tagger with the networks of a model; starts TensorFlow.

    Raises:
      KerastagError: a run has no network yet.
    """
    runtime.start(verbosity)
    computing.start()
    return of_model(source.model, computing) if source.model is not None else _of_export(source, computing)


def of_model(model: Model, computing: Computing = AUTOMATIC) -> Tagger:
    """A tagger with the networks of a model; TensorFlow must have been started.

    Raises:
      KerastagError: a run has no network yet.
    """
    members = loading.of_networks(model.networks(computing.precision))
    return Tagger(members, model.vocabulary, model.combination, computing, lambda: deciding.of_model(model))


def _of_export(source: model_source.ModelSource, computing: Computing) -> Tagger:
    import tensorflow as tf

    facts, vocabulary = source.facts, source.vocabulary
    assert facts is not None  # it is no run
    runtime.check_loadable(source.folder)
    members = loading.of_export(tf.saved_model.load(str(source.folder)), facts)
    path = source.assets.calibration_path
    fitted = calibration.Calibration.read(path, vocabulary.names) if facts.calibrated else None
    combination = Combination(facts.method, facts.weights, fitted)
    return Tagger(members, vocabulary, combination, computing, lambda: source.decider)
