"""applicationHost.config: sites with their bindings, what belongs to the server, web farms and the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from formats.xml_support import Expected, assert_told, read
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.model import (
    Collection,
    ConfigElement,
    InboundRule,
    LinkMode,
    Match,
    Origin,
    Removal,
)

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
    assert rules.web_farms == (
        ConfigElement("webFarms", {"onDemandHealthCheck": "false"}),
        ConfigElement(
            "webFarm",
            {"name": "farm", "enabled": "true"},
            (
                ConfigElement(
                    "server",
                    {"address": "10.0.0.2", "enabled": "true"},
                    (ConfigElement("applicationRequestRouting", {"weight": "50", "httpPort": "81"}),),
                ),
            ),
        ),
    )
    assert rules.web_farms[1].comment == "two"
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


BINDINGS = [
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
    (site("http=*:80:a.example http=*:8080:"), [(1, "UR020", 'got the binding "*:8080:" without a host')]),
    (site("http=*:80:*.example"), [(1, "UR020", 'got the host "*.example", expected a full name')]),
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
    assert [item.name for item in rules.web_farms] == ["webFarm"]
