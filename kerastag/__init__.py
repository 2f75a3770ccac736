"""kerastag: trains, measures, runs and serves music taggers in TensorFlow and Keras."""

from kerastag import losses, models
from kerastag.inference.tagger import load
from kerastag.version import __version__

__all__ = ["__version__", "load", "losses", "models"]
