"""The catalogue: entries that can be fetched, checked and named."""

import pathlib
import re

import pytest

from kerastag import errors, tags
from kerastag.published import catalogue, tag_lists

TAGS_FILE = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mediaeval2020" / "moodtheme_tags.txt"


@pytest.mark.parametrize("entry", catalogue.ENTRIES.values(), ids=catalogue.ENTRIES)
def test_an_entry_is_complete(entry):
    assert len(tags.Vocabulary(entry.tag_names)) == (56 if entry.tag_names == tag_lists.MOOD_THEME else 50)
    assert re.fullmatch(r"[a-z_]+", entry.name) and entry.title and entry.trained_on
    assert bool(entry.pr_auc) == bool(entry.roc_auc) == bool(entry.measured_on)
    if isinstance(entry.source, catalogue.GitHubFile):
        assert re.fullmatch("sha256:[0-9a-f]{64}|git:[0-9a-f]{40}", entry.source.digest)
    if isinstance(entry.source, catalogue.Wheel):
        assert re.fullmatch("[0-9a-f]{64}", entry.source.sha256)


def test_an_ensemble_is_the_mean_of_entries_with_its_tags():
    ensembles = [entry for entry in catalogue.ENTRIES.values() if isinstance(entry.source, catalogue.Members)]
    assert [entry.name for entry in ensembles] == ["usc_ensemble"]
    members = [catalogue.ENTRIES[name] for entry in ensembles for name in entry.source.names]
    assert len(members) == 4 and {member.tag_names for member in members} == {ensembles[0].tag_names}
    assert sum(member.source.num_bytes for member in members) == ensembles[0].source.num_bytes


def test_no_two_entries_have_the_same_weights():
    digests = [
        entry.source.digest for entry in catalogue.ENTRIES.values() if isinstance(entry.source, catalogue.GitHubFile)
    ]
    assert len(set(digests)) == len(digests) == 6
    checkpoints = [
        entry.source.checkpoint for entry in catalogue.ENTRIES.values() if isinstance(entry.source, catalogue.Wheel)
    ]
    assert len(set(checkpoints)) == len(checkpoints) == 4


def test_the_moods_and_themes_are_those_of_the_task():
    assert len(tag_lists.MOOD_THEME) == 56 and list(tag_lists.MOOD_THEME) == sorted(tag_lists.MOOD_THEME)
    if not TAGS_FILE.is_file():
        pytest.skip("the task's list is not here")
    assert tags.Vocabulary.read(TAGS_FILE).names == tag_lists.MOOD_THEME


def test_sizes_for_people():
    assert [catalogue.size_text(size) for size in (1_803_131, 29_292_476, 192_000_000)] == ["1.8 MB", "29 MB", "192 MB"]


def test_a_name_that_is_none():
    with pytest.raises(errors.KerastagError, match="musicnn_mds: no such published model; did you mean musicnn_msd?"):
        catalogue.find("musicnn_mds")
    with pytest.raises(errors.KerastagError, match="kerastag pretrained lists them"):
        catalogue.find("x")
