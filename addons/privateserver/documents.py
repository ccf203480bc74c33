"""HTML pages, one a way to write a link down, and the style sheets, scripts and pictures that they load."""

from __future__ import annotations

from privateserver.catalogue import Group, Page, Serve, verbatim
from privateserver.markup import framed
from privateserver.media import dot, favicon, made, photo, tone

HTML_PAGES = Group(
    "HTML",
    (
        Page(
            path="/html/iis-tags",
            title="The tags that IIS knows",
            problem="A, Area, Form, Head, IFrame, Img, Input, Link and Script carry absolute URLs.",
            expect="All of them lead to the public name; picture, frame, script and style are loaded.",
            serve=framed("iis-tags.html"),
        ),
        Page(
            path="/html/base",
            title="A base for relative links",
            problem="The base element is absolute, all other links are relative to it.",
            expect="The base is mapped, so that relative links lead to the public name too.",
            serve=framed("base.html"),
        ),
        Page(
            path="/html/frameset",
            title="A set of frames",
            problem="Frame elements with absolute URLs, one of them in upper case.",
            expect="Both frames show their page.",
            serve=framed("frameset.html"),
        ),
        Page(
            path="/html/inner",
            title="A page for frames",
            problem="It is shown inside other pages.",
            expect="Its link leads to the public name.",
            serve=framed("inner.html"),
        ),
        Page(
            path="/html/media",
            title="Media and embedded documents",
            problem="srcset with several candidates, picture, poster, video, audio, track, object and embed.",
            expect="Every candidate is mapped; poster, sound, captions and drawings are loaded.",
            serve=framed("media.html"),
        ),
        Page(
            path="/html/attributes",
            title="Attributes that are no links by their name",
            problem="data-*, meta content, style, on* handlers, formaction, ping, cite and hidden values hold URLs.",
            expect="Each URL is mapped where it stands; scripts that read them find the public name.",
            serve=framed("attributes.html"),
        ),
        Page(
            path="/html/svg",
            title="A drawing and a style block in the page",
            problem="SVG use, image and a with href and xlink:href, and url() in style elements.",
            expect="Symbols and pictures appear; a browser refuses symbols of another server.",
            serve=framed("svg.html"),
        ),
        Page(
            path="/html/srcdoc",
            title="A page in an attribute",
            problem="srcdoc holds a whole page, with its own links, escaped once or twice.",
            expect="Both inner pages load their script and picture from the public name.",
            serve=framed("srcdoc.html"),
        ),
        Page(
            path="/html/spellings",
            title="Spellings of one URL",
            problem="Quotes of all kinds or none, upper case, character references, no scheme, no path.",
            expect="All pictures are there and all links arrive.",
            serve=framed("spellings.html"),
        ),
        Page(
            path="/html/foreign",
            title="Names that only look alike",
            problem="Longer names, longer port numbers, other ports and a mail address contain the backend's name.",
            expect="They stay as they are, only the last link is mapped.",
            serve=framed("foreign.html"),
            keeps={"links to other servers": 7, "a mail address": 1, "strings of a script that name other servers": 3},
        ),
        Page(
            path="/html/text",
            title="Text, comments and identifiers",
            problem="Prose, code, a comment, a namespace and a document type name the backend without linking to it.",
            expect="They stay as they are, the link in the prose is mapped.",
            serve=framed("text.html"),
            keeps={
                "a comment": 2,
                "visible prose": 3,
                "visible code": 1,
                "a namespace": 1,
                "the identifier of the document type": 1,
            },
        ),
        Page(
            path="/html/meta-refresh",
            title="A page that moves on by itself",
            problem="A meta element refreshes to an absolute URL after a second.",
            expect="The browser arrives under the public name.",
            serve=framed("meta-refresh.html"),
        ),
        Page(
            path="/arrived",
            title="Arrived",
            problem="Redirects and links of other pages lead here.",
            expect="The address of the browser shows the public name.",
            serve=framed("arrived.html"),
        ),
    ),
)

