"""What the servers of the demo's farms show: which of them answers. All of them serve the whole site."""

from __future__ import annotations

from privateserver.catalogue import Group, Page, Reply
from privateserver.handler import PageHandler
from privateserver.markup import document

NAMES = ("red", "green", "blue")
"""The servers of a farm; each listens on the next port after that of the backend."""

_STYLE = """<style>
.server { display: inline-block; padding: 0.6em 1.2em; border-radius: 0.4em; color: #fff; font-size: 1.4em; }
#answers { display: flex; flex-wrap: wrap; gap: 4px; min-height: 24px; padding: 0; list-style: none; }
#answers li { width: 24px; height: 24px; border-radius: 4px; }
.red { background: #b3261e; } .green { background: #1b6e3c; } .blue { background: #1f57a8; }
.alone { background: #666; }
</style>"""

_SCRIPT = """<script>
async function ask() {
  const response = await fetch(location.href, { cache: "no-store" });
  const server = response.ok && (await response.text()).match(/data-server="(\\w+)"/);
  return server ? server[1] : `status ${response.status}`;
}
document.getElementById("ask").addEventListener("click", async () => {
  const list = document.getElementById("answers"), counts = {};
  list.replaceChildren();
  for (let number = 0; number < 30; number += 1) {
    const server = await ask();
    counts[server] = (counts[server] ?? 0) + 1;
    const item = document.createElement("li");
    item.className = item.title = server;
    list.append(item);
    const told = Object.entries(counts).sort().map(([name, times]) => `${name} ${times} times`);
    document.getElementById("counts").textContent = told.join(", ");
  }
});
proof.check("a server answers", async () => proof.assert(/^\\w+$/.test(await ask()), "no server answers"));
</script>"""


class Answers(PageHandler):
    """Says which server answers."""

    def respond(self) -> None:
        """Write the page."""
        name = self.settings["server"] or "alone"
        who = f"The {name} server answers, on port {self.settings['port']}."
        if name == "alone":
            who = "The backend answers by itself, without a farm."
        main = (
            f'{_STYLE}\n<p class="server {name}" data-server="{name}">{who}</p>\n'
            '<p><button type="button" id="ask">Ask 30 times</button> <span id="counts"></span></p>\n'
            f'<ol id="answers"></ol>\n{_SCRIPT}'
        )
        self.set_header("Content-Type", self.page.content_type)
        self.set_header("Cache-Control", "no-store")
        self.write(document(self.page, main))


def health(page: Page, request: object) -> Reply:
    """Say that this server is well."""
    return Reply(body=b"well\n")


FARM = Group(
    "A server farm",
    (
        Page(
            path="/farm/",
            title="Three servers take turns",
            problem="Three servers do the same work. Each says which one it is.",
            expect="Each reload is answered by the next server: red, green, blue. Take one away on the page Farms of "
            "the inspector (Stop, at the farm turns), and ask 30 times: the others answer, and nobody gets an error.",
            serve=Answers,
        ),
        Page(
            path="/farm/sticky/",
            title="A visitor stays with one server",
            problem="The same three servers keep something about each visitor in their memory, such as a basket.",
            expect="Each reload is answered by the same server, by a cookie. Take that one away on the page Farms "
            "(Stop, at the farm sticky): you move to another one, and stay there. With Drain you stay, and nobody new "
            "comes.",
            serve=Answers,
        ),
        Page(
            path="/farm/health",
            title="What the health test asks for",
            problem="The proxy asks every server each few seconds whether it is well.",
            expect="It arrives unchanged.",
            serve=health,
            kind="resource",
            content_type="text/plain; charset=utf-8",
            named=False,
        ),
    ),
)
