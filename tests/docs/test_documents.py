"""README and docs/: short where they must be, and true where a machine can tell."""

import importlib
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = ("train", "evaluate", "ensemble", "report", "tag", "prepare", "export")


def code(page):
    """The text of code blocks and code spans, lines that go on in the next one joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


def uses(page):
    """Module and flags of every command that a page names."""
    for line in code(page).splitlines():
        match = re.search(r"python -m ((?:kerastag|tools)(?:\.\w+)+)|\bkerastag (" + "|".join(COMMANDS) + r")\b", line)
        if match:
            module = match.group(1) or f"kerastag.{match.group(2)}"
            rest = line[match.end() :].partition("#")[0].partition("|")[0]
            yield module, re.findall(r"--(?:no)?([a-z_]+)\b", rest)


def test_the_readme_is_short_and_has_three_doors():
    text = README.read_text(encoding="utf-8")
    assert len(text.encode()) < 8_000
    for door in ("## Tag your music", "## Train and measure", "## Serve"):
        assert door in text
    for command in ("tools/quickstart", "tools/test"):
        assert command in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_flags_are_there(page):
    for module, flags in uses(page):
        command = importlib.import_module(module).COMMAND
        for flag in flags:
            assert flag in command.flag_values or flag in ("preset", "flagfile", "help"), (module, flag)


def test_commands_are_found_at_all():
    found = {module for page in PAGES for module, _ in uses(page)}
    assert {f"kerastag.{name}" for name in COMMANDS} <= found and any(name.startswith("tools.") for name in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_layers_in_design_are_those_of_the_contract():
    import configparser

    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    layers = config["importlinter:contract:rooms"]["layers"].split("\n")
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert "\n".join(layer.strip() for layer in layers if layer.strip() != "__main__").strip() in design


def test_the_pages_are_built_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    losses = (tmp_path / "site" / "api" / "losses" / "index.html").read_text(encoding="utf-8")
    assert "class_counts" in losses
