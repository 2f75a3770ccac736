"""Jinja templates of the package: documents for people and settings for servers."""

from collections.abc import Callable, Mapping

from kerastag import names


def render(
    package: str,
    name: str,
    values: Mapping[str, object],
    filters: Mapping[str, Callable[..., object]] | None = None,
) -> str:
    """A template of PACKAGE/templates, filled.

    Where the template is of HTML, `.html.j2`, values are escaped, and what cannot be seen in them stands as `names`
    writes it; in others the filters `markdown` and `code` of `names` do that. A name that is missing is an error.

    Args:
      package: whose templates these are, such as "kerastag.reporting".
      name: the template's file.
      values: what it speaks of, by name.
      filters: functions that it uses, by name.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_seen if name.endswith(".html.j2") else None,
    )
    environment.filters.update({"markdown": names.markdown, "code": names.code, **(filters or {})})
    return environment.get_template(name).render(values)


def _seen(value: object) -> object:
    """A text whose letters all can be seen; what is part of the page stays."""
    return names.lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
