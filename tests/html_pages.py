"""A page of HTML -> its ids, links, headings and commands, for tests."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

VOID = {"img", "br", "meta", "link", "hr", "input"}


class Page(HTMLParser):
    """The ids, links, headings, commands and text of a page."""

    def __init__(self, path):
        super().__init__()
        self.path, self.ids, self.links, self.tags = path, [], [], []
        self.headings, self.commands, self.text, self.inside = {}, [], "", []
        self.html = path.read_text()
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.append((tag, named))
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" and "href" in named else []
        if tag not in VOID:
            self.inside.append((tag, named.get("id")))
        if tag == "pre":
            self.commands.append("")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tags = [tag for tag, _ in self.inside]
        if "style" in tags:
            return
        self.text += data
        if "pre" in tags:
            self.commands[-1] += data
        if "h2" in tags:
            place = next((name for tag, name in reversed(self.inside) if name), None)
            self.headings[place] = self.headings.get(place, "") + data

    def contents(self):
        """Place -> text of the table of contents."""
        return {tag[1]["href"][1:] for tag in self.tags if tag[1].get("href", "")[:1] == "#"}

    def broken(self):
        """Links that lead to no file and to no place in this page."""
        return [link for link in self.links if not self._leads(link)]

    def _leads(self, link):
        parts = urlsplit(link)
        if not parts.path:
            return parts.fragment in self.ids
        name = unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape")
        path = Path(self.path.parent, name)
        if not path.exists():
            return False
        return not parts.fragment or f'id="{parts.fragment}"' in path.read_text()
