"""applicationHost.config: sites with their bindings, what belongs to the server, web farms and the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from formats.xml_support import Expected, assert_told, read
from urlrewrite.engine.inheritance import server_level, site_levels
from urlrewrite.formats import rule_files
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.formats.yaml.rules import parse as parse_yaml
from urlrewrite.model import (
    Collection,
    ConfigElement,
    InboundRule,
    LinkMode,
    Match,
    Origin,
    Removal,
    Server,
    Source,
)
from urlrewrite.model.problems import RuleFileError

HOST = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <configSections><sectionGroup name="system.webServer"><section name="proxy" /></sectionGroup></configSections>
  <system.applicationHost>
    <applicationPools><add name="DefaultAppPool" /></applicationPools>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/"><virtualDirectory path="/" physicalPath="{root}" /></application>
        <bindings>
          <binding protocol="http" bindingInformation="*:80:www.example.com" />
          <binding protocol="https" bindingInformation="*:443:WWW.example.com" sslFlags="1" />
          <binding protocol="net.tcp" bindingInformation="808:*" />
        </bindings>
      </site>
      <site name="shop" id="2">
        <bindings><binding protocol="http" bindingInformation="10.0.0.1:8080:" /></bindings>
      </site>
      <site name="rest" id="3"><bindings><binding protocol="http" bindingInformation="*:80:" /></bindings></site>
      <siteDefaults />
    </sites>
  </system.applicationHost>
  <system.webServer>
    <!-- of the server -->
    <proxy enabled="true" preserveHostHeader="true"><!-- inner --><cache enabled="false" /></proxy>
    <rewrite>
      <globalRules useOriginalURLEncoding="false"><rule name="g"><match url="g" /></rule></globalRules>
      <rules><rule name="s"><match url="s" /></rule></rules>
      <rewriteMaps><rewriteMap name="m" /></rewriteMaps>
      <allowedServerVariables><add name="HTTP_A" /></allowedServerVariables>
    </rewrite>
  </system.webServer>
  <location path="default web site">
    <system.webServer><rewrite>
      <rules><rule name="d"><match url="d" /></rule></rules>
      <allowedServerVariables><remove name="HTTP_A" /><add name="HTTP_B" /></allowedServerVariables>
    </rewrite></system.webServer>
  </location>
  <location path="Default Web Site/App/sub">
    <system.webServer><rewrite><rules><rule name="a"><match url="a" /></rule></rules></rewrite></system.webServer>
  </location>
  <location path="nowhere"><system.webServer><security /></system.webServer></location>
  <webFarms onDemandHealthCheck="false">
    <!-- two -->
    <webFarm name="farm" enabled="true">
      <server address="10.0.0.2" enabled="true"><applicationRequestRouting weight="50" httpPort="81" /></server>
    </webFarm>
  </webFarms>
</configuration>
"""


def test_application_host_config(tmp_path: Path) -> None:
    rules = read(HOST.format(root=tmp_path), "applicationHost.config")
    default, shop, rest = rules.sites
    assert (default.name, shop.name, rest.name) == ("Default Web Site", "shop", "rest")
    assert default.public == (Origin("http", "www.example.com", 80), Origin("https", "www.example.com", 443))
    assert (shop.public, rest.public) == ((Origin("http", "10.0.0.1", 8080),), ())
    assert (default.document_root, shop.document_root) == (str(tmp_path), "")
    assert {site.links for site in rules.sites} == {LinkMode.OFF}
    assert rules.global_rules == (InboundRule("g", Match("g")),)
    assert rules.global_use_original_url_encoding is False
    assert rules.rules == (InboundRule("s", Match("s")),)
    assert list(rules.rewrite_maps) == ["m"]
    assert rules.allowed_server_variables == ("HTTP_A",)
    assert default.rules == (InboundRule("d", Match("d")),)
    assert default.allowed_server_variables == ("HTTP_B",)
    assert default.removals == (Removal(Collection.ALLOWED_SERVER_VARIABLES, "HTTP_A"),)
    (location,) = default.locations
    assert (location.path, location.rules) == ("App/sub", (InboundRule("a", Match("a")),))
    farm = rules.farms["farm"]
    assert farm.servers == (Server(address="10.0.0.2", weight=50, http_port=81),)
    assert (farm.comment, rules.web_farms) == ("two", None)
    assert rules.proxy == ConfigElement(
        "proxy", {"enabled": "true", "preserveHostHeader": "true"}, (ConfigElement("cache", {"enabled": "false"}),)
    )
    assert (rules.proxy.comment, rules.proxy.children[0].comment) == ("of the server", "inner")


def site(bindings: str, rest: str = "") -> str:
    binding = "".join(
        f'<binding protocol="{scheme}" bindingInformation="{information}" />'
        for scheme, _, information in (word.partition("=") for word in bindings.split())
    )
    return (
        "<configuration><system.applicationHost><sites>"
        f'<site name="a"><bindings>{binding}</bindings>{rest}</site></sites></system.applicationHost></configuration>'
    )


