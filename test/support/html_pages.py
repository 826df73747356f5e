"""Pages of HTML, read back for tests."""

import html.parser

_VOID = {"meta", "img", "br", "col", "link", "hr", "input"}


class ParsedPage(html.parser.HTMLParser):
    """Elements of a page in their order.

    Args:
      text: the page; an AssertionError says which tag of it is not closed.
    """

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open and self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if not {"style", "script"} & set(self._open):
            self.text += data

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [values[name] for _, values in self.elements if name in values]

    def of_class(self, name: str) -> list[str]:
        """Tags of the elements of a class."""
        return [tag for tag, values in self.elements if name in (values.get("class") or "").split()]
