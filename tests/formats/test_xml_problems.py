"""What is told of IIS XML that is wrong, misplaced or misspelt."""

from __future__ import annotations

import pytest

from formats.xml_support import Expected, action, assert_told, outbound, problems_of, rule
from urlrewrite.formats.xml import rules as xml_rules

ADD = "<add input='a' pattern='b'/>"
TAGS = "<outboundRules><customTags><tags name='a'>{}</tags></customTags></outboundRules>"
MATCH = "<match url='b'/>"
CONDITION = "<match url='b'/><conditions><add {}/></conditions>"

WRONG: list[tuple[str, Expected]] = [
    ("<rules><rule><match url='b'/></rule></rules>", [(1, "UR006", "<rule> name: got nothing")]),
    (rule("", "\n"), [(1, "UR006", 'rule "a": <rule>: got no <match>')]),
    (rule("", "<action type='Rewrite' url='/'/>"), [(1, "UR018", "here it is every path")]),
    (rule("patternSyntax='ExactMatch'", "<action type='Rewrite' url='/'/>"), [(1, "UR006", "got no <match>")]),
    (rule("", "\n<match/>"), [(2, "UR006", "<match> url: got nothing")]),
    (rule("", "<match url=''/>"), [(1, "UR006", "<match> url: got nothing")]),
    (
        rule("", "<match url='b' ignorecase='true'/>"),
        [(1, "UR017", "got the attribute ignorecase, expected ignoreCase")],
    ),
    (
        rule("", "<match url='b' ignoreCase='a' IgnoreCase='b'/>"),
        [(1, "UR017", ""), (1, "UR005", "ignoreCase twice"), (1, "UR007", 'got "a"')],
    ),
    (rule("", MATCH + "<match url='c'/>"), [(1, "UR005", "<rule>: got <match> again")]),
    (
        rule("", MATCH + "<acton type='None'/>"),
        [
            (
                1,
                "UR004",
                "got <acton>, expected one of <match>, <conditions>, <serverVariables>, <action>, did you mean action?",
            )
        ],
    ),
    (rule("", MATCH + "<Action type='None'/>"), [(1, "UR017", "got <Action>, expected <action>")]),
    (
        rule("", "<match url='b'><add/></match>"),
        [(1, "UR022", "<match>: got <add> in it, expected it behind <match/>"), (1, "UR004", "<rule>: got <add>, ")],
    ),
    (rule("", MATCH + "text"), [(1, "UR004", 'got the text "text"')]),
    (rule("enabled='foo'"), [(1, "UR007", '<rule> enabled: got "foo", expected true or false')]),
    (rule("enabled='1'"), [(1, "UR017", 'got "1", expected true')]),
    (rule("stopProcesing='true'"), [(1, "UR004", 'got the attribute "stopProcesing"')]),
    (rule("patternSyntax='Wildcrd'"), [(1, "UR007", "did you mean Wildcard?")]),
    (rule("configSource='a.xml'"), [(1, "UR012", "expected it in a section such as <rules>")]),
    (rule("", CONDITION.format("pattern='x'")), [(1, "UR006", "<add> input: got nothing")]),
    (rule("", CONDITION.format("input='{URL}'")), [(1, "UR006", "<add> pattern: got nothing")]),
    (
        rule("", CONDITION.format("input='{URL}' matchType='IsFil'")),
        [(1, "UR007", "did you mean IsFile?")],
    ),
    (
        rule("", CONDITION.format("input='{URL}' type='Pattern' pattern='x'")),
        [(1, "UR017", "got the attribute type, expected matchType")],
    ),
    (
        rule("", CONDITION.format("input='{URL}' matchType='isFile' pattern='x'")),
        [(1, "UR013", "pattern: has no effect with matchType IsFile")],
    ),
    (rule("", MATCH + "<conditions><clear/></conditions>"), [(1, "UR004", "got <clear>, expected <add>")]),
    (
        rule("", MATCH + "<serverVariables><set value='x'/></serverVariables>"),
        [(1, "UR006", "<set> name: got nothing")],
    ),
    (
        rule("", MATCH + "<serverVariables><set name=' A' value='x'/></serverVariables>"),
        [(1, "UR017", "without blanks around it")],
    ),
    (
        rule("", MATCH + "<serverVariables><set name='{A}' value='x'/></serverVariables>"),
        [(1, "UR007", "expected a bare name")],
    ),
    (
        rule("", MATCH + "<serverVariables><set name='A'/>\n<set name='a'/></serverVariables>"),
        [(2, "UR008", 'got the server variable "a" again')],
    ),
    (
        action("type='Rewrit' url='/'"),
        [(1, "UR007", "did you mean Rewrite?")],
    ),
    (action("type='Rewrite'"), [(1, "UR006", "<action> url: got nothing")]),
    (action("type='Redirect' url=' / '"), [(1, "UR017", 'got " / "')]),
    (action("type='Redirect' url=' '"), [(1, "UR006", "<action> url: got blanks")]),
    (action("type='Redirect' url='/' redirectType='308'"), [(1, "UR018", "which IIS does not know")]),
    (action("type='Redirect' url='/' redirectType='PermanentRedirect'"), [(1, "UR018", "redirectType=308")]),
    (action("type='Redirect' url='/' redirectType='304'"), [(1, "UR007", 'got "304"')]),
    (
        action("type='Redirect' url='/' statusCode='403'"),
        [(1, "UR013", "statusCode: has no effect with the action Redirect")],
    ),
    (action("type='CustomResponse'"), [(1, "UR006", "<action> statusCode: got nothing")]),
    (action("type='CustomResponse' statusCode='302'"), [(1, "UR007", "expected a status outside 300 to 307")]),
    (action("type='CustomResponse' statusCode='100'"), [(1, "UR007", "from 200 to 999")]),
    (action("type='CustomResponse' statusCode='-1'"), [(1, "UR007", "expected a whole number")]),
    (action("type='CustomResponse' statusCode='403' subStatusCode='1000'"), [(1, "UR007", "from 0 to 999")]),
    (
        action("type='CustomResponse' statusCode='403' statusLine='a' responseLine='b'"),
        [(1, "UR017", "statusReason"), (1, "UR017", "statusDescription")],
    ),
    (
        "<rules><rule name='a'><match url='b'/></rule>\n<rule name='A'><match url='b'/></rule></rules>",
        [(2, "UR008", 'rule "A": got the rule "A" again, expected each once: the first one is in web.config:1')],
    ),
    ("<rules><remove/></rules>", [(1, "UR006", "<remove> name: got nothing")]),
    ("<rules/>\n<rules/>", [(2, "UR018", "got <rules> again")]),
    ("<rules useOriginalUrlEncoding='false'/>", [(1, "UR017", "expected useOriginalURLEncoding")]),
    ("<rule name='a'/>", [(1, "UR022", "got <rule> in <rewrite>, expected it in <rules> or <outboundRules>")]),
    ("<rewriteMap name='a'/>", [(1, "UR022", "expected it in <rewriteMaps>")]),
    ("<preConditions/>", [(1, "UR022", "expected it in <outboundRules>")]),
    (
        action("type='Rewrite' url='/' logRewrittenUrl='true'").replace("rules>", "globalRules>"),
        [(1, "UR018", "in a global rule")],
    ),
    (
        rule("", MATCH + f"<conditions>{ADD}\n{ADD}</conditions>").replace("rules>", "globalRules>"),
        [(2, "UR018", "the same condition again")],
    ),
    (outbound("serverVariable='A'"), [(1, "UR006", "<match> pattern: got nothing")]),
    ("<outboundRules><rule name='a'/></outboundRules>", [(1, "UR006", "got no <match>")]),
    (outbound("pattern='a' filterByTags='A, Imag'"), [(1, "UR007", "did you mean Img?")]),
    (outbound("pattern='a' filterByTags='A' serverVariable='B'"), [(1, "UR013", "filterByTags: has no effect")]),
    (outbound("pattern='a' serverVariable='{B}'"), [(1, "UR007", "expected a bare name")]),
    (outbound("pattern='a' filterByTags='CustomTags'"), [(1, "UR006", "<match> customTags: got nothing")]),
    (outbound("pattern='a' customTags='x'"), [(1, "UR013", "without the flag CustomTags")]),
    (outbound("pattern='a' occurrences='-1'"), [(1, "UR007", "occurrences")]),
    (outbound("pattern='a'", "<serverVariables/>"), [(1, "UR004", "got <serverVariables>")]),
    (outbound("pattern='a'", "<action type='Redirect'/>"), [(1, "UR007", "expected one of None, Rewrite")]),
    (
        "<outboundRules><rule name='a' patternSyntax='Wildcard'><match pattern='*'/></rule></outboundRules>",
        [(1, "UR012", "got Wildcard for the whole body")],
    ),
    (
        TAGS.format("<tag name='b'/>"),
        [(1, "UR006", "<tag> attribute: got nothing")],
    ),
    (
        TAGS.format("<tag name='b' attribute='c'/><tag name='B' attribute='c'/>"),
        [(1, "UR018", 'got "b/c" again')],
    ),
    ("<rewriteMaps><rewriteMap/></rewriteMaps>", [(1, "UR006", "<rewriteMap> name: got nothing")]),
    ("<rewriteMaps><rewriteMap name='toLower'/></rewriteMaps>", [(1, "UR007", "is not one of R, C, ToLower")]),
    (
        "<rewriteMaps><rewriteMap name='m'><add value='b'/></rewriteMap></rewriteMaps>",
        [(1, "UR006", "<add> key: got nothing")],
    ),
    (
        "<rewriteMaps><rewriteMap name='m'><add key='a' value='b'/><add key='a' value='b'/></rewriteMap></rewriteMaps>",
        [(1, "UR018", 'got the key "a" again')],
    ),
    (
        "<rewriteMaps><rewriteMap name='m'><add key='a' value='b'/><add key='a' value='c'/></rewriteMap></rewriteMaps>",
        [(1, "UR008", "two values cannot both be meant")],
    ),
    ("<providers><provider name='p'/></providers>", [(1, "UR006", "<provider> type: got nothing")]),
    ("<rulez/>", [(1, "UR004", "got <rulez>, expected one of <rules>, <globalRules>")]),
    ("<!-- urlrewrite: silence UR131 --><rules/>", [(1, "UR021", "expected it before a rule or in one")]),
    (
        "<rules><!-- urlrewrite: silence all --><rule name='a'><match url='b'/></rule></rules>",
        [(1, "UR021", "expected silence UR... or redirectType=308")],
    ),
    (
        outbound("pattern='b'", "<!-- urlrewrite: redirectType=308 -->"),
        [(1, "UR021", "expected it in an inbound rule")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(f"<rewrite>{text}</rewrite>", expected)


RULES = "<rules><rule name='a'><match url='b'/></rule></rules>"
SERVER = f"<system.webServer><rewrite>{RULES}</rewrite></system.webServer>"
PLACES: list[tuple[str, Expected, int]] = [
    (
        f"<configuration>\n<rewrite>{RULES}</rewrite></configuration>",
        [(2, "UR022", "expected it in <system.webServer>")],
        1,
    ),
    (
        f"<configuration><system.webServer>\n{RULES}</system.webServer></configuration>",
        [(2, "UR022", "got <rules> in <system.webServer>, expected it in <rewrite>")],
        1,
    ),
    (
        f"<configuration><system.web>\n<rewrite>{RULES}</rewrite></system.web></configuration>",
        [(2, "UR022", "got <rewrite> in <system.web>, expected it in <system.webServer>; it is left out")],
        0,
    ),
    (
        f"<configuration><system.webServer><security>\n<rewrite>{RULES}</rewrite></security></system.webServer></configuration>",
        [(2, "UR022", "got <rewrite> in <security>")],
        0,
    ),
    (
        f"<configuration><location path='a'><rewrite>{RULES}</rewrite></location></configuration>",
        [(1, "UR022", "got <rewrite> in <location>")],
        0,
    ),
    (
        f"<configuration><location path='.'>{SERVER}</location>\n{SERVER}</configuration>",
        [(2, "UR018", "got <rules> again"), (2, "UR008", 'got the rule "a" again')],
        0,
    ),
    (
        "<configuration><system.webServer><rewrite>\n<globalRules/></rewrite></system.webServer></configuration>",
        [(2, "UR018", "which only applicationHost.config may have")],
        0,
    ),
    (
        "<configuration><system.webServer><rewrite>\n<allowedServerVariables/></rewrite></system.webServer></configuration>",
        [(2, "UR018", "which only applicationHost.config may have")],
        0,
    ),
    (
        f"<rewrite xmlns:xdt='u'>\n<rules xdt:Transform='Insert'>{RULES[7:]}</rewrite>",
        [(2, "UR013", "got the attribute Transform of a transformation")],
        1,
    ),
    ("<system.webServer><proxy enabled='true'/>\n<proxy/></system.webServer>", [(2, "UR005", "got <proxy> again")], 0),
]


@pytest.mark.parametrize(("text", "expected", "count"), PLACES)
def test_places(text: str, expected: Expected, count: int) -> None:
    assert_told(text, expected)
    if count:
        (site,) = xml_rules.parse(text.encode(), "web.config")[0].sites
        assert len(site.rules) == count


def test_too_many_problems_are_given_up() -> None:
    found = problems_of("<rewrite>" + "<foo/>" * 20_000 + "</rewrite>")
    assert (len(found), found[-1].id) == (10_001, "UR023")