BOUND = [
    ("http=*:80:a.example", None),
    ("http=*:80: https=*:8443:*", (("http", 80), ("https", 8443))),
    ("http=*:80:a.example http=*:8080:", (("http", 8080),)),
    ("net.tcp=808:*", ()),
    ("", None),
]


@pytest.mark.parametrize(("bindings", "bound"), BOUND)
def test_bindings_without_a_host(bindings: str, bound: tuple[tuple[str, int], ...] | None) -> None:
    rules = read(site(bindings))
    assert rules.sites[0].bound == bound
    again = parse_yaml(to_yaml(rules), "a.yaml")[0]
    assert (again.sites[0].public, again.sites[0].bound) == (rules.sites[0].public, bound)
    if bound:
        text, _ = to_application_host(rules)
        assert all(f'protocol="{scheme}" bindingInformation="*:{port}:"' in text for scheme, port in bound)


BINDINGS = [
    ("https=*:443:*.Example", ["https://*.example"]),
    ("http=*:80:a.example", ["http://a.example"]),
    ("http=*:8080:a.example https=10.0.0.1:443:a.example", ["http://a.example:8080", "https://a.example"]),
    ("http=[::]:80:", []),
    ("http=[::1]:80:", ["http://[::1]"]),
    ("http=0.0.0.0:80:*", []),
    ("https=*:443:bücher.example", ["https://xn--bcher-kva.example"]),
    ("net.pipe=* ftp=*:21:", []),
    ("http=*:80:a.example http=*:80:A.example", ["http://a.example"]),
]


@pytest.mark.parametrize(("bindings", "public"), BINDINGS)
def test_bindings(bindings: str, public: list[str]) -> None:
    assert list(map(str, read(site(bindings)).sites[0].public)) == public


TOLD: list[tuple[str, Expected]] = [
    (site("http=*:80:a*.example"), [(1, "UR010", 'got the host "a*.example"')]),
    (site("http=*:80:a..b"), [(1, "UR010", 'got the host "a..b"')]),
    (site("http=*:0:a"), [(1, "UR010", "expected address, port and host")]),
    (site("http=*"), [(1, "UR010", "expected address, port and host")]),
    (
        site("http=*:80:a", "<application path='/'><virtualDirectory path='/' physicalPath='a'/></application>")
        + "<!---->",
        [],
    ),
    (
        site("http=*:80:a", "<application path='/b'><virtualDirectory path='/' physicalPath='a'/></application>"),
        [(1, "UR020", 'got files of their own for "b"')],
    ),
    (site("").replace(' name="a"', ""), [(1, "UR006", "<site> name: got nothing")]),
    (
        site("http=*:80:").replace("</sites>", "<site name='b'/></sites>"),
        [(1, "UR013", 'got the site "b" without a host')],
    ),
    (
        site("http=*:80:").replace(
            "</configuration>",
            "\n<location path='b'><system.webServer><rewrite/></system.webServer></location></configuration>",
        ),
        [(2, "UR009", 'got the site "b", expected one of <sites>')],
    ),
]


@pytest.mark.parametrize(("text", "expected"), TOLD)
def test_told(text: str, expected: Expected) -> None:
    assert_told(text, expected, "applicationHost.config")


def test_environment_variables_of_a_physical_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SystemDrive", "C:")
    root = r"%SYSTEMDRIVE%\inetpub\%nosuchvariable%"
    directory = f"<application path='/'><virtualDirectory path='/' physicalPath='{root}'/></application>"
    (found,) = read(site("http=*:80:a", directory)).sites
    assert found.document_root == r"C:\inetpub\%nosuchvariable%"


def test_a_server_without_sites_serves_every_name() -> None:
    server = "<system.webServer><rewrite><rules/></rewrite></system.webServer>"
    text = f"<configuration><webFarms><webFarm name='a'/></webFarms>{server}</configuration>"
    rules = xml_rules.parse(text.encode(), "farm.config")[0]
    assert [(item.name, item.public) for item in rules.sites] == [("farm", ())]
    assert list(rules.farms) == ["a"]


