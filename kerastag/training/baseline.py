"""The popularity baseline as a run, which evaluate, tag and export use like any other."""

import numpy as np

from kerastag import files, models
from kerastag.data import dataset
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import record as run_record
from kerastag.runs import run_folder


def write(folder: run_folder.RunFolder, data: dataset.Dataset, record: run_record.RunRecord) -> None:
    """Writes the baseline of a dataset: model, record, and its scores of the validation split."""
    folder.begin(record, data.vocabulary)
    frequencies = data.class_counts / data.num_training_tracks
    with files.whole_file(folder.model_path) as temporary:
        models.popular(frequencies.tolist()).save(temporary)
    labels = data.validation.split.labels(data.vocabulary)
    scores = np.tile(frequencies.astype(np.float32), (len(labels), 1))
    tracks = [track.identity for track in data.validation.split.tracks]
    folder.write_scores("validation", SplitScores(scores, labels, data.vocabulary, tracks))
