"""The listening page of a bundle: static files, and what they need to know of the model, beside its versions."""

import pathlib

from kerastag import files
from kerastag.inference import export_facts
from kerastag.metrics import card
from kerastag.runs import run_folder
from kerastag.serving.bundle import texts

SOURCE = pathlib.Path(__file__).parent.parent / "page"
FACTS = "bundle.json"
SERVER = "http://localhost:8501"  # where the README's commands start it


def write(folder: pathlib.Path, name: str, version: pathlib.Path) -> None:
    """Writes the page into a bundle; files that somebody put beside its own stay.

    Args:
      folder: folder of the bundle.
      name: name of the model on the server.
      version: the folder of the version that a server answers with.
    """
    target = folder / texts.PAGE
    for source in sorted(SOURCE.iterdir()):
        if source.name != FACTS:
            with files.whole_file(target / source.name) as temporary:
                temporary.write_bytes(source.read_bytes())
    files.write_json(target / FACTS, facts(name, version))


def facts(name: str, version: pathlib.Path) -> dict[str, object]:
    """What the page cannot ask the server for.

    Returns:
      `name`, `version` and `server` to begin with; `mean_of_chunks`, whether a file's score is simply the mean of its
      evenly spaced chunks' scores, so that these suffice; `reliability`, {short name: figures and word of its card}.
    """
    assets, export = run_folder.RunFolder(version / export_facts.ASSETS), export_facts.ExportFacts.read(version)
    is_mean = len(export.members) == 1 and not export.members[0].centred and not export.calibrated
    return {
        "name": name,
        "version": int(version.name),
        "server": SERVER,
        "mean_of_chunks": is_mean,
        "reliability": _reliability(assets) if assets.card_path.is_file() else {},
    }


def _reliability(assets: run_folder.RunFolder) -> dict[str, dict[str, str | float | None]]:
    vocabulary = assets.vocabulary()
    return {
        vocabulary.short_names[vocabulary.index(tag)]: {
            **{"word": row.word, "pr_auc": row.pr_auc},
            **{"low": row.low, "high": row.high},
        }
        for tag, row in card.read(assets.card_path, vocabulary).items()
    }
