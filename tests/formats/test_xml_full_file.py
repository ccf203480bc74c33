"""A web.config with everything in it."""

from __future__ import annotations

from types import MappingProxyType

from formats.xml_support import read
from urlrewrite.model import (
    Action,
    ActionType,
    Collection,
    Condition,
    Conditions,
    CustomTags,
    InboundRule,
    LinkMode,
    LogicalGrouping,
    Match,
    MatchType,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    RedirectType,
    Removal,
    ResponseCacheDirective,
    RewriteMap,
    RuleSet,
    SetServerVariable,
)

FULL = r"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <appSettings><add key="a" value="b" /></appSettings>
  <system.webServer>
    <httpErrors errorMode="Detailed" />
    <!-- all of it -->
    <rewrite>
      <!-- inbound -->
      <rules useOriginalURLEncoding="false">
        <clear />
        <!-- first line
             second line -->
        <!-- urlrewrite: silence UR131, UR140 -->
        <rule name="all of it" enabled="false" patternSyntax="Wildcard" stopProcessing="true"
              responseCacheDirective="NotIfRuleMatched">
          <action type="Rewrite" url="http://private:8080/{R:1}" appendQueryString="false" logRewrittenUrl="true" />
          <conditions logicalGrouping="MatchAny" trackAllCaptures="true">
            <!-- of the host -->
            <add input="{HTTP_HOST}" pattern="*.example.com" ignoreCase="false" negate="true" />
            <add matchType="IsFile" />
            <add input="{DOCUMENT_ROOT}/{R:0}" matchType="IsDirectory" negate="true" />
          </conditions>
          <serverVariables>
            <!-- for the backend -->
            <set name="HTTP_X_TENANT" value="a" replace="false" />
            <set name="EMPTY" />
          </serverVariables>
          <match url="a*" ignoreCase="false" negate="true" />
          <!-- at its end -->
        </rule>
        <rule name="moved"><match url=".*" /><action type="Redirect" url="/" redirectType="Found" /></rule>
        <rule name="gone">
          <match url="^old" />
          <action type="CustomResponse" statusCode="410" subStatusCode="5" statusReason="Gone" statusDescription="." />
        </rule>
        <rule name="nothing"><match url="^x" /><action /></rule>
        <!-- the rest -->
      </rules>
      <outboundRules rewriteBeforeCache="true">
        <rule name="links" preCondition="html" enabled="false" patternSyntax="ExactMatch" stopProcessing="true">
          <match filterByTags="A, form,CustomTags" customTags="lazy" pattern="a" occurrences="2" negate="true"
                 ignoreCase="false" />
          <conditions><add input="{URL}" pattern="^/b" /></conditions>
          <action type="Rewrite" value="c" replace="false" />
        </rule>
        <rule name="server"><match serverVariable="RESPONSE_SERVER" pattern=".+" /><action type="Rewrite" /></rule>
        <!-- only pages -->
        <preConditions>
          <preCondition name="html" logicalGrouping="MatchAny" patternSyntax="Wildcard">
            <add input="{RESPONSE_CONTENT_TYPE}" pattern="text/html*" />
          </preCondition>
        </preConditions>
        <customTags>
          <!-- images -->
          <tags name="lazy">
            <tag name="IMG" attribute="data-src" /><tag name="a" attribute="b" /><remove name="a" attribute="b" />
          </tags>
        </customTags>
      </outboundRules>
      <rewriteMaps>
        <rewriteMap name="m" defaultValue="/" ignoreCase="false">
          <!-- short -->
          <add key="x" value="y" />
          <clear />
          <add key="A" value="1" /><add key="a" value="2" /><add key="b" /><add value="4" key="c" />
          <remove key="b" />
        </rewriteMap>
      </rewriteMaps>
    </rewrite>
  </system.webServer>
  <location path="shop/cart" inheritInChildApplications="false">
    <system.webServer>
      <rewrite>
        <rules><remove name="moved" /><rule name="local"><match url="^$" /></rule></rules>
        <outboundRules><clear /></outboundRules>
      </rewrite>
    </system.webServer>
  </location>
  <!-- not about rules -->
