"""What a page may hold, read from its HTML: no script of its own, no link but to itself, https, tel and mailto."""

from html.parser import HTMLParser

# What our templates are made of. A tag that is not here came from somewhere else.
_DOCUMENT = "aside html head meta title link script body header main footer nav article section div span p h1 h2 h3 h4"
_FORMS = ("a form input button select option optgroup label legend fieldset textarea datalist details summary output "
          "progress meter noscript")
_TEXTS = ("ul ol li dl dt dd table thead tbody tr th td caption strong em mark br hr code pre time small bdi abbr kbd "
          "blockquote figure figcaption colgroup col")
_PICTURES = "svg path rect g img circle ellipse line polyline polygon text tspan desc defs clippath pattern"
TAGS = frozenset(f"{_DOCUMENT} {_FORMS} {_TEXTS} {_PICTURES}".split())


class Page(HTMLParser):
    """Reads a page; `problems` says what it should not hold, `nonces` what its scripts and styles are marked with."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.nonces: set[str] = set()
        self.inside, self.text = "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.inside = tag if tag in ("script", "style") else ""
        if tag not in TAGS:
            self.problems.append(f"a tag <{tag}>")
        for name in values:
            if name.startswith("on") or name in ("style", "srcdoc", "srcset", "background", "ping"):
                self.problems.append(f"an attribute {name}")
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            self.problems.append("a script of its own")
        if tag == "img" and not values.get("src", "").startswith(("/static/", "data:image/")):
            self.problems.append("a picture from elsewhere")
        self.text += values.get("value", "")
        for name in ("href", "action", "formaction", "src"):
            if name in values and not self._allowed(tag, name, values[name]):
                self.problems.append(f"{name} {values[name]}")
        if tag == "script" or (tag == "link" and values.get("rel") == "stylesheet"):
            self.nonces.add(values.get("nonce", ""))

    @staticmethod
    def _allowed(tag: str, name: str, target: str) -> bool:
        if target.startswith("/") and not target.startswith(("//", "/\\")):
            return True
        if tag == "a" and name == "href":
            return target.startswith(("https://", "tel:", "mailto:", "#", "?"))
        return target.startswith("data:") and tag in ("link", "img")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.problems.append(f"text inside <{self.inside}>")
        elif not self.inside:
            self.text += data
