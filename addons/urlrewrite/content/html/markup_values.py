"""One pass over a document of HTML or XML in which rules change the values of attributes."""

from __future__ import annotations

from urlrewrite.content.changes import AttributeRewrites
from urlrewrite.content.held import Held
from urlrewrite.content.html.rewriter import Attribute, HtmlRewriter, Token
from urlrewrite.content.html.values import PlainValues
from urlrewrite.content.kinds import Kind


class MarkupValues:
    """A rewriter of the values of a document, by `AttributeRewrites`.

    In HTML most of them are changed all at once (`values.py`), as far as that is known to be the same.
    """

    def __init__(self, kind: Kind, values: AttributeRewrites) -> None:
        self._values = values
        plain = PlainValues(values) if kind is Kind.HTML and values.shortcuts else None
        self._rewriter = HtmlRewriter(
            self._attribute,
            xml=kind is not Kind.HTML,
            # Names in XML are wanted as they are written, and the rules' are in lower case.
            wanted=values.wanted if kind is Kind.HTML and plain is None else None,
            plain=(plain.pattern, lambda span, offset: plain.rewrite(span)) if plain else None,
        )

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._rewriter.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and return what can be sent now."""
        return self._rewriter.feed(chunk)

    def finish(self) -> bytes:
        """End the document and return all that was held back."""
        return self._rewriter.finish()

    def _attribute(self, tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        tag_name, name = tag.name.lower(), attribute.name.lower()
        if name not in self._values.wanted.get(tag_name, ()):
            return None
        return self._values.on_value(tag_name, name, value)
