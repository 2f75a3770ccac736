"""TensorBoard itself, started on a run: its pages hold data."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(run, chromium, tmp_path_factory):
    """A TensorBoard of the folder that a run is in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("tensorboard") / "log.txt"
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={run.parent}", f"--port={port}"]
    with log.open("w") as file, subprocess.Popen([*command, "--host=127.0.0.1"], stdout=file, stderr=file) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/data/plugins_listing", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url, server, log):
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.25)
    raise AssertionError(log.read_text())


def test_pages_hold_the_run(address, page):
    page.set_default_timeout(40_000)

    def opened(name):
        page.goto(f"{address}/#{name}")
        page.reload()

    def seen(text):
        page.locator(f"text={text} >> visible=true").first.wait_for()

    opened("scalars")
    seen("best/pr_auc_macro")
    opened("custom_scalars")
    seen("Is it learning?")
    seen("PR-AUC of tail tags")
    opened("images")
    seen("example_1/mel")
    page.wait_for_function(f"() => {{{FIND} return find('img').some(image => image.naturalWidth > 300)}}")
    opened("audio")
    seen("example_1/sound")
    page.wait_for_function(
        f"() => {{{FIND} return find('audio').some(audio => audio.duration > 4.5 && audio.duration < 4.7)}}"
    )
    opened("text")
    seen("example_1/tags")
    seen("validation/")
    opened("pr_curves")
    seen("pr_curve/high")
    seen("is at")  # the epoch below a curve that was drawn
    opened("hparams")
    seen("cb_focal")
    seen("PR-AUC, tail")
    opened("projector")
    page.wait_for_function(f"() => {{{FIND} return find('*').some(one => /^\\s*Points:\\s*8/.test(one.textContent))}}")
    assert page.failures == []


FIND = """
const find = selector => {  // in shadow trees too, which TensorBoard is made of
  const found = [], look = root => {
    found.push(...root.querySelectorAll(selector));
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) look(element.shadowRoot);
      if (element.tagName === 'IFRAME' && element.contentDocument) look(element.contentDocument);
    }
  };
  look(document);
  return found;
};
"""