</configuration>
"""

ALL_OF_IT = InboundRule(
    "all of it",
    Match("a*", ignore_case=False, negate=True),
    Conditions(
        (
            Condition("{HTTP_HOST}", "*.example.com", ignore_case=False, negate=True),
            Condition("{REQUEST_FILENAME}", match_type=MatchType.IS_FILE),
            Condition("{DOCUMENT_ROOT}/{R:0}", match_type=MatchType.IS_DIRECTORY, negate=True),
        ),
        LogicalGrouping.MATCH_ANY,
        True,
    ),
    (SetServerVariable("HTTP_X_TENANT", "a", replace=False), SetServerVariable("EMPTY", "")),
    Action(ActionType.REWRITE, "http://private:8080/{R:1}", append_query_string=False, log_rewritten_url=True),
    enabled=False,
    pattern_syntax=PatternSyntax.WILDCARD,
    stop_processing=True,
    response_cache_directive=ResponseCacheDirective.NOT_IF_RULE_MATCHED,
    silenced=("UR131", "UR140"),
)


def test_full_file() -> None:
    rules = read(FULL)
    (site,) = rules.sites
    assert rules == RuleSet(sites=rules.sites, files=rules.files, fingerprint=rules.fingerprint)
    assert (site.name, site.public, site.backend, site.links) == ("conf", (), None, LinkMode.OFF)
    assert site.rules == (
        ALL_OF_IT,
        InboundRule("moved", Match(".*"), action=Action(ActionType.REDIRECT, "/", redirect_type=RedirectType.FOUND)),
        InboundRule(
            "gone",
            Match("^old"),
            action=Action(
                ActionType.CUSTOM_RESPONSE,
                status_code=410,
                sub_status_code=5,
                status_reason="Gone",
                status_description=".",
            ),
        ),
        InboundRule("nothing", Match("^x")),
    )
    assert site.outbound_rules == (
        OutboundRule(
            "links",
            OutboundMatch("a", "", ("A", "Form", "CustomTags"), "lazy", 2, ignore_case=False, negate=True),
            "html",
            Conditions((Condition("{URL}", "^/b"),)),
            OutboundAction(OutboundActionType.REWRITE, "c", replace=False),
            enabled=False,
            pattern_syntax=PatternSyntax.EXACT_MATCH,
            stop_processing=True,
        ),
        OutboundRule(
            "server", OutboundMatch(".+", "RESPONSE_SERVER"), action=OutboundAction(OutboundActionType.REWRITE)
        ),
    )
    html = PreCondition(
        "html",
        (Condition("{RESPONSE_CONTENT_TYPE}", "text/html*"),),
        LogicalGrouping.MATCH_ANY,
        PatternSyntax.WILDCARD,
    )
    assert site.pre_conditions == {"html": html}
    assert site.custom_tags == {"lazy": CustomTags("lazy", (("img", "data-src"),))}
    entries = MappingProxyType({"A": "1", "a": "2", "c": "4"})
    assert site.rewrite_maps == {"m": RewriteMap("m", entries, "/", ignore_case=False)}
    assert (site.use_original_url_encoding, site.rewrite_before_cache) == (False, True)
    assert site.removals == (Removal(Collection.RULES),)
    (location,) = site.locations
    assert (location.path, location.rules) == ("shop/cart", (InboundRule("local", Match("^$")),))
    assert location.removals == (Removal(Collection.RULES, "moved"), Removal(Collection.OUTBOUND_RULES))
    assert location.allowed_server_variables is None


def test_lines_and_comments_of_the_full_file() -> None:
    (site,) = read(FULL).sites
    rule = site.rules[0]
    assert str(rule.source) == "conf/web.config:14"
    assert rule.comment == "first line\nsecond line\nat its end"
    assert [(item.source.line, item.comment) for item in rule.conditions.items] == [
        (19, "of the host"),
        (20, ""),
        (21, ""),
    ]
    assert [(item.source.line, item.comment) for item in rule.server_variables] == [(25, "for the backend"), (26, "")]
    assert (site.custom_tags["lazy"].comment, site.rewrite_maps["m"].comment) == ("images", "short")
    assert site.comments == {"rewrite": "all of it", "rules": "inbound\nthe rest", "preConditions": "only pages"}
