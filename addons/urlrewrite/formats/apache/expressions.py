"""The regular expressions of directives, read as PCRE; a fault goes into the report with its offset in the pattern."""

from __future__ import annotations

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.patterns.pcre import Expression, PatternError, parse_pcre


def read_expression(
    pattern: str, line: int, report: Report, *, ignore_case: bool = False, dot_takes_line_ends: bool = False
) -> Expression:
    """Read the pattern of a directive; report one that is not valid, and return one that matches everything.

    Args:
        pattern: as it stands in the file, without `!`.
        line: of the directive.
        report: of the file.
        ignore_case: the flag NC.
        dot_takes_line_ends: read `.` as every character, so that a line end does not get a request past the rule.
    """
    try:
        return parse_pcre(pattern, ignore_case=ignore_case, dot_takes_line_ends=dot_takes_line_ends)
    except PatternError as fault:
        message = f"got the pattern {shown(pattern)}, offset {fault.offset}: {fault}"
        report.error(line, ProblemId.APACHE_PATTERN, message)
        return parse_pcre("^")
