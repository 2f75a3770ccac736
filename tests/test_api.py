"""The Python API as a user finds it: what the package shows of itself."""

import kerastag


def test_the_package_shows_its_api_and_nothing_else():
    assert dir(kerastag) == ["__version__", "load", "losses", "models"]
    assert all(hasattr(kerastag, name) for name in dir(kerastag))


def test_its_help_has_a_line_to_paste_for_each_door():
    for line in ("kerastag.load(", ".score(", "kerastag.losses.get(", "kerastag.models.short_chunk_resnet("):
        assert line in kerastag.__doc__