SCRIPT_PAGES = Group(
    "Scripts and styles",
    (
        Page(
            path="/script/literals",
            title="URLs in strings of a script",
            problem="The same URL in all quotes and with all escapes of JavaScript and JSON.",
            expect="A picture for each spelling.",
            serve=framed("literals.html"),
        ),
        Page(
            path="/script/concatenated",
            title="URLs put together from pieces",
            problem="Scheme, host and path are separate strings; the host is compared with location.host.",
            expect="The host alone is mapped, so that the comparison holds and the links lead to the public host.",
            serve=framed("concatenated.html"),
        ),
        Page(
            path="/script/written",
            title="Markup that a script writes",
            problem="Links and forms stand in strings, with a backslash before each quote.",
            expect="The link and the form lead to the public name.",
            serve=framed("written.html"),
        ),
        Page(
            path="/script/modules",
            title="Modules",
            problem="import, export from, a later import() and an import map name absolute URLs.",
            expect="All modules run; a browser refuses modules of another server.",
            serve=framed("modules.html"),
        ),
        Page(
            path="/script/fetched",
            title="A script that follows the links of an API",
            problem="Lists name their next page, objects their own address, with escaped slashes.",
            expect="Twelve items with a picture each; four orders are read.",
            serve=framed("fetched.html"),
        ),
        Page(
            path="/style",
            title="Style sheets",
            problem="@import and url() in all quotings and with CSS escapes, in a linked sheet and its imports.",
            expect="Every box shows a picture and the paragraph is green.",
            serve=framed("styled.html"),
        ),
        Page(
            path="/query",
            title="URLs in the query of other URLs",
            problem="A return address is percent-encoded, once or twice, or half.",
            expect="Each link arrives under the public name, whichever way the return address was written.",
            serve=framed("query.html"),
        ),
    ),
)


def _resource(path: str, title: str, content_type: str, serve: Serve, *, named: bool = False) -> Page:
    return Page(
        path=path,
        title=title,
        kind="resource",
        content_type=content_type,
        problem="It names the backend and is loaded by other pages." if named else "It is loaded by other pages.",
        expect="All URLs in it are mapped." if named else "It arrives unchanged.",
        serve=serve,
        named=named,
    )


def _stored(name: str, title: str, content_type: str, *, named: bool = True) -> Page:
    return _resource(f"/static/{name}", title, content_type, verbatim(f"static/{name}"), named=named)


RESOURCES = Group(
    "What the pages load",
    (
        _stored("site.css", "The look of all pages", "text/css"),
        _stored("proof.js", "The script by which a page proves itself", "text/javascript", named=False),
        _stored("marker.js", "A script", "text/javascript"),
        _stored("module.js", "A module that passes on another", "text/javascript"),
        _stored("exported.js", "A module", "text/javascript"),
        _stored("written.js", "A script that writes markup", "text/javascript"),
        _stored("policy.js", "The checks under a policy", "text/javascript"),
        _stored("styled.css", "A style sheet with all kinds of url()", "text/css"),
        _stored("imported.css", "A style sheet for imports", "text/css"),
        _stored("preloaded.css", "A style sheet that a header field announces", "text/css"),
        _stored("picture.css", "A style sheet for a drawing", "text/css"),
        _stored("picture.svg", "A drawing with a picture and a link", "image/svg+xml"),
        _stored("sprite.svg", "A drawing with symbols", "image/svg+xml"),
        _stored("back.svg", "An arrow", "image/svg+xml", named=False),
        _stored("captions.vtt", "Captions", "text/vtt", named=False),
        _resource("/static/dot.png", "A green square", "image/png", made(dot)),
        _resource("/static/photo.png", "A landscape", "image/png", made(photo)),
        _resource("/static/tone.wav", "A tone", "audio/wav", made(tone)),
        _resource("/favicon.ico", "An icon", "image/x-icon", made(favicon)),
    ),
)
