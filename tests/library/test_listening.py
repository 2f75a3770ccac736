"""A collection is heard once: by whatever name, after whatever interruption, until a file changes."""

import os
import shutil
import stat

import numpy as np
import pytest

import kerastag
from kerastag import errors
from kerastag.computing import Computing
from kerastag.data.reading import Reading
from kerastag.inference import model_source, opening
from kerastag.library import identity, listening, results

READING = Reading(num_chunks=2)


@pytest.fixture
def library(music, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    return folder


@pytest.fixture
def listener(run, tmp_path):
    """A function to a new listener on the same results."""
    source = model_source.find(run)

    def make(**options):
        settings = listening.settings(READING, "float32", False)
        kept = results.Results(tmp_path / "results.sqlite", source.fingerprint, settings)
        return listening.Listener(source, READING, Computing("float32"), kept, **options)

    return make


@pytest.fixture
def deaf(monkeypatch):
    """A function after which no network can be loaded."""

    def call():
        def fail(*arguments):
            raise AssertionError("the network was loaded")

        monkeypatch.setattr(opening, "open_source", fail)

    return call


def test_scores_and_embeddings_are_those_of_each_file_alone(listener, library, run):
    paths = sorted(library.iterdir())
    heard = listener().hear(paths, embeddings=True)
    alone = kerastag.load(run, precision="float32")
    scores = [list(alone.score(path, num_chunks=2).values()) for path in paths]
    np.testing.assert_allclose(heard.scores, scores, atol=1e-6)
    embeddings = [alone.embed(path, num_chunks=2) for path in paths]
    np.testing.assert_allclose(heard.embeddings, embeddings, atol=1e-5)
    assert heard.files == tuple(paths) and heard.new == set(paths) and not heard.failures


def test_a_second_look_loads_no_network_and_is_equal_to_the_bit(listener, library, deaf):
    paths = sorted(library.iterdir())
    first = listener().hear(paths)
    deaf()
    os.rename(paths[0], library / "renamed.wav")
    os.link(paths[1], library / "linked.wav")
    again = [library / "renamed.wav", *paths[1:], library / "linked.wav"]
    second = listener().hear(again, embeddings=True)  # which a network in Keras gives beside scores
    np.testing.assert_array_equal(second.scores, np.vstack([first.scores, first.scores[1:2]]))
    assert second.files == tuple(again) and not second.new and second.embeddings.shape[0] == len(again)


def test_a_changed_file_alone_is_heard_again(listener, library):
    paths = sorted(library.iterdir())
    first = listener().hear(paths)
    shutil.copyfile(paths[1], paths[0])
    second = listener().hear(paths)
    assert second.new == {paths[0]}
    np.testing.assert_allclose(second.scores[0], first.scores[1], atol=1e-6)
    np.testing.assert_array_equal(second.scores[1:], first.scores[1:])


def test_copies_are_known_by_their_content(listener, library, deaf):
    paths = sorted(library.iterdir())
    first = listener(by_content=True).hear(paths)
    deaf()
    copies = [shutil.copy(path, library / f"copy of {path.name}") for path in paths]
    os.utime(paths[0])
    np.testing.assert_array_equal(
        listener(by_content=True).hear([*paths, *copies]).scores, np.tile(first.scores, (2, 1))
    )


def test_an_interruption_costs_a_portion(listener, library, monkeypatch):
    monkeypatch.setattr(listening, "FIRST_PORTION", 3)
    monkeypatch.setattr(listening, "LARGEST_PORTION", 3)
    paths = sorted(library.iterdir())
    done = []

    def interrupt(count):
        done.append(count)
        if sum(done) > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listener().hear(paths, interrupt)
    heard = listener().hear(paths)
    assert heard.new == set(paths[3:]) and len(heard.files) == 8


def test_files_are_counted_once_each(listener, library):
    paths = sorted(library.iterdir())
    (library / "0.wav").write_bytes(b"not audio")
    for _ in range(2):
        counted = []
        listener().hear([*paths, library / "gone.wav"], counted.append)
        assert sum(counted) == 9


def test_a_failure_is_kept_with_its_reason_until_the_file_or_the_decoders_change(
    listener, library, music, deaf, monkeypatch
):
    paths = sorted(library.iterdir())[:2]
    paths[0].write_bytes(b"not audio")
    first = listener().hear(paths)
    assert list(first.failures) == [paths[0]] and first.files == (paths[1],)
    assert first.failures[paths[0]].startswith(f"{paths[0]}: ") and "audio" in first.failures[paths[0]]
    moved = paths[0].rename(library / "moved.wav")
    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_source", None)
        second = listener().hear([moved, paths[1]])
    assert second.failures == {moved: first.failures[paths[0]].replace(str(paths[0]), str(moved))}
    with monkeypatch.context() as patch:
        patch.setattr(listening, "readers", lambda: "another decoder 1.0")
        assert listener().hear([moved]).new == {moved}
    shutil.copyfile(music / "test" / "3.wav", moved)
    assert listener().hear([moved]).files == (moved,)


@pytest.mark.parametrize("mishap", [RuntimeError("boom"), MemoryError(), SystemExit(3)])
def test_a_mishap_is_no_fault_of_the_file(listener, library, monkeypatch, mishap):
    from kerastag import audio

    def fail(*arguments):
        raise mishap

    path = library / "0.wav"
    with monkeypatch.context() as patch:
        patch.setattr(audio, "read_chunks", fail)
        assert list(listener().hear([path]).failures) == [path]
    assert listener().hear([path]).files == (path,)


def test_what_was_heard_of_a_file_that_changed_meanwhile_is_not_kept(listener, library, monkeypatch):
    path, other = library / "0.wav", library / "1.wav"
    kept = {}
    monkeypatch.setattr(results.Results, "keep", lambda self, heard: kept.update(heard))

    def change(count):
        if count:
            shutil.copyfile(library / "2.wav", path)

    before = {place: identity.of_file(place) for place in (path, other)}
    assert listener().hear([path, other], change).new == {path, other}
    assert set(kept) == {before[other]}


def test_a_full_disk_costs_what_is_kept_and_nothing_else(listener, library, monkeypatch):
    def full(self, heard):
        raise errors.KerastagError("results.sqlite: results cannot be kept here (database or disk is full)", "results")

    monkeypatch.setattr(results.Results, "keep", full)
    heard = listener().hear(sorted(library.iterdir()))
    assert len(heard.files) == 8 and "disk is full" in heard.not_kept


def test_a_fingerprint_is_the_contents_not_the_place(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    before = model_source.find(run).fingerprint
    assert model_source.find(tmp_path / "copy").fingerprint == before
    model = tmp_path / "copy" / "model.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    os.chmod(model, stat.S_IRUSR | stat.S_IWUSR)
    model.write_bytes(content)
    assert model_source.find(tmp_path / "copy").fingerprint != before
