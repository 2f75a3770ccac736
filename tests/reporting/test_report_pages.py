"""The report in a browser: it holds data, makes no request and fits a phone."""

import pytest

from kerastag import reporting

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    return reporting.write([run], tmp_path_factory.mktemp("report") / "report.html", num_resamples=50)


@pytest.mark.parametrize("width", [1280, 375])
def test_report_opens(written, page, width):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: page.failures.append(message.text))
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(written.as_uri())
    page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth > 300)")
    page.evaluate("() => document.querySelectorAll('audio').forEach(audio => { audio.preload = 'metadata' })")
    page.wait_for_function("() => [...document.querySelectorAll('audio')].every(audio => audio.duration > 4.5)")
    shown = page.evaluate(
        """() => ({
          lines: document.querySelectorAll('polyline').length,
          broad: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          examples: document.querySelectorAll('article').length,
          tags: document.querySelectorAll('table.card tbody tr').length,
        })"""
    )
    assert shown["lines"] >= 4 and shown["examples"] >= 2 and shown["tags"] == 3
    assert shown["broad"] <= 0  # no scrolling sideways, but in tables
    assert [url for url in requests if not url.startswith(("data:", written.as_uri()))] == []
    assert page.failures == []