SITE = """<configuration><system.applicationHost><sites><site name="Portal" id="1">
  <application path="/"><virtualDirectory path="/" physicalPath="{root}" /></application>
  <application path="/shop"><virtualDirectory path="/" physicalPath="{root}/shop files" /></application>
</site></sites></system.applicationHost>
<location path="Portal"><system.webServer><rewrite><rules>
  <rule name="all"><match url=".*" /><action type="Redirect" url="/all" /></rule>
</rules></rewrite></system.webServer></location></configuration>"""
WEB_CONFIG = """<configuration><system.webServer><rewrite>
<rules><remove name="all" /><rule name="{name}"><match url="a" /></rule></rules>
</rewrite></system.webServer>
<location path="deep"><system.webServer><rewrite><rules><clear /></rules></rewrite></system.webServer></location>
</configuration>"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    (tmp_path / "shop files").mkdir()
    (tmp_path / "Web.config").write_text(WEB_CONFIG.format(name="of the site"))
    path = tmp_path / "applicationHost.config"
    path.write_text(SITE.format(root=tmp_path))
    return path


def test_the_web_config_in_a_physical_path_is_read_with_inheritance(server: Path) -> None:
    (server.parent / "shop files" / "web.config").write_text(WEB_CONFIG.format(name="of the shop"))
    rule_set, warnings = rule_files.load([server])
    assert [problem.id for problem in warnings] == ["UR020"]
    (site,) = rule_set.sites
    assert [(item.path, [rule.name for rule in item.rules]) for item in site.locations] == [
        ("", ["of the site"]),
        ("deep", []),
        ("shop", ["of the shop"]),
        ("shop/deep", []),
    ]
    levels = site_levels(server_level(rule_set), site)
    names = {path: [placed.rule.name for placed in level.rules] for path, level in levels.items()}
    assert names == {"": ["of the site"], "deep": [], "shop": ["of the site", "of the shop"], "shop/deep": []}
    assert {Path(file).name for file in rule_set.files} == {"applicationHost.config", "Web.config", "web.config"}


def test_a_location_is_relative_to_its_application(server: Path) -> None:
    (server.parent / "shop files" / "web.config").write_text(WEB_CONFIG.format(name="of the shop"))
    section = (
        "<system.webServer><rewrite><rules><rule name='r'><match url='a' /></rule></rules></rewrite></system.webServer>"
    )
    locations = "".join(f"<location path='Portal/{path}'>{section}</location>" for path in ("a/b", "shop", "shop/a"))
    locations += f"<!-- urlrewrite: relative to the location --><location path='Portal/own'>{section}</location>"
    server.write_text(server.read_text().replace("</configuration>", f"{locations}</configuration>"))
    rule_set, _ = rule_files.load([server])
    assert {(item.path, item.relative_to) for item in rule_set.sites[0].locations} == {
        ("", None),
        ("deep", ""),
        ("a/b", ""),
        ("shop", None),
        ("shop/a", "shop"),
        ("shop/deep", "shop"),
        ("own", None),
    }
    text, problems = to_application_host(rule_set)
    assert text.count("relative to the location") == 2
    assert any("put the section into the web.config of that folder" in str(problem) for problem in problems)
    assert "relativeTo: /shop" in to_yaml(rule_set)


def test_a_web_config_that_is_not_there_yet_is_watched(server: Path) -> None:
    rule_set, _ = rule_files.load([server])
    assert str(server.parent / "shop files" / "web.config") in rule_set.files
    assert len(rule_set.sites[0].locations) == 2


def test_errors_of_a_web_config_in_a_physical_path_are_told(server: Path) -> None:
    broken = server.parent / "shop files" / "web.config"
    broken.write_text("<configuration")
    with pytest.raises(RuleFileError) as caught:
        rule_files.load([server])
    assert any(problem.source == Source(str(broken), 1) for problem in caught.value.problems)
    broken.unlink()
    broken.mkdir()
    with pytest.raises(RuleFileError, match=f"{broken}: got no content .it is no plain file"):
        rule_files.load([server])


def test_a_file_for_iis_has_one_section_a_path(server: Path) -> None:
    """What a site says in both files is joined, and told, since IIS would find it twice."""
    rule_set, _ = rule_files.load([server])
    text, problems = to_application_host(rule_set)
    assert text.count('<location path="Portal">') == 1
    assert any("Web.config says is written here as well" in str(problem) for problem in problems)
    (server.parent / "Web.config").unlink()
    (server.parent / "again.config").write_text(text)
    again, _ = rule_files.load([server.parent / "again.config"])
    before, after = (site_levels(server_level(item), item.sites[0]) for item in (rule_set, again))
    assert {path: level.rules for path, level in before.items()} == {path: level.rules for path, level in after.items()}
    text, _ = to_web_config(rule_set)
    assert [rule.name for rule in xml_rules.parse(text.encode(), "web.config")[0].sites[0].rules] == ["of the site"]


def test_a_path_of_windows_survives_the_way_through_yaml(server: Path) -> None:
    for path in (r"%SystemDrive%\inetpub\wwwroot", r"C:\inetpub\wwwroot", r"\\files\share"):
        server.write_text(SITE.format(root=path))
        rule_set, _ = rule_files.load([server])
        (server.parent / "site.yaml").write_text(to_yaml(rule_set))
        again, _ = rule_files.load([server.parent / "site.yaml"])
        assert again.sites[0].document_root == rule_set.sites[0].document_root
        assert again.sites[0].document_root.endswith(path.rpartition("%")[2])
