"""The plugin `kerastag` for beets: what music sounds like as fields of the library, and moods in files.

Every `beet` loads this module, so that kerastag itself is imported when something needs it, and TensorFlow when a file
must be heard that is not known yet.
"""

import functools
import os
from collections.abc import Sequence
from typing import Any

import beets
import confuse
from beets import library, plugins, ui
from beets.dbcore import types

from . import hearing, media, remembered

DEFAULTS = {
    "auto": False,
    "exclude": [],
    "field": "mood",
    "force": False,
    "max_tags": 3,
    "min_score": None,
    "model": None,
    "scores": True,
    "vocabulary": None,
    "write": None,
}
FIELDS_FILE = "kerastag_fields.json"  # beside beets' own state
DIGITS = 4  # of a score that are shown


class KerastagPlugin(plugins.BeetsPlugin):
    """The command, the stage of an import, and the fields."""

    def __init__(self) -> None:
        super().__init__()
        self.config.add(DEFAULTS)
        self._field = media.Field(str(self.config["field"].get()), self.config["write"].get() is not False)
        self._field.add(self)
        self._at_import: hearing.Hearing | None = None
        if self.config["auto"].get():
            self.import_stages = [self._import]
            self.register_listener("import_begin", self._begin_import)
        self.register_listener("write", self._before_write)
        self.register_listener("after_write", self._after_write)
        self.register_listener("before_item_moved", self._before_move)
        self.register_listener("item_moved", self._after_move)
        self.register_listener("item_copied", self._after_copy)
        self.register_listener("item_reflinked", self._after_copy)

    @functools.cached_property
    def item_types(self) -> dict[str, types.Type]:
        """Numbers for scores, so that ranges can be asked for, and a list for words."""
        state = os.path.dirname(beets.config["statefile"].as_filename())
        scores = remembered.fields(os.path.join(state, FIELDS_FILE), self._model(), self._look)
        of_scores: dict[str, types.Type] = dict.fromkeys(scores, types.Float(DIGITS))
        return {**of_scores, hearing.MODEL: types.STRING, **self._field.types()}

    def commands(self) -> list[ui.Subcommand]:
        """`beet kerastag`."""
        command = ui.Subcommand("kerastag", help="hear what music sounds like: scores of tags, and moods")
        add = command.parser.add_option
        add("-f", "--force", action="store_true", default=None, help="ask the model again, and replace moods")
        add("-p", "--pretend", action="store_true", default=False, help="show moods, and change nothing")
        add("-w", "--write", action="store_true", default=None, help="write moods into files")
        add("-W", "--nowrite", dest="write", action="store_false", help="do not write moods into files")
        command.func = self._command
        return [command]

    def _command(self, lib: library.Library, options: Any, arguments: Sequence[str]) -> None:
        """Raises UserError: there is no such model, or a setting is wrong."""
        from kerastag import errors, names

        try:
            ears = self._hearing(options.force)
            items = list(lib.items(arguments))
            heard = ears.hear(items, shows_progress=True)
        except errors.KerastagError as error:
            raise ui.UserError(names.printable(str(error))) from error
        self._warn(heard.warnings)
        write = ui.should_write(self._write_setting() if options.write is None else options.write)
        for item in items:
            changes = item.id in heard.of and ears.put(item, heard.of[item.id])
            if changes:
                ui.show_model_changes(item, fields=[self._field.name])
            if options.pretend:
                continue
            if write and (changes or options.write) and not self._field.is_in_file(item):
                item.try_write(tags={self._field.name: item[self._field.name]})
            item.store()
        num_known = len(items) - len(heard.of) - heard.num_failed
        counts = (len(heard.of), num_known, heard.num_failed)
        self._log.info("tracks: {} described, {} as they were, {} could not be heard", *counts)

    def _begin_import(self) -> None:
        from kerastag import errors, names

        try:
            self._at_import = self._hearing()
        except errors.KerastagError as error:
            self._at_import = None
            self._log.error("{}; nothing is heard in this import", names.printable(str(error)))

    def _import(self, session: Any, task: Any) -> None:
        """Hears what is imported; what cannot be heard is imported all the same. Files are written by beets itself."""
        from kerastag import errors, names

        if self._at_import is None:
            return
        items = task.imported_items()
        try:
            heard = self._at_import.hear(items)
        except errors.KerastagError as error:
            self._at_import = None
            self._log.error("{}; nothing more is heard in this import", names.printable(str(error)))
            return
        self._warn(heard.warnings)
        for item in items:
            if item.id in heard.of:
                self._at_import.put(item, heard.of[item.id])
                item.store()

    def _hearing(self, force: bool | None = None) -> hearing.Hearing:
        """Raises KerastagError: there is no such model, or a setting is wrong."""
        from kerastag import errors
        from kerastag.library import describing

        if problem := self._field.problem():
            raise errors.KerastagError(f"kerastag.field: {self._field.name}: {problem}")
        describer = describing.Describer(self._model(), self._wording(), lambda line: self._log.warning("{}", line))
        force = self.config["force"].get(bool) if force is None else force
        ears = hearing.Hearing(describer, self._field, self.config["scores"].get(bool), force)
        self._write_setting()
        self._warn(ears.clashes)
        return ears

    def _wording(self) -> Any:
        """Raises ConfigError: a setting is wrong."""
        from kerastag.library import describing

        max_tags = self.config["max_tags"].get(confuse.Optional(int))
        if max_tags is not None and max_tags < 1:
            raise confuse.ConfigValueError("kerastag.max_tags: must be at least 1")
        min_score = self.config["min_score"].get(confuse.Optional(confuse.Number()))
        if min_score is not None and not 0 <= min_score <= 1:
            raise confuse.ConfigValueError("kerastag.min_score: must be from 0 to 1")
        exclude = self.config["exclude"].as_str_seq(split=False)
        words = self.config["vocabulary"].get(confuse.Optional(confuse.Filename()))
        return describing.Wording(max_tags, min_score, exclude, words)

    def _write_setting(self) -> bool | None:
        """Whether moods are written; None: as beets writes anything."""
        return self.config["write"].get(confuse.Optional(bool))

    def _model(self) -> str | None:
        """A path from the root, or the name of a published model; None: the default."""
        name = self.config["model"].get(confuse.Optional(str))
        if name is None:
            return None
        path: str = self.config["model"].as_filename()
        return path if os.sep in name or os.path.exists(path) else name

    def _look(self) -> tuple[os.PathLike[str], tuple[str, ...]] | None:
        """The model's file of tags and their fields; None: it is not here yet."""
        from kerastag import errors
        from kerastag.library import describing

        try:
            path, vocabulary = describing.tags_at_hand(self._model())
        except errors.KerastagError as error:
            self._log.debug("{}", error)
            return None
        return path, hearing.score_fields(vocabulary)

    @functools.cached_property
    def _carrier(self) -> Any:
        from kerastag.library import carrying

        return carrying.Carrier()

    def _before_write(self, path: bytes, **others: Any) -> None:
        self._carrier.remember(path)

    def _after_write(self, path: bytes, **others: Any) -> None:
        self._carrier.carry(path, path)

    def _before_move(self, source: bytes, **others: Any) -> None:
        self._carrier.remember(source)

    def _after_move(self, source: bytes, destination: bytes, **others: Any) -> None:
        self._carrier.carry(source, destination)

    def _after_copy(self, source: bytes, destination: bytes, **others: Any) -> None:
        self._carrier.remember(source)
        self._carrier.carry(source, destination)

    def _warn(self, lines: Sequence[str]) -> None:
        from kerastag import names

        for line in lines:
            self._log.warning("{}", names.printable(line))
