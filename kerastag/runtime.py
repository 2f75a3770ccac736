"""Starts TensorFlow and Keras: on the right backend, without TensorFlow's start-up chatter."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from kerastag import errors


def start(verbosity: int = 0) -> None:
    """Imports TensorFlow and Keras once, quietly unless `verbosity` is above 0; GPU memory grows on demand.

    Raises:
      KerastagError: Keras is configured for another backend than TensorFlow, or TensorFlow does not load.
    """
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        _check_backend()
        return
    if verbosity <= 0:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _quiet_stderr(enabled=verbosity <= 0):
        _import_tensorflow()
    _check_backend()


def _import_tensorflow() -> None:
    try:
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        import keras  # noqa: F401  the import itself is the work: it reads the configured backend
    except ImportError as error:
        raise errors.KerastagError(f"TensorFlow or Keras does not load: {error}") from error
    if tf.get_logger().level < 30:
        tf.get_logger().setLevel("ERROR")


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise errors.KerastagError(
            f"Keras is configured for the backend '{keras.backend.backend()}'; kerastag needs KERAS_BACKEND=tensorflow"
        )


@contextlib.contextmanager
def _quiet_stderr(enabled: bool) -> Iterator[None]:
    """Points file descriptor 2 at a file: TensorFlow's C++ start-up lines ignore its log level.

    What was written is shown if the body fails, since it then says why.
    """
    if not enabled:
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            if failed:
                captured.seek(0)
                sys.stderr.write(captured.read().decode(errors="replace"))
