"""What a release says of itself in several places is the same everywhere."""

import configparser
import pathlib
import re
import subprocess
import sys

import pytest

from kerastag import version
from kerastag.published import catalogue

ROOT = pathlib.Path(__file__).parents[2]
CONSTRAINTS = sorted((ROOT / "tools" / "constraints").glob("*.txt"))


def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def test_the_version_is_in_the_changelog_and_in_the_citation():
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version.__version__ in sections[:2] and sections[0] in (version.__version__, "Unreleased")
    assert f"\nversion: {version.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version.__version__)


def test_the_citation_is_valid():
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    done = subprocess.run([*command, ROOT / "CITATION.cff"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_versions_of_python_are_the_same_everywhere():
    config = setup()
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", config["options"]["python_requires"]).groups()
    told = re.findall(r"Python :: 3\.(\d+)", config["metadata"]["classifiers"])
    assert told == [str(minor) for minor in range(int(lowest), int(above))]
    assert f'target-version = "py3{lowest}"' in (ROOT / "ruff.toml").read_text(encoding="utf-8")
    for page in ("README.md", "docs/index.md"):
        assert f"Python 3.{told[0]} to 3.{told[-1]}" in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.name)
def test_constraints_pin_what_is_required_and_name_no_file(path):
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert re.match(r"# Made by tools/freeze under Python 3\.1[1-3]\.", first)
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert all(re.fullmatch(r"[\w.]+", pin) for pin in pins.values())
    named = {name.lower().replace("_", "-") for name in pins}
    config = setup()
    required = [
        *config["options"]["install_requires"].split("\n"),
        *config["options.extras_require"]["dev"].split("\n"),
    ]
    assert {re.split(r"[<>=!~]", line)[0].lower() for line in required if line} <= named


@pytest.mark.parametrize("name", sorted(catalogue.ENTRIES))
def test_the_licence_of_a_published_model_is_told(name):
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| ") and f"`{name}`" in line]
    assert row.split("|")[2].strip() == catalogue.ENTRIES[name].licence_text
