"""Formats for programs: feeds, site map, manifest, robots.txt, a table of machines."""

from __future__ import annotations

from privateserver.catalogue import Group, Page, verbatim
from privateserver.markup import framed

FEEDS = Group(
    "Feeds and other data",
    (
        Page(
            path="/feeds",
            title="What programs read",
            problem="Feeds, a site map and a manifest name the backend in their own ways.",
            expect="A list of URLs, all under the public name.",
            serve=framed("feeds.html"),
        ),
        Page(
            path="/feed.rss",
            title="An RSS feed",
            problem="URLs as text, in attributes, in escaped markup and in CDATA; a namespace that looks like one.",
            expect="All URLs are mapped, the namespace stays.",
            serve=verbatim("data/feed.rss"),
            kind="resource",
            content_type="application/rss+xml; charset=utf-8",
            keeps={"a namespace": 1},
        ),
        Page(
            path="/feed.atom",
            title="An Atom feed",
            problem="URLs in attributes, one with a character reference, and xml:base.",
            expect="All URLs are mapped.",
            serve=verbatim("data/feed.atom"),
            kind="resource",
            content_type="application/atom+xml; charset=utf-8",
        ),
        Page(
            path="/sitemap.xml",
            title="A site map",
            problem="URLs as text of elements.",
            expect="All URLs are mapped.",
            serve=verbatim("data/sitemap.xml"),
            kind="resource",
            content_type="application/xml",
        ),
        Page(
            path="/manifest.webmanifest",
            title="A web manifest",
            problem="Start address, scope and icons are absolute.",
            expect="All URLs are mapped.",
            serve=verbatim("data/manifest.webmanifest"),
            kind="resource",
            content_type="application/manifest+json",
        ),
        Page(
            path="/robots.txt",
            title="robots.txt",
            problem="Plain text with the absolute URL of the site map.",
            expect="The address is mapped: this is a file for programs, though its type says that it is plain text.",
            serve=verbatim("data/robots.txt"),
            kind="resource",
            content_type="text/plain; charset=utf-8",
        ),
        Page(
            path="/data/machines.csv",
            title="A table of machines",
            problem="The backend's name is a word in a table, and no URL.",
            expect="The table arrives unchanged.",
            serve=verbatim("data/machines.csv"),
            kind="resource",
            content_type="text/plain; charset=utf-8",
            keeps={"words of a table": 2},
        ),
    ),
)
