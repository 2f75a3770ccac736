"""Names of files that others gave: what is written leads back to the file, and does nothing on the way."""

import os
import random
import shutil
import subprocess

import markdown_it
import pytest

from kerastag import audio, errors, names


def test_names_that_can_be_seen_stay_as_they_are():
    for name in ("a.mp3", "Motörhead/Ace of Spades.mp3", "歌.flac", "a\\b.mp3", "x41.mp3", "日本\u3000語.ogg"):
        assert names.shown(name) == name == names.path_of(name)


def test_what_is_no_utf8_and_what_cannot_be_seen_by_hand():
    assert names.shown(os.fsdecode(b"na\xefve.mp3")) == r"na\xefve.mp3"
    assert names.shown("two\nlines\x1b[31m.mp3") == r"two\x0alines\x1b[31m.mp3"
    assert names.shown("ab\u202e3pm.exe") == r"ab\xe2\x80\xae3pm.exe"
    assert names.shown(r"literal\xef.mp3") == r"literal\\xef.mp3"


@pytest.mark.parametrize("seed", range(5))
def test_every_name_leads_back(seed):
    dice = random.Random(seed)
    alphabet = [b"a", b"\\", b"x", b"4", b"f", b"\n", b"\xef", b"\xc3\xa9", b"\xe2\x80\xae", b" ", b"\x7f", b"\xc2"]
    seen = {}
    for _ in range(5_000):
        name = os.fsdecode(b"".join(dice.choices(alphabet, k=dice.randint(1, 8))))
        text = names.shown(name)
        assert names.path_of(text) == name
        assert text.isprintable() or " " in text or "\u3000" in text
        text.encode("utf-8")
        assert seen.setdefault(text, name) == name


def test_text_for_a_terminal_stays_on_its_line():
    assert names.printable("a\x07\x9b31m\u2028\ud8ff\udcef b é") == r"a\x07\xc2\x9b31m\xe2\x80\xa8\xed\xa3\xbf\xef b é"


def test_a_line_has_a_space_where_it_would_break():
    assert names.line("  a\tb \r\n c\n\n") == "  a b c"
    assert names.line("x\x1b]0;t\x07\u202e\x85é") == r"x\x1b]0;t\x07\xe2\x80\xae\xc2\x85é"


@pytest.mark.parametrize("kind", [errors.KerastagError, errors.UsageError, audio.AudioError])
def test_what_an_error_quotes_stays_on_its_line(kind):
    error = kind("a.tsv:3: unknown tag 'x\x1b[2J\ny\ud800'")
    assert str(error) == r"a.tsv:3: unknown tag 'x\x1b[2J y\xed\xa0\x80'"


def test_cells_are_no_formulas():
    assert names.cell("=cmd|' /C calc'!A0") == "'=cmd|' /C calc'!A0"
    assert [names.cell(text) for text in ("+1", "-1", "@SUM", "happy", "", "a=b")] == [
        "'+1",
        "'-1",
        "'@SUM",
        "happy",
        "",
        "a=b",
    ]
    assert names.cell("＝1") == "'＝1" and names.cell("\t=1") == "'\t=1"
    assert names.path_cell("=1.mp3") == "./=1.mp3" and names.path_cell("a/=1.mp3") == "a/=1.mp3"


ODD = (
    "it's",
    "$(touch x)",
    "`x`",
    "a b",
    "\x1b[2J\n",
    "\\'\x07",
    os.fsdecode(b"\xef$'"),
    "\u202e*?[a]{b,c}",
    "-rf",
    "~",
    "",
)


def test_a_word_of_a_shell_is_the_name_and_is_seen():
    words = list(map(names.shell_word, ODD))
    assert all(names.hidden_letter(word) is None for word in words)
    bash = shutil.which("bash") or pytest.skip("no bash here")
    command = "printf '%s\\0' " + " ".join(f"x={word}" for word in words)
    said = subprocess.run([bash, "-c", command], capture_output=True, check=True).stdout
    assert said.split(b"\0")[:-1] == [b"x=" + os.fsencode(name) for name in ODD]


@pytest.mark.parametrize("text", ["a_b", "mood/theme---happy", "0.5 (0.1 to 0.2)", "x, 1.0"])
def test_plain_words_are_the_same_in_markdown(text):
    assert names.markdown(text) == text and names.code(text) == f"`{text}`"


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_of_markdown_finds_the_text_and_nothing_else(seed):
    reader = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True})
    dice = random.Random(seed)
    pieces = [*"\\`*_| a\n\x1bé", "``", "[a](b)", "![a](b)", "<b>", "<!--", "&lt;", "~~"]
    for _ in range(1_000):
        text = names.line("".join(dice.choices(pieces, k=dice.randint(1, 8)))).strip(" ")
        (inline,) = reader.parseInline(f"x {names.markdown(text)} x")
        assert "".join(token.content for token in inline.children) == f"x {text} x", text
        assert {token.type for token in inline.children} == {"text"}, text
        (inline,) = reader.parseInline(f"x {names.code(text)} x") if text else [inline]
        assert not text or [token.content for token in inline.children] == ["x ", text, " x"], text
        rows = reader.parse(f"| a | b |\n| --- | --- |\n| {names.markdown(text)} | c |\n")
        cells = ["".join(part.content for part in token.children) for token in rows if token.type == "inline"]
        assert cells == ["a", "b", text, "c"], text
