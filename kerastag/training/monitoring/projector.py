"""Where validation tracks lie in the network's last hidden layer, for TensorBoard's projector."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag import files, tags, tsv
from kerastag.data import pipeline, splits
from kerastag.inference import scoring
from kerastag.models import embedding, folding
from kerastag.runs import run_folder
from kerastag.training.monitoring import callback

MAX_TRACKS = 5000  # more the projector's page does not bear
_TENSORS, _METADATA = "embeddings.tsv", "embeddings_labels.tsv"
_CONFIG = f"""embeddings {{
  tensor_name: "validation tracks"
  tensor_path: "{_TENSORS}"
  metadata_path: "{_METADATA}"
}}
"""


@dataclasses.dataclass
class Projector(callback.Panel):
    """The best model's embeddings, mean over a track's chunks, with tags and names.

    Attributes:
      folder: folder of the run.
      tracks: tracks of the validation split; listed: the same as the split file has them.
      chunk: what the model takes.
      num_chunks, batch_size: as in validation.
    """

    folder: run_folder.RunFolder
    tracks: pipeline.Tracks
    listed: Sequence[splits.Track]
    chunk: pipeline.ChunkFormat
    num_chunks: int
    batch_size: int

    def finish(self) -> None:
        embed = embedding.model_of(folding.load(self.folder.trained_model_path()))
        if embed is None:
            return
        size = min(len(self.tracks), MAX_TRACKS)
        some = self.tracks.first(size)
        scorer = scoring.Scorer(lambda waveform: embed(waveform, training=False), embed.output_shape[-1])
        batches = pipeline.evaluation_batches(some, self.chunk, self.num_chunks, self.batch_size)
        vectors, counts = scorer.score_tracks(batches, size)
        read = [int(row) for row in np.flatnonzero(counts)]
        lines = tsv.text([f"{value:.5g}" for value in vectors[row]] for row in read)
        files.write_text(self.folder.events_path / _TENSORS, lines)
        labels = [_label(self.listed[row]) for row in read]
        tsv.write(self.folder.events_path / _METADATA, ("tags", "first tag", "track"), labels)
        files.write_text(self.folder.events_path / "projector_config.pbtxt", _CONFIG)


def _label(track: splits.Track) -> tuple[str, str, str]:
    names = list(map(tags.short_name, track.tags)) or ["-"]
    return ", ".join(names), names[0], track.path
