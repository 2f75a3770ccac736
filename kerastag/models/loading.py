"""A saved model back from its file, in any precision."""

import os

import keras

from kerastag import errors
from kerastag.models import layers, popularity, resnet, vgg

_KNOWN = (layers, popularity, resnet, vgg)  # importing them registers their classes with Keras


def load(path: str | os.PathLike[str], precision: str | None = None) -> keras.Model:
    """Reads a .keras file.

    Args:
      path: that training wrote.
      precision: the policy to compute in; None: the one it was trained in. Weights are float32 in all.

    Raises:
      KerastagError: the file cannot be read as a model of this package.
    """
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise errors.KerastagError(f"{path}: not a model of kerastag ({str(error).splitlines()[0]})") from error
    if precision is None or precision == model.precision:
        return model
    other = model.__class__.from_config({**model.get_config(), "precision": precision})
    other.set_weights(model.get_weights())
    return other
