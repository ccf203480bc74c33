// The page "Why is the page broken": the worst finding as a sentence, all findings of one page load, the other page loads.
import { badge, card, code, copyButton, count, counted, get, h, link, note, table, time, tryLink } from "../lib.js";

export const title = "Why is the page broken?";

// What a person can do something about on the page Farms.
const OF_FARMS = new Set(["farm-down", "attempts-failed", "sticky-server-gone", "health-test"]);
const KINDS = { error: "err", warning: "warn", note: "info" };

export async function show(main, query) {
  const data = await get("broken", query.flow ? { flow: query.flow } : {});
  const broken = data.findings.some((finding) => finding.severity === "error");
  main.append(
    ...data.problems.map((problem) => note("err", problem)),
    note(broken ? "err" : data.findings.length ? "warn" : "ok", h("strong", {}, data.cause)),
  );
  if (data.load) main.append(pageLoad(data.load, query.flow));
  data.findings.forEach((finding, index) => main.append(findingCard(finding, index + 1)));
  if (data.resources.length) main.append(exchanges(data.resources));
  if (!query.flow && data.loads.length) main.append(loads(data, data.load?.flow));
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

function findingCard(finding, number) {
  const flow = finding.flows[0];
  const source = finding.source ? h("span", { class: "muted" }, finding.source) : null;
  const rule = finding.rule ? [link("rules", finding.at ?? {}, `Rule "${finding.rule}"`), " ", source] : source;
  const more = finding.flows.slice(1).map((id, index) => link("flow", { flow: id }, `flow ${index + 2}`));
  return h(
    "section",
    { class: "card finding", "data-kind": finding.kind },
    h("h2", {}, badge(KINDS[finding.severity] ?? "info", finding.severity), ` ${number}. ${finding.title}`),
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
          more.length ? h("span", { class: "muted" }, "also: ", more.flatMap((item) => [item, " "])) : null,
        )
      : null,
  );
}

function proposal({ todo, yaml, site }) {
  const buttons = h("div", { class: "toolbar" }, copyButton(yaml), tryLink({ title: todo.split(":")[0], yaml, xml: "", site }));
  return h("div", {}, code(yaml), buttons);
}

function exchanges(resources) {
  const rows = resources.map((exchange) => [
    link("flow", { flow: exchange.flow }, `${exchange.method} ${exchange.url}`),
    exchange.failed ? badge("err", exchange.failed) : status(exchange.status),
  ]);
  return h("details", { class: "card" }, h("summary", {}, `All ${count(resources.length)} exchanges of this page load`), table(["Exchange", "Response"], rows));
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
