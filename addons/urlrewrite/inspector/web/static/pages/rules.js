// The page Rules: every rule in force in the order in which it runs, what it did, and where it is written.

import { badge, card, count, counted, duration, get, h, link, note, table, time } from "../lib.js";

export const title = "Rules";

export async function show(main, query, app) {
  const data = await get("rules");
  const detail = h("div", {});
  main.append(...data.causes.map((cause) => note(cause.kind, cause.text)));
  if (!data.causes.length) main.append(note("ok", "Every enabled rule has acted, and nothing is wrong with the rule files."));
  main.append(h("p", { class: "muted" }, basis(data)), detail);
  for (const group of data.groups) main.append(groupCard(group, query, app, detail));
  if (data.problems.length) main.append(findings(data));
  if (query.rule !== undefined) await open(query, app, detail, false);
}

function basis(data) {
  if (!data.fingerprint) return "";
  const counts = data.recorded
    ? `Counted from ${counted(data.exchanges, "recorded exchange")} under these rules`
    : [`Counted from ${counted(data.exchanges, "exchange")} since `, time(data.since), ", when these rules came into force"];
  const partly =
    data.traced < data.exchanges
      ? ` Misses and changes are known only for the ${count(data.traced)} that were traced in full (option urlrewrite_trace).`
      : "";
  return [
    "Rules ", h("code", {}, data.fingerprint), ". ", counts, ".", partly,
  ];
}

function groupCard(group, query, app, detail) {
  const heads = [
    "", "Rule", "Matches", "Does",
    { text: "Hits", class: "number", title: "exchanges in which it acted" },
    { text: "Misses", class: "number", title: "exchanges in which it was tried and did not match" },
    { text: "Changes", class: "number", title: "what it set, replaced or decided" },
    { text: "Time", class: "number", title: "average time in an exchange in which it is tried" },
    "Last hit", "File",
  ];
  const rows = group.rules.map((rule, index) => row(group, rule, index, query, app, detail));
  const body = rows.length ? table(heads, rows) : h("p", { class: "empty" }, "no rules");
  return card(group.title, group.fault ? note("err", `mode iis: every request here gets ${group.fault}`) : null, body);
}

function row(group, rule, index, query, app, detail) {
  const place = { side: group.side, site: group.site, location: group.location, rule: rule.name };
  const chosen = Object.keys(place).every((key) => (query[key] ?? "") === place[key]) && query.rule !== undefined;
  const name = h("button", { type: "button", class: "plain", onclick: () => open(place, app, detail, true) }, rule.name || "(no name)");
  const hits = rule.flow ? link("flow", { flow: rule.flow }, count(rule.hits), { title: "the last exchange in which it acted" }) : count(rule.hits);
  return {
    class: rule.enabled ? null : "dim",
    "aria-selected": chosen ? "true" : null,
    cells: [
      { cell: count(index + 1), class: "number muted" },
      h("div", {}, name, " ", rule.marks.map((mark) => [badge(mark.kind, mark.text, mark.why), " "])),
      h("code", {}, rule.matches),
      [h("code", {}, rule.acts), rule.ends ? [" ", badge("", "ends", "no rule after it is tried where it acts")] : null],
      { cell: hits, class: "number" },
      number(rule.misses),
      number(rule.changes),
      spent(rule),
      { cell: time(rule.last_hit), class: "nowrap" },
      { cell: h("span", { class: "muted small", title: rule.source }, rule.source.split(/[/\\]/).pop()) },
    ],
  };
}

function number(value) {
  return value === null ? { cell: "?", class: "number muted", title: "known only from full traces" } : value;
}

function spent(rule) {
  if (rule.seconds === null) return { cell: "–", class: "number muted", title: "measured while exchanges are traced in full" };
  return { cell: duration(rule.seconds), class: "number", title: `${duration(rule.spent)} in total` };
}

async function open(place, app, detail, scroll) {
  const { side, site, location, rule } = place;
  app.keep({ side, site, location, rule });
  try {
    const data = await get("rules", { side, site, location, rule });
    detail.replaceChildren(one(data, () => { detail.replaceChildren(); app.keep({}); }));
  } catch (error) {
    detail.replaceChildren(note("err", error.message));
  }
  if (scroll) detail.scrollIntoView({ block: "nearest" });
}

function one(data, close) {
  const head = h("div", { class: "row" },
    h("h2", { class: "grow" }, data.name, " ", h("span", { class: "muted" }, data.group)),
    h("button", { type: "button", class: "small", onclick: close }, "Close"));
  // The findings are listed separately.
  const listed = new Set(data.problems.map((problem) => problem.message));
  const why = data.marks.filter((mark) => !listed.has(mark.why)).map((mark) => note(mark.kind, `${mark.text}: ${mark.why}`));
  const problems = data.problems.map((problem) => note(problem.severity === "error" ? "err" : "warn", h("code", {}, problem.id), " ", problem.message));
  const lines = data.excerpt.map((line) =>
    h("span", { class: line.marked ? "line marked" : "line" }, h("span", { class: "at" }, line.at), line.text || " "));
  const file = h("div", {},
    h("h3", {}, data.source),
    data.stale ? note("warn", "The file has been changed since these rules were loaded.") : null,
    lines.length ? h("pre", { class: "code" }, lines) : note("info", "The file no longer exists."));
  const flows = h("div", {},
    h("h3", {}, data.flows ? `acted in ${counted(data.flows, "recorded exchange")}` : "acted in no recorded exchange"),
    data.list.length
      ? table(["When", "Exchange", { text: "Status", class: "number" }],
          data.list.map((flow) => [
            { cell: time(flow.began), class: "nowrap" },
            link("flow", { flow: flow.flow }, `${flow.method} ${flow.url}`),
            { cell: flow.status ?? "none", class: "number" },
          ]))
      : null);
  return h("section", { class: "card" }, head, problems, why, h("div", { class: "columns" }, file, flows));
}

function findings(data) {
  const rows = data.problems.map((problem) => [
    badge(problem.severity === "error" ? "err" : "warn", problem.severity),
    { cell: h("code", {}, problem.id), class: "nowrap" },
    problem.rule,
    problem.message,
    h("span", { class: "muted small" }, problem.source),
  ]);
  const what = { "in force": "", changed: " (saved, not yet in force)", broken: " (not in force)" }[data.files] ?? "";
  return card(`Findings in the rule files${what}`, table(["", "Id", "Rule", "Finding", "File"], rows));
}
