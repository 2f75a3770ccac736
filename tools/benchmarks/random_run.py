"""A run whose network has random weights, on which the speed of a network does not depend."""

import pathlib

from kerastag import tags
from kerastag.runs import record, run_folder


def write(folder: pathlib.Path, num_channels: int, num_tags: int = 56) -> pathlib.Path:
    """Writes the paper's network in float32 with its tags, as a run; returns the folder."""
    from kerastag import models, runtime

    runtime.start()
    run = run_folder.RunFolder(folder)
    folder.mkdir(parents=True)
    tags.Vocabulary([f"mood/theme---mood{number}" for number in range(num_tags)]).write(run.tags_path)
    record.RunRecord(flags={}).write(run.record_path)
    models.short_chunk_resnet(num_tags, num_channels, precision="float32").save(run.model_path)
    return folder
