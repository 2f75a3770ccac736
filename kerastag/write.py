"""`python -m kerastag.write`: moods written into the tags of music files, and taken back."""

import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from absl import flags

from kerastag import cli, errors, files, names, progress
from kerastag.cli import choosing, collection, options
from kerastag.library import fields, journal, replacing, results, undoing, word_choice, writing
from kerastag.library.fields import checking

FLAGS = flags.FlagValues()
collection.define_model(FLAGS)
flags.DEFINE_bool("apply", False, "Write the files; without it they stay as they are.", flag_values=FLAGS)
flags.DEFINE_enum("field", fields.FIELDS[0], fields.FIELDS, "Which field of the tags is written.", flag_values=FLAGS)
flags.DEFINE_enum(
    "mode",
    "merge",
    writing.MODES,
    "keep: a field that has a value stays as it is; merge: what is missing is added, what is there stays; replace: the "
    "field becomes exactly ours. A file for which no tag is sure stays as it is.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "max_tags", 3, "So many tags of a file at most.")
flags.DEFINE_float("min_score", None, "Write no tag with a lower score.", 0.0, 1.0, flag_values=FLAGS)
choosing.define_vocabulary(FLAGS)
flags.DEFINE_bool("preserve_mtime", False, "Let files keep their modification time.", flag_values=FLAGS)
flags.DEFINE_string(
    "journal", None, "The new file that undoes it all; default: one named by the time in the cache.", flag_values=FLAGS
)
flags.DEFINE_string("undo", None, "Restore the files of a journal, and do nothing else.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

collection.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Shows what would be written, writes it, or undoes it. Returns 3 if some files failed, 1 if all did."""
    checking.require()
    if values.undo is not None:
        return _undo(values, arguments)
    if values.journal is not None:
        if not values.apply:
            raise errors.UsageError("--journal: nothing is written without --apply")
        files.check_output(values.journal, overwrite=False)
    search = collection.find(values, arguments)
    ears = collection.Ears(values)
    chosen = choosing.words(values, ears.source.vocabulary)
    _ = ears.source.decider, ears.source.card  # an error in their files is told before the work
    statuses = dict(_statuses(search.files))
    heard = ears.hear(search)
    cli.warn(heard.warnings())
    choices = word_choice.choose(
        heard.heard.scores,
        ears.source.decider,
        chosen,
        heard.heard.vocabulary,
        ears.source.card,
        values.max_tags,
        values.min_score,
    )
    words = {path: [choice.word for choice in of] for path, of in zip(heard.heard.files, choices, strict=True)}
    plans, problems = _plans(values, words, statuses)
    num_skipped = len(heard.skipped)
    if not values.apply:
        return _show(plans, problems, num_skipped)
    return _apply(values, ears, plans, problems, num_skipped)


def _statuses(paths: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, os.stat_result]]:
    """Files as they are before they are heard; one that is gone already is told by who hears it."""
    for path in paths:
        try:
            yield path, path.stat()
        except OSError:
            continue


def _plans(
    values: flags.FlagValues,
    words: Mapping[pathlib.Path, Sequence[str]],
    statuses: Mapping[pathlib.Path, os.stat_result],
) -> tuple[list[writing.Plan], int]:
    """What is to be done to each file, and to how many nothing can be; of a file under two names, once."""
    plans, num_problems = [], 0
    seen: set[str] = set()
    with progress.Lines(len(words), f"reading the tags of {len(words)} files", quiet=values.quiet) as bar:
        for path, of in words.items():
            bar.advance()
            real = os.path.realpath(path)
            if real in seen:
                continue
            seen.add(real)
            try:
                plans.append(writing.plan(path, values.field, of, values.mode, statuses.get(path)))
            except errors.KerastagError as error:
                num_problems += 1
                cli.warn([f"skipped: {error}"])
    return plans, num_problems


def _show(plans: Sequence[writing.Plan], num_problems: int, num_skipped: int) -> int:
    changing = [plan for plan in plans if plan.changes]
    for plan in changing:
        print(_diff(plan))
    closing = "nothing was changed: add --apply" if changing else "nothing was changed"
    print(f"{_counted(len(changing), 'would change', plans, num_problems)}; {closing}")
    return _status(num_problems + num_skipped, len(plans))


def _apply(
    values: flags.FlagValues, ears: collection.Ears, plans: Sequence[writing.Plan], num_problems: int, num_skipped: int
) -> int:
    changing = [plan for plan in plans if plan.changes]
    for folder in {pathlib.Path(os.path.realpath(plan.path)).parent for plan in plans}:
        replacing.sweep(folder)
    if not changing:
        print(f"{_counted(0, 'changed', plans, num_problems)}; nothing was changed")
        return _status(num_problems + num_skipped, len(plans))
    num_written = 0
    with journal.Journal(values.journal or journal.default_path()) as written:
        try:
            for plan in changing:
                try:
                    writing.apply(plan, written, values.preserve_mtime, lambda done: _carry(ears, done))
                except journal.JournalError:
                    raise
                except errors.KerastagError as error:
                    num_problems += 1
                    cli.warn([f"skipped: {error}"])
                else:
                    num_written += 1
                    print(_diff(plan), flush=True)
        finally:
            print(f"{_counted(num_written, 'changed', plans, num_problems)}")
            cli.tell(f"undo: kerastag write --undo={names.shell_word(written.path)}")
    return _status(num_problems + num_skipped, len(plans) - len(changing) + num_written)


def _carry(ears: collection.Ears, done: writing.Done) -> None:
    """Lets what models said of a file hold for it as it is now; that it is not kept does no harm."""
    if ears.kept is None:
        return
    try:
        for before, after in done.identities:
            ears.kept.carry(before, after)
    except errors.KerastagError as error:
        cli.warn([str(error)])


def _undo(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    if arguments or values.apply:
        raise errors.UsageError("--undo: takes no files and no --apply, the journal knows them")
    counts = dict.fromkeys((undoing.RESTORED, undoing.BY_VALUE, undoing.AS_IT_WAS, undoing.FAILED), 0)
    identities: list[tuple[str, str]] = []
    for undone in undoing.undo(values.undo):
        counts[undone.outcome] += 1
        identities += undone.identities
        if undone.outcome == undoing.FAILED:
            cli.warn([f"not undone: {undone.line}"])
        elif undone.outcome == undoing.BY_VALUE:
            print(f"{undone.line}: changed since, its values restored")
        elif undone.outcome == undoing.RESTORED:
            print(f"{undone.line}: restored")
    if values.results != collection.KEEP_NOTHING:
        try:
            results.carry(values.results or results.default_path(), identities)
        except errors.KerastagError as error:
            cli.warn([str(error)])
    texts = {
        undoing.RESTORED: "restored byte for byte",
        undoing.BY_VALUE: "value for value",
        undoing.AS_IT_WAS: "as they were already",
        undoing.FAILED: "could not be undone",
    }
    print(", ".join(f"{counts[outcome]} {text}" for outcome, text in texts.items()))
    return _status(counts[undoing.FAILED], sum(counts.values()) - counts[undoing.FAILED])


def _diff(plan: writing.Plan) -> str:
    changes = [*(f"- {value}" for value in plan.removed), *(f"+ {value}" for value in plan.added)]
    kept = f"(kept: {', '.join(plan.kept)})" if plan.kept else ""
    line = f"  {plan.field.upper()}  {'  '.join(changes):<24}{'  ' if kept else ''}{kept}".rstrip()
    return f"{names.shown(plan.path)}\n{names.printable(line)}"


def _counted(num_changed: int, what: str, plans: Sequence[writing.Plan], num_problems: int) -> str:
    num_staying = sum(not plan.changes for plan in plans)
    noun = "file" if num_changed == 1 else "files"
    stay = "stays as it is" if num_staying == 1 else "stay as they are"
    return f"{num_changed} {noun} {what}, {num_staying} {stay}, {num_problems} cannot be written"


def _status(num_failed: int, num_done: int) -> int:
    if not num_failed:
        return 0
    return collection.SOME_FAILED if num_done else 1


COMMAND = cli.Command("kerastag write", cli.COMMANDS["write"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
