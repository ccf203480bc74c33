"""The command `urlrewrite` of an installed package: the sub-commands of run.sh that need no checkout."""

from __future__ import annotations

import sys
from importlib.metadata import version

from urlrewrite.cli import main as rule_files
from urlrewrite.cli import serve, why
from urlrewrite.loading.project import project

USAGE = """usage: urlrewrite COMMAND [ARGUMENTS]      each command has its own --help

  demo               demo backend, proxy with TLS, and mitmweb
  web RULES...       the proxy with your rules, seen in mitmweb
  proxy RULES...     the proxy with your rules, headless (mitmdump)
  init               print a rule file: the templates of IIS Manager, as YAML or web.config (init --list)
  schema             print the JSON Schema of rule files in YAML, which editors complete and check them by
  check RULES...     read, lint and test rule files
  explain RULES... URL               say what the rules do with one request, without any network
  explain RULES... --flow FILE       or with the requests and answers of a recording
  why URL [RULES...]                 load a page in a headless Chromium, and say what is broken in it, and why
  convert RULES... --to FORMAT       print them as web.config, applicationHost.config or YAML, or write them for nginx
  prove RULES... --to nginx          start nginx with what convert writes, and compare what both do with requests
  path               print the script that mitmdump and mitmweb load: mitmdump -s "$(urlrewrite path)"
  version            print the version
"""


SERVING = ("demo", "web", "proxy")
WITHOUT_PROXY = ("init", "schema", "check", "explain", "convert", "prove")


def main() -> int:
    """Run the command line of this process and return its exit code; 2 if the command is wrong."""
    name, *rest = sys.argv[1:] or ["help"]
    match name:
        case "path":
            print(project() / "addons" / "reverse.py")
        case "version" | "--version":
            print(version("mitm-urlrewrite"))
        case "help" | "-h" | "--help":
            print(USAGE, end="")
        case "why":
            return why.main(rest)
        case _ if name in SERVING:
            return serve.main([name, *rest])
        case _ if name in WITHOUT_PROXY:
            return rule_files.main([name, *rest])
        case _:
            print(f"urlrewrite: unknown command {name!r}; urlrewrite help lists them", file=sys.stderr)
            return 2
    return 0
