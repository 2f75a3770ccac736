"""A real export behind the server: the same scores as the Python door gives for a file."""

import pytest

import kerastag
from kerastag import audio
from kerastag.serving.client import client


@pytest.fixture(params=["rest", "grpc"])
def one(request, served_export):
    """A client of the export, in both ways."""
    if request.param == "grpc":
        request.getfixturevalue("needs_grpc")
    server = served_export[1]
    with getattr(client, request.param)(getattr(server, request.param), "model") as one:
        yield one


@pytest.fixture(scope="module")
def expected(served_export, music):
    """A file and its scores by the Python door."""
    path = music / "test" / "2.wav"
    return path, kerastag.load(served_export[0]).score(path, num_chunks=4)


def test_the_default_signature_gives_the_scores_of_the_python_door(one, expected):
    path, scores = expected
    served = one.predict("serving_default", {"waveform": audio.read(path)[None]})["scores"][0]
    assert served.tolist() == pytest.approx(list(scores.values()), abs=1e-5)


def test_a_file_has_the_scores_of_the_python_door(one, expected):
    path, scores = expected
    assert one.score(path) == pytest.approx(scores, abs=1e-5)
    best = sorted(scores, key=lambda name: -scores[name])[:2]
    assert [name for name, _ in one.top_tags(path, 2)] == best
