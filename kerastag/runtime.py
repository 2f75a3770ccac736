"""Starts TensorFlow and Keras: on the right backend, without TensorFlow's start-up chatter."""

import atexit
import contextlib
import gc
import json
import os
import pathlib
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata

from kerastag import errors, files, names


def start(verbosity: int = 0) -> None:
    """Imports TensorFlow and Keras once, quietly unless `verbosity` is above 0; GPU memory grows on demand.

    Raises:
      KerastagError: Keras is configured for another backend than TensorFlow, or TensorFlow does not load.
    """
    _check_backend()
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        return
    if verbosity <= 0:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _keep_compiled()
    with _quiet_stderr(enabled=verbosity <= 0):
        _import_tensorflow()


def _import_tensorflow() -> None:
    try:
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        import keras  # noqa: F401  the import itself is the work: it takes 3 s and may fail
    except ImportError as error:
        raise errors.KerastagError(f"TensorFlow or Keras does not load: {error}") from error
    tf.get_logger().setLevel("ERROR")
    gc.freeze()  # TensorFlow's objects stay; looking for cycles among them takes a tenth of a short training
    atexit.register(gc.freeze)  # a process that ends need not look for cycles, which takes 0.6 s


def _keep_compiled() -> None:
    """Lets XLA keep what it compiles, in the user's cache folder, for this machine and this TensorFlow.

    What is kept is code for the GPU and the processor it was compiled on; other machines may share the home folder.
    """
    if "tf_xla_persistent_cache_directory" in os.environ.get("TF_XLA_FLAGS", ""):
        return
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:  # a build under another name
        return
    folder = files.user_cache() / "xla" / f"{platform.node()}-{version}"
    kept = f"--tf_xla_persistent_cache_directory={folder} --tf_xla_persistent_cache_read_only=false"
    os.environ["TF_XLA_FLAGS"] = f"{os.environ.get('TF_XLA_FLAGS', '')} {kept}".strip()


def _check_backend() -> None:
    """Looks where Keras looks; importing it for another backend may fail before it could be asked."""
    backend = os.environ.get("KERAS_BACKEND") or _configured_backend()
    if backend not in (None, "tensorflow"):
        raise errors.KerastagError(
            f"Keras is configured for the backend '{backend}'; kerastag needs KERAS_BACKEND=tensorflow"
        )


def _configured_backend() -> str | None:
    home = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    try:
        return json.loads((home / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


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


def check_loadable(folder: str | os.PathLike[str]) -> None:
    """Checks that TensorFlow can load a SavedModel from a folder: it takes some names for patterns, and finds no file.

    Raises:
      KerastagError: `[` or a backslash is in the path, or what is no UTF-8.
    """
    path = os.path.abspath(folder)
    for mark in filter(path.__contains__, "[\\"):
        raise errors.KerastagError(f"{folder}: TensorFlow finds no SavedModel where {mark!r} is in the path")
    if not names.is_utf8(path):
        raise errors.KerastagError(f"{folder}: TensorFlow finds no SavedModel where the path is no UTF-8")
