"""kerastag: trains, measures, runs and serves music auto-taggers in TensorFlow and Keras.

Score a file with a run, an ensemble of runs, or an exported model:

    tagger = kerastag.load("runs/cb_focal")
    scores = tagger.score("song.mp3")  # {"happy": 0.81, "film": 0.34, ...}
    tagger.decide(scores)  # ["happy", "film"]
    tagger.taggram(waveform, 44_100)  # starts in seconds, scores of single chunks

Use a loss in any Keras model that gives logits:

    model.compile("adam", loss=kerastag.losses.get("focal"))

Build the network of the paper, from waveform to logits:

    network = kerastag.models.short_chunk_resnet(num_tags=56)

The commands are `kerastag train`, `evaluate`, `ensemble`, `report`, `tag`, `write`, `playlist`, `similar`, `map`,
`pretrained`, `prepare` and `export`.
"""

from kerastag import losses, models
from kerastag.inference.opening import load
from kerastag.version import __version__

__all__ = ["__version__", "load", "losses", "models"]


def __dir__() -> list[str]:
    return list(__all__)
