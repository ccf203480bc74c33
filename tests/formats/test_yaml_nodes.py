from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.yaml import nodes as yaml_nodes
from urlrewrite.formats.yaml.nodes import MAX_ALIASED_NODES, MAX_DEPTH, Mapping, Scalar, Sequence, compose


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """PyYAML with libyaml, and without, as where it was built without a compiler."""
    monkeypatch.setattr(yaml_nodes, "_LOADER", getattr(yaml, request.param))
    return str(request.param)


def test_every_scalar_stays_a_text_with_its_line(loader: str) -> None:
    text = "a: off\nb:\n  - 301\n  - '1.0'\n  - ~\n  - |\n    block\nc: {d: }\n"
    assert compose(text, "f") == (
        Mapping(
            (
                (Scalar("a", 1), Scalar("off", 1)),
                (
                    Scalar("b", 2),
                    Sequence(
                        (Scalar("301", 3), Scalar("1.0", 4, plain=False), Scalar("~", 5), Scalar("block\n", 6, False)),
                        3,
                    ),
                ),
                (Scalar("c", 8), Mapping(((Scalar("d", 8), Scalar("", 8)),), 8)),
            ),
            1,
        ),
        [],
    )


NULLS = [("", True), ("~", True), ("null", True), ("NULL", True), ("''", False), ("'~'", False), ("None", False)]


@pytest.mark.parametrize(("text", "expected"), NULLS)
def test_null(loader: str, text: str, expected: bool) -> None:
    root, _ = compose(f"a: {text}", "f")
    assert isinstance(root, Mapping)
    value = root.entries[0][1]
    assert isinstance(value, Scalar)
    assert value.is_null is expected


def test_an_alias_is_the_node_it_names(loader: str) -> None:
    root, problems = compose("a: &x [1]\nb: *x\nc: &x {}\nd: *x\n", "f")
    assert problems == []
    assert isinstance(root, Mapping)
    a, b, c, d = (value for _, value in root.entries)
    assert a is b
    assert c is d


def test_no_document_is_no_tree(loader: str) -> None:
    assert compose("# nothing\n", "f") == (None, [])


BOMB = "a: &a0 [x, x]\n" + "".join(f"b{i}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(30))

BAD = [
    ("a: {C:1}/x\n", 1, "begins with {"),
    ("a: [^/]+\n", 1, "begins with {, ["),
    ("a: *.html\n", 1, "begins with * must be in quotes"),
    ("a: *\n", 1, "begins with * must be in quotes"),
    ("a: & b\n", 1, "begins with & must be in quotes"),
    ("a: !foo x\n", 1, "begins with ! must be in quotes"),
    ("a: !!binary x\n", 1, "begins with ! must be in quotes"),
    ("a: @x\n", 1, "begins with @ must be in quotes"),
    ("b: c\na: %x\n", 2, "begins with % must be in quotes"),
    ("a: `x`\n", 1, "begins with ` must be in quotes"),
    ('a: "\\d+"\n', 1, "put patterns in single quotes"),
    ("a:\n\t- b\n", 2, "with spaces, not with tabs"),
    ("a: b: c\n", 1, "a colon and a blank"),
    ("a: 'b\nc: d\n", 1, "the quote is never closed"),
    ("a: [b\nc: d\n", 2, ""),
    ("- a\nb: c\n", 2, ""),
    ("a: b\n  c\n d: e\n", 3, ""),
    ("a: b\n---\nc: d\n", 2, "a second document"),
    ("? [a]\n: b\n", 1, "as a key"),
    ("{a: b}: c\n", 1, "as a key"),
    ("a: \x01b\n", 1, "control character"),
    ("a: äöüäöüäöü\nb: \x00\nc: d\ne: f\n", 2, "control character"),
    ('a: "\\ud800"\n', 1, ""),
    ('a: "\\UFFFFFFFF"\n', 1, ""),
    ("a: \ud800\n", 1, ""),
    ("a: &x [*x]\n", 1, "an anchor &x that ends before it"),
    ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 1, f"more than {MAX_DEPTH} levels"),
    ("a:\n" + "".join("  " * i + f" b{i}:\n" for i in range(MAX_DEPTH + 9)), MAX_DEPTH + 1, "levels"),
    ("[" * 100_000, 1, ""),
    (BOMB, 15, f"more than {MAX_ALIASED_NODES} nodes"),
]


@pytest.mark.parametrize(("text", "line", "part"), BAD, ids=[repr(text[:20]) for text, _, _ in BAD])
def test_what_is_no_yaml_is_told_with_its_line_and_a_way_out(loader: str, text: str, line: int, part: str) -> None:
    root, problems = compose(text, "rules.yaml")
    assert root is None
    (problem,) = problems
    assert (problem.source.file, problem.source.line, problem.id) == ("rules.yaml", line, "UR002")
    assert problem.message.startswith("got ")
    assert "expected" in problem.message
    assert part in problem.message


@given(st.text(alphabet=st.sampled_from("ab:-{}[]&*!|>'\"#%@` \n\t\\,?~\x00\ud800é"), max_size=60))
def test_any_text_is_a_tree_or_one_problem_within_the_text(text: str) -> None:
    root, problems = compose(text, "f")
    assert root is None or not problems
    assert all(1 <= problem.source.line <= text.count("\n") + 1 for problem in problems)
