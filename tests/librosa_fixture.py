"""librosa, loaded where that takes a second."""

import concurrent.futures

import pytest


@pytest.fixture(scope="session")
def librosa_loaded() -> None:
    """All of librosa that tests use is imported, which it would else do at its first use.

    Its loader looks up the source of every calling frame among all modules, which from within pytest takes seconds; a
    thread of its own has two frames. In a new environment numba compiles for 20 s once.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as alone:
        alone.submit(_load).result()


def _load() -> None:
    import librosa

    for part, name in (("core", "load"), ("core", "pcen"), ("feature", "melspectrogram"), ("filters", "mel")):
        getattr(getattr(librosa, part), name)
