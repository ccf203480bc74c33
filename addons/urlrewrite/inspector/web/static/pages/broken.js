// The page "Why is the page broken": the worst finding as a sentence, all findings of one page load, the other page loads.
import { badge, card, code, copyButton, count, counted, get, h, link, note, post, table, time, tryLink } from "../lib.js";

export const title = "Why is the page broken?";

// What a person can do something about on the page Farms.
const OF_FARMS = new Set(["farm-down", "attempts-failed", "sticky-server-gone", "health-test"]);
const ASK_AGAIN = "Ask again";
const ASK_AGAIN_TITLE = "Send the request to the backend once more, past all rules, each time with one thing changed: at most twenty times";
const KINDS = { error: "err", warning: "warn", note: "info" };

// How a finding is known, where that is more, or less, than what was recorded.
const KNOWN = {
  experiment: ["ok", "tried: the change made the difference"],
  guess: ["warn", "probably: another reason is possible"],
};

export async function show(main, query, app) {
  const content = h("div");
  main.append(content);

  function update(data, chosen) {
    const broken = data.findings.some((finding) => finding.severity === "error");
    content.replaceChildren(
      ...data.problems.map((problem) => note("err", problem)),
      note(broken ? "err" : data.findings.length ? "warn" : "ok", h("strong", {}, data.headline)),
    );
    content.append(probe(data.probe, switchProbe));
    if (data.load) content.append(pageLoad(data.load, chosen));
    data.findings.forEach((finding, index) => content.append(findingCard(finding, index + 1, askAgain)));
    if (data.resources.length) content.append(exchanges(data.resources));
    if (!chosen && data.loads.length) content.append(loads(data, data.load?.flow));
  }
  async function askAgain({ flow, method, safe }, button, refusal) {
    const question = `${method} may change something at the backend, up to twenty times. Ask again all the same?`;
    if (!safe && !window.confirm(question)) return;
    button.disabled = true;
    button.textContent = "Asking…";
    try {
      const data = await post("broken", { flow, confirmed: !safe });
      if (app.isCurrent()) update(data, flow);
    } catch (error) {
      button.disabled = false;
      button.textContent = ASK_AGAIN;
      refusal.replaceChildren(note("err", error.message));
    }
  }
  async function switchProbe(on) {
    const data = await post("broken", { probe: on, ...(query.flow ? { flow: query.flow } : {}) });
    if (app.isCurrent()) update(data, query.flow);
  }
  update(await get("broken", query.flow ? { flow: query.flow } : {}), query.flow);
}

// The one switch of the probe, and what it is for.
function probe({ on, said, why_not: whyNot }, switchTo) {
  const box = h("input", { type: "checkbox", onchange: (event) => switchTo(event.currentTarget.checked) });
  box.checked = on;
  const hint = said
    ? `The browser said ${counted(said, "thing")} of this page. A page may change by being watched: switch this off and load it again, to see whether it does.`
    : whyNot
      ? `This page cannot be watched: ${whyNot}.`
      : on
        ? "Load the page again: its browser then says what it refuses. Watched pages are not cached, and carry a script."
        : "Pages then carry a script that tells this proxy, and nobody else, what the browser refuses.";
  return h("div", { class: "row" }, h("label", {}, box, " Let the browser say what it refuses"), h("span", { class: "muted" }, hint));
}

function pageLoad(load, chosen) {
  const parts = [
    h("span", { class: "code" }, load.url),
    status(load.status),
    time(load.began),
    h("span", { class: "muted" }, `${counted(load.redirects, "redirect")}, ${counted(load.resources, "resource")}`),
  ];
  if (chosen) parts.push(link("broken", {}, "All page loads"));
  return h("div", { class: "row" }, parts);
}

function findingCard(finding, number, askAgain) {
  const refusal = h("div");
  const again = finding.ask
    ? h("button", { type: "button", title: ASK_AGAIN_TITLE, onclick: (event) => askAgain(finding.ask, event.currentTarget, refusal) }, ASK_AGAIN)
    : null;
  const flow = finding.flows[0];
  const source = finding.source ? h("span", { class: "muted" }, finding.source) : null;
  const rule = finding.rule ? [link("rules", finding.at ?? {}, `Rule "${finding.rule}"`), " ", source] : source;
  const known = [finding.said && badge("ok", "the browser said so"), KNOWN[finding.known] && badge(...KNOWN[finding.known])];
  const more = finding.flows.slice(1).map((id, index) => link("flow", { flow: id }, `flow ${index + 2}`));
  return h(
    "section",
    { class: "card finding", "data-kind": finding.kind },
    h("h2", {}, badge(KINDS[finding.severity] ?? "info", finding.severity), ` ${number}. ${finding.title} `, known),
    finding.todo ? h("p", {}, h("strong", {}, "What to do: "), finding.todo) : null,
    finding.yaml ? proposal(finding) : null,
    rule ? h("p", {}, rule, finding.source ? [" ", copyButton(finding.source, "Copy location")] : null) : null,
    finding.evidence.length
      ? table(["Evidence", ""], finding.evidence.map(([label, value]) => [label, code(value)]))
      : null,
    flow
      ? h(
          "p",
          { class: "row" },
          OF_FARMS.has(finding.kind) ? link("farms", {}, "Show the farms") : null,
          link("flow", { flow }, "Show the flow"),
          link("leaks", { flow }, "Its leaks"),
          link("try_out", { flow }, "Try it with other rules"),
          again,
          more.length ? h("span", { class: "muted" }, "also: ", more.flatMap((item) => [item, " "])) : null,
        )
      : null,
    refusal,
  );
}

function proposal({ todo, yaml, site }) {
  const buttons = h("div", { class: "toolbar" }, copyButton(yaml), tryLink({ title: todo.split(/[.:]/)[0], yaml, xml: "", site }));
  return h("div", {}, code(yaml), buttons);
}

function exchanges(resources) {
  const rows = resources.map((exchange) => [
    link("flow", { flow: exchange.flow }, `${exchange.method} ${exchange.url}`),
    exchange.failed ? badge("err", exchange.failed) : status(exchange.status),
  ]);
  return h("details", { class: "card" }, h("summary", {}, resources.length === 1 ? "The one exchange of this page load" : `All ${count(resources.length)} exchanges of this page load`), table(["Exchange", "Response"], rows));
}

function loads({ loads: all, more }, current) {
  const rows = all.map((load) => ({
    class: load.flow === current ? "current" : null,
    cells: [
      { cell: time(load.began), class: "nowrap" },
      link("broken", { flow: load.flow }, load.url),
      status(load.status),
      load.findings ? badge(load.errors ? "err" : "warn", counted(load.findings, "finding")) : badge("ok", "nothing found"),
      load.worst,
    ],
  }));
  const older = more ? h("p", { class: "muted" }, `${counted(more, "older page load")} not examined: open one from its flow.`) : null;
  return card("Page loads", table(["Time", "Page", "Response", "Findings", "Worst finding"], rows), older);
}

function status(code) {
  if (code === null) return badge("err", "no response");
  return badge(code >= 400 ? "err" : code >= 300 ? "info" : "ok", String(code));
}
