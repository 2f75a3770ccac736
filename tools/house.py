"""Counts what a newcomer meets: modules and lines of each room, imports between modules and rooms, uses of `Any`.

    python -m tools.house [--root=CHECKOUT]

Any checkout can be counted, older ones too: its files are parsed, and nothing of it is imported.
"""

import ast
import pathlib
import re
import sys
from collections import Counter
from collections.abc import Iterator

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from kerastag.metrics import tables

FLAGS = flags.FlagValues()
flags.DEFINE_string("root", ".", "Folder of the checkout.", flag_values=FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table of rooms and the totals."""
    root = pathlib.Path(values.root)
    modules = modules_of(root)
    if not modules:
        raise errors.KerastagError(f"{root}: no package kerastag")
    arrows = {(module, target) for module, path in modules.items() for target in imports(path, modules)}
    between = {(room(module), room(target)) for module, target in arrows if room(module) != room(target)}
    sizes = Counter({name: 0 for name in map(room, modules)})
    for module, path in modules.items():
        sizes[room(module)] += len(path.read_text(encoding="utf-8").splitlines())
    counts = Counter(map(room, modules))
    rows = tuple((name, counts[name], sizes[name]) for name in sorted(counts))
    uses = sum(len(re.findall(r"\bAny\b", path.read_text(encoding="utf-8"))) for path in modules.values())
    note = (
        f"{len(modules)} modules, {sum(sizes.values())} lines, {len(arrows)} imports between modules, "
        f"{len(between)} between rooms, {uses} times `Any`."
    )
    print(tables.text([tables.Table(("room", "modules", "lines"), rows, note)]))
    return 0


def modules_of(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of the package by their names; a package's own is PACKAGE.__init__."""
    found = {}
    for path in sorted((root / "kerastag").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts)] = path
    return found


def room(module: str) -> str:
    """The package that a module is in, below kerastag."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "(root)"


def imports(path: pathlib.Path, modules: dict[str, pathlib.Path]) -> Iterator[str]:
    """Modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package = name.rpartition(".")[0]
            candidates = (name, f"{name}.__init__", package, f"{package}.__init__")
            target = next((candidate for candidate in candidates if candidate in modules), None)
            if target is not None and target != "kerastag.__init__":
                yield target


COMMAND = cli.Command("python -m tools.house", "count modules, imports and uses of Any", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
