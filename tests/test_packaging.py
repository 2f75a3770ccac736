"""What is installed: every package of the tree, and the presets and the listening page inside it."""

import configparser
import pathlib
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent


def test_setup_names_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = set(config["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "kerastag").rglob("__init__.py")}
    plugin = "kerastag.library.beetsplug.kerastag"  # which beets looks for under its own name
    assert named == found - {plugin} | {"beetsplug.kerastag", "kerastag.presets"}


def test_a_wheel_carries_the_presets_and_the_page_and_nothing_but_the_package(tmp_path):
    pytest.importorskip("setuptools", reason="builds a wheel")
    import os
    import shutil
    import subprocess
    import sys

    for name in ("setup.cfg", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("kerastag", "flags"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", "wheel"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    presets = {f"kerastag/presets/{path.name}" for path in (ROOT / "flags").glob("*.flags")}
    assert presets and presets <= set(names)
    page = {f"kerastag/serving/page/{path.name}" for path in (ROOT / "kerastag" / "serving" / "page").iterdir()}
    assert len(page) > 10 and page <= set(names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"beetsplug", "kerastag"}
    assert {path.name for path in (ROOT / "kerastag" / "library" / "beetsplug" / "kerastag").glob("*.py")} == {
        name.rpartition("/")[2] for name in names if name.startswith("beetsplug/kerastag/")
    }
    assert "beetsplug/__init__.py" not in names  # it is beets'
    assert {f"kerastag/library/mapping/templates/map.{suffix}" for suffix in ("js", "css", "html.j2")} <= set(names)
