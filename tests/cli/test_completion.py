"""What shells offer: the commands, flags and choices that there are, without Python when a key is pressed."""

import importlib
import shutil
import subprocess
import sys

import pytest
from absl import flags

from kerastag import cli, losses, version
from kerastag.cli import completion, presets

ASK = """
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kerastag 2>/dev/null; printf '%s|' "${COMPREPLY[@]}"; echo; }
"""


def script(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


def flags_of(name):
    return importlib.import_module(f"kerastag.{name}").COMMAND.flag_values


@pytest.fixture
def offered(capsys):
    """What bash offers for the words of a line, the last of which is being typed."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    text = script("bash", capsys)

    def ask(*lines):
        asked = "\n".join("ask " + " ".join(f"'{word}'" for word in line) for line in lines)
        done = subprocess.run([bash, "-c", f"{text}{ASK}{asked}"], capture_output=True, text=True, check=True)
        return [line.rstrip("|").split("|") for line in done.stdout.splitlines()]

    return ask


def test_bash_offers_commands_flags_and_choices(offered):
    commands, few, choices, chosen, apart, both = offered(
        ["kerastag", ""],
        ["kerastag", "tr"],
        ["kerastag", "train", "--loss", "="],  # as bash cuts --loss= at its "="
        ["kerastag", "train", "--loss", "=", "cb_"],
        ["kerastag", "train", "--loss", "cb_f"],
        ["kerastag", "train", "--loss=cb_f"],  # where COMP_WORDBREAKS is without "="
    )
    assert set(commands) == {*cli.COMMANDS, "completion", "help", "--help", "--version"}
    assert few == ["train"]
    assert choices == list(losses.NAMES)
    assert chosen == ["cb_focal", "cb_bce"] and apart == ["cb_focal"] and both == ["--loss=cb_focal"]


def test_bash_offers_every_flag_of_every_command(offered):
    answers = offered(*(["kerastag", name, "--"] for name in cli.COMMANDS))
    for name, words in zip(cli.COMMANDS, answers, strict=True):
        wanted = {"--preset=", "--flagfile=", "--help"}
        for flag in flags_of(name):
            wanted |= {f"--{flag}", f"--no{flag}"} if flags_of(name)[flag].boolean else {f"--{flag}="}
        assert set(words) == wanted, name


def test_bash_offers_presets_commands_to_help_shells_and_nothing_else(offered):
    assert offered(
        ["kerastag", "train", "--preset", "=", "paper_m"],
        ["kerastag", "help", "exp"],
        ["kerastag", "completion", ""],
        ["kerastag", "train", "--data_dir", "=", "x"],
        ["kerastag", "nothing", "--"],
    ) == [
        [name for name in presets.names() if name.startswith("paper_m")] or [""],
        ["export"],
        list(completion.SHELLS),
        [""],  # readline's own names of files
        [""],
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_the_shells_own(shell, capsys, tmp_path):
    text = script(shell, capsys)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(text)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_fish_offers_flags_and_choices(capsys, tmp_path):
    text = script("fish", capsys)
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    asked = 'complete -C"kerastag train --loss="; complete -C"kerastag tag --taggr"; complete -C"kerastag nothing --l"'
    (tmp_path / "script").write_text(f"{text}{asked}")
    done = subprocess.run(["fish", tmp_path / "script"], capture_output=True, text=True, check=True)
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert sorted(words) == sorted([*(f"--loss={name}" for name in losses.NAMES), "--taggrams"])


def test_texts_cannot_leave_their_quotes():
    values = flags.FlagValues()
    flags.DEFINE_string("odd", None, 'It\'s [a]: $(touch x) `y` \\ "z". Second sentence.', flag_values=values)
    for shell in completion.SHELLS:
        text = completion.script(shell, {"toy": "it's `toy` $(x)"}, {"toy": values})
        if shutil.which(shell):
            subprocess.run([shell, "-n", "/dev/stdin"], input=text, text=True, check=True)
        assert "Second" not in text
    assert completion.offered(values)[0].help == 'It\'s [a]: $(touch x) `y` \\ "z"'


def test_another_shell_is_a_usage_error(capsys):
    for arguments in (["tcsh"], [], ["bash", "zsh"]):
        assert cli.main(["completion", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.endswith("there is one for bash, zsh, fish\n")


def test_making_the_script_loads_no_tensorflow():
    command = [sys.executable, "-X", "importtime", "-m", "kerastag", "completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "kerastag.data.preparing" in imported and not imported & {"tensorflow", "keras", "librosa", "sklearn"}


def test_help_of_a_command_by_its_name_and_the_version(capsys):
    assert cli.main(["help", "report"]) == 0
    told = capsys.readouterr().out
    assert cli.main(["report", "--help"]) == 0
    assert capsys.readouterr().out == told and told.startswith("usage: kerastag report")
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"kerastag {version.__version__}\n"
    assert cli.main(["help", "reprot"]) == 2
    assert "no command 'reprot'" in capsys.readouterr().err
