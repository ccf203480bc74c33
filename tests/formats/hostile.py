"""Ten thousand rule files that nobody should write, made of good ones: the same each time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from formats.test_xml_full_file import FULL
from formats.test_xml_hosts import HOST
from shared_folder import SHARED

RULES = Path(__file__).parents[2] / "rules"
WEB_CONFIGS = SHARED / "conformance" / "webconfigs"

APACHE = (
    """\
RewriteEngine On
RewriteBase /shop/
RewriteCond %{HTTP_HOST} !^www\\.example\\.com$ [NC,OR]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^(.*)$ https://www.example.com/$1 [R=301,L,QSA]
RewriteRule ^old/([0-9]+)/?$ new.php?id=$1&x=%1 [NC,L,E=a:b]
""",
    """\
<VirtualHost *:80>
ServerName www.example.com
RewriteEngine on
RewriteMap short txt:/nowhere/map.txt
RewriteCond %{QUERY_STRING} ^id=(\\d+)$
RewriteRule "^/a b" "http://privateserver:8080/%1" [P,NE]
<Directory "/var/www">
RewriteRule ^secret - [F]
</Directory>
ProxyPassReverse / http://privateserver:8080/
</VirtualHost>
""",
)

TOKENS = [
    *("<", ">", "&", '"', "'", "=", "{", "}", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "/>", "&#0;", "&#xD800;"),
    *("&lt;", "&nbsp;", "\0", "\r", "\ufeff", "\ud800".encode("utf-8", "replace").decode(), "<!DOCTYPE a>", "%", "$"),
    *("(" * 50, ")", "[", "]", "*", "+", "?", "{9999}", "(a+)+b", "(?", "(?<n>a)", "\\", "\\u", "\\1", "{R:99}", "{C:"),
    *("{ToLower:", "{m:{m:{m:", "{HTTP_", "[R=999]", "RewriteRule", "RewriteCond", "!", "&a", "*a", "- ", ": ", "\t"),
    *("<rewrite>", "</rules>", "<clear/>", "<remove name='a'/>", "<rule/>", "configSource='../a'", "\n" * 500),
    *("type='Redirect'", "statusCode='-1'", "occurrences='99999999999999999999'", "patternSyntax='Wildcard'"),
]


def xml_seeds() -> list[bytes]:
    """Configurations with everything in them, and real ones where they are at hand."""
    return [FULL.encode(), HOST.encode(), *(file.read_bytes() for file in sorted(WEB_CONFIGS.glob("*.xml")))]


def yaml_seeds() -> list[bytes]:
    return [file.read_bytes() for file in sorted(RULES.rglob("*.yaml"))]


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def insert(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(data) + 1)
        data = data[:place] + rng.choice(TOKENS).encode("utf-8", "replace") + data[place:]
    return data


def move(data: bytes, rng: random.Random) -> bytes:
    """A stretch is taken out, and put in somewhere, once or twice."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randint(1, 400)]
    rest = data if rng.random() < 0.5 else data[:start] + data[start + len(piece) :]
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + piece * rng.randint(1, 3) + rest[place:]


def move_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    line = lines[rng.randrange(len(lines))]
    lines.insert(rng.randrange(len(lines) + 1), line)
    if rng.random() < 0.5:
        lines.remove(line)
    return b"".join(lines)


def swap_values(data: bytes, rng: random.Random) -> bytes:
    """Two attributes get the value of each other, or one gets a token."""
    found = [match.span(1) for match in re.finditer(rb'="([^"]*)"', data)]
    if len(found) < 2:
        return flip(data, rng)
    (a, b), (c, d) = sorted(rng.sample(found, 2))
    if rng.random() < 0.5:
        return data[:a] + rng.choice(TOKENS).replace('"', "").encode("utf-8", "replace") + data[b:]
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def rename(data: bytes, rng: random.Random) -> bytes:
    """A name becomes another name of the file."""
    names = re.findall(rb"[A-Za-z]{2,}", data)
    place = rng.choice([match.span() for match in re.finditer(rb"[A-Za-z]{2,}", data)])
    return data[: place[0]] + rng.choice(names) + data[place[1] :]


def move_element(data: bytes, rng: random.Random) -> bytes:
    """Elements are moved or doubled; what comes of it is well-formed."""
    root = etree.fromstring(data)
    for _ in range(rng.randint(1, 4)):
        elements = [element for element in root.iter() if isinstance(element.tag, str)]
        moved, target = rng.choice(elements), rng.choice(elements)
        if moved is root or target in moved.iter():
            continue
        target.insert(rng.randrange(len(target) + 1), moved if rng.random() < 0.5 else etree.fromstring(_text(moved)))
    return _text(root)


def _text(element: etree._Element) -> bytes:
    return bytes(etree.tostring(element, with_tail=False))


def nest(data: bytes, rng: random.Random) -> bytes:
    name = rng.choice([b"a", b"rewrite", b"rule", b"location", b"system.webServer"])
    depth = rng.choice([3, 60, 70, 255, 300, 5000])
    return b"<" + name + b">" + (b"<" + name + b">") * (depth - 1) + data + (b"</" + name + b">") * depth


def bomb(data: bytes, rng: random.Random) -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    kinds = [
        f'<!DOCTYPE a [<!ENTITY a0 "ha">{entities}]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "file:///etc/passwd"> %b;]>',
        '<!DOCTYPE a [<!ENTITY a11 SYSTEM "file:///dev/zero">]>',
        f"<!-- {'-' * rng.randint(0, 1)} -->\n<!DOCTYPE a>",
    ]
    body = re.sub(rb"^<\?xml.*?\?>", b"", data).replace(b'="', b'="&a11;', 1)
    return rng.choice(kinds).encode() + body


def recode(data: bytes, rng: random.Random) -> bytes:
    """Another encoding than the file says, or one that it does not need to say."""
    text = data.decode("utf-8", "replace")
    if rng.random() < 0.5:
        text = re.sub(r"^<\?xml.*?\?>", "", text)
        name = rng.choice(["utf-16", "UTF-7", "rot13", "ebcdic-cp-be", "", "windows-1252", "x" * 39, "idna", "utf-32"])
        text = f'<?xml version="1.0" encoding="{name}"?>{text}'
    kind = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp500", "utf-7", "latin-1"])
    encoded = text.encode(kind, "replace")
    return encoded if rng.random() < 0.8 else truncate(encoded, rng)


type Mutation = Callable[[bytes, random.Random], bytes]

ANY: Sequence[Mutation] = (flip, truncate, insert, move, move_line, rename)
XML: Sequence[Mutation] = (*ANY, swap_values, swap_values, move_element, move_element, nest, bomb, recode)


def mutated(seeds: Sequence[bytes], mutations: Sequence[Mutation], rng: random.Random) -> bytes:
    """A seed with one to three mutations; the later ones know no XML."""
    data = rng.choice(mutations)(rng.choice(seeds), rng)
    for _ in range(rng.choice([0, 0, 1, 2])):
        data = rng.choice(ANY)(data, rng) if re.search(rb"[A-Za-z]{2}", data) else data
    return data
