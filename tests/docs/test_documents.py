"""README and docs/: short where they must be, and true where a machine can tell."""

import configparser
import importlib
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "saved_models" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "flags").glob("*.flags")),
]
COMMANDS = (
    *("train", "evaluate", "ensemble", "report", "tag", "write", "playlist", "similar", "map"),
    *("pretrained", "download", "prepare", "export"),
)
TOOLS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "tools").rglob("*.py")
    if re.search(r"^COMMAND\b", path.read_text(encoding="utf-8"), re.MULTILINE)
)
OF_ANY_COMMAND = {"preset", "flagfile", "help"}
# TensorBoard's, http.server's, a server's, Slurm's, pip-audit's and cyclonedx-py's
OF_OTHERS = {
    *("logdir", "bind", "directory", "rest_api_enable_cors_support", "array"),
    *("no", "disable", "output"),  # as flags_in reads --no-deps, --disable-pip and --output-file
}
OLD_NAMES = re.compile(
    r"(?<!tests/)\btools/(?!quickstart\b|test\b|freeze\b|check_wheel\b|constraints\b)\w+|tools\.(?:benchmark|measure)_\w+"
)


def pages(*kinds):
    chosen = [page for page in PAGES if page.suffix in kinds]
    return pytest.mark.parametrize("page", chosen, ids=lambda page: str(page.relative_to(ROOT)))


def code(page):
    """The lines of code blocks and code spans; of a file of flags its comments."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".flags":
        return re.findall(r"^# (.*)", text, re.MULTILINE)
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [*"\n".join(blocks).splitlines(), *(span.replace("\n", " ") for span in spans)]


def flags_in(text):
    return re.findall(r"(?<![\w-])--(\w+)", text)


def uses(lines):
    """Module and flags of every command that the lines name."""
    command = r"python -m ((?:kerastag|tools)(?:\.\w+)+)|(?:\bkerastag |^)(" + "|".join(COMMANDS) + r")(?= |$)"
    for line in lines:
        told = re.split(r"\s#\s", line)[0]
        found = list(re.finditer(command, told))
        ends = [*(match.start() for match in found[1:]), len(told)]
        for match, end in zip(found, ends, strict=False):
            rest = re.split(r"[,)](?:\s|$)", told[match.end() : end])[0]  # a sentence goes on behind it
            yield match.group(1) or f"kerastag.{match.group(2)}", flags_in(rest)


def flags_of(module):
    return set(importlib.import_module(module).COMMAND.flag_values) | OF_ANY_COMMAND


def takes(known, flag):
    return flag in known or flag.removeprefix("no") in known


def test_the_readme_is_short_and_has_three_doors():
    text = README.read_text(encoding="utf-8")
    assert len(text.encode()) < 8_000
    for door in ("## Tag your music", "## Train and measure", "## Serve"):
        assert door in text
    for command in ("tools/quickstart", "tools/test"):
        assert command in text and (ROOT / command).is_file()


def test_uses_are_found_where_they_stand():
    lines = [
        "python -m kerastag.tag A --top=3  # not --this",
        "kerastag train --noresume | python -m tools.serving.query",
        "evaluate --precision=float32",
    ]
    assert list(uses(lines)) == [
        ("kerastag.tag", ["top"]),
        ("kerastag.train", ["noresume"]),
        ("tools.serving.query", []),
        ("kerastag.evaluate", ["precision"]),
    ]
    assert takes(flags_of("kerastag.train"), "noresume") and not takes(flags_of("kerastag.tag"), "epochs")


@pages(".md", ".flags")
def test_commands_and_flags_are_there(page):
    for module, flags in uses(code(page)):
        known = flags_of(module)
        assert [flag for flag in flags if not takes(known, flag)] == [], module


@pages(".md", ".flags")
def test_a_flag_that_stands_alone_is_that_of_some_command(page):
    known = OF_OTHERS.union(*(flags_of(module) for module in (*(f"kerastag.{name}" for name in COMMANDS), *TOOLS)))
    assert [flag for line in code(page) for flag in flags_in(line) if not takes(known, flag)] == []


def test_every_command_and_tool_is_named():
    found = {module for page in PAGES for module, _ in uses(code(page))}
    assert len(TOOLS) > 10
    assert {*(f"kerastag.{name}" for name in COMMANDS), *TOOLS} - found == set()


@pages(".md", ".flags")
def test_old_names_of_tools_are_gone(page):
    assert OLD_NAMES.findall(page.read_text(encoding="utf-8")) == []


@pages(".md")
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("contract", ["rooms", "serving", "training", "catalogue"])
def test_the_layers_in_design_are_those_of_the_contract(contract):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    layers = [layer.strip() for layer in config[f"importlinter:contract:{contract}"]["layers"].strip().splitlines()]
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    if contract == "rooms":
        assert f"```\n{chr(10).join(layers)}\n\n" in design
    else:
        assert f"{contract}: {' -> '.join(layers)} " in re.sub(r"\s+", " ", design)


def test_the_pages_are_built_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    # not --quiet: under it warnings do not count
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    losses = (tmp_path / "site" / "api" / "losses" / "index.html").read_text(encoding="utf-8")
    assert "class_counts" in losses
