// The page Leaks: names of the backend left in responses: which, where, why, and what would remove each.

import { address, badge, card, code, copyButton, count, counted, get, h, link, note, table, tabs, tryLink } from "../lib.js";

export const title = "Leaks";

const KINDS = { error: "err", warning: "warn", information: "info" };

export async function show(main, query, app) {
  const data = await get("leaks", { flow: query.flow });
  if (!app.isCurrent()) return;
  const worst = query.harm ? data.leaks.filter((leak) => leak.harm === query.harm) : data.leaks;
  main.append(
    summary(data, query),
    data.problem ? note("warn", data.problem) : "",
    data.over.length ? card("Changed but should not have been", overTable(data.over)) : "",
    worst.length ? leakTable(worst, query) : "",
  );
}

function summary(data, query) {
  const number = (harm) => data.leaks.filter((leak) => leak.harm === harm).reduce((sum, leak) => sum + leak.count, 0);
  const where = query.flow ? "the response of this flow" : counted(data.flows, "response");
  const rest = data.more ? ` ${counted(data.more, "older response")} not examined, since that took too long.` : "";
  const of = query.flow ? ["Flow ", link("flow", { flow: query.flow }, query.flow), " · ", link("leaks", {}, "all flows")] : [];
  if (!data.leaks.length) {
    const kind = data.flows ? "ok" : "info";
    return note(kind, data.flows ? `No name of a backend is left in ${where}.${rest}` : "No response has been recorded yet.", of.length ? " " : "", of);
  }
  const first = data.leaks[0];
  const said = first.harm === "information" ? "Nothing that a browser would follow names a backend" : "A backend is named where it matters";
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "row" },
      Object.entries(KINDS).map(([harm, kind]) =>
        h("a", { href: address("leaks", { flow: query.flow, harm: query.harm === harm ? "" : harm }) }, badge(kind, `${count(number(harm))} ${harm}`)),
      ),
      h("span", { class: "muted" }, `in ${where}.${rest} `, of),
    ),
    note(KINDS[first.harm], h("b", {}, `${said}: `), h("code", {}, first.written), ` in ${first.place}, because ${first.why}.`),
  );
}

function leakTable(leaks, query) {
  const rows = leaks.flatMap((leak, index) => {
    const details = h("tr", { hidden: index > 0 || leak.harm === "information" }, h("td", { colspan: "6" }, detail(leak, query)));
    const button = h(
      "button",
      { type: "button", class: "small", "aria-expanded": String(!details.hidden), "aria-label": `Fix: ${leak.written} in ${leak.place}, row ${index + 1}`, onclick: toggle },
      "Fix",
    );
    function toggle() {
      details.hidden = !details.hidden;
      button.setAttribute("aria-expanded", String(!details.hidden));
    }
    const cells = [
      badge(KINDS[leak.harm] ?? "info", leak.harm),
      h("span", { class: "break" }, leak.place),
      [h("code", {}, leak.written), " ", leak.spelling === "plain" ? null : h("span", { class: "muted" }, leak.spelling)],
      leak.why,
      { cell: count(leak.count), class: "number" },
      { cell: button, class: "nowrap" },
    ];
    return [{ cells }, details];
  });
  const grid = table(["", "Where", "Name", "Why it was not mapped", { text: "Count", class: "number" }, ""], []);
  const body = grid.querySelector("tbody");
  for (const row of rows) body.append(row instanceof Node ? row : table([], [row]).querySelector("tbody tr"));
  return card("Names that are left", grid);
}

function detail(leak, query) {
  const byte = leak.offset === null ? "" : `byte ${count(leak.offset)} of the decoded body`;
  const at = leak.line ? `line ${count(leak.line)}, column ${count(leak.column)}, ${byte}` : byte;
  return h(
    "div",
    { class: "columns" },
    h("div", {}, code(leak.around), h("p", { class: "muted" }, at), flows(leak, query)),
    h("div", {}, proposal(leak.proposal)),
  );
}

function flows(item, query) {
  const rest = item.flow_count - item.flows.length;
  const entries = item.flows.map((flow) =>
    h("li", {}, link("flow", { flow: flow.id }, `${flow.status ?? "?"} ${flow.url}`, { class: "break" })),
  );
  if (query.flow && item.flow_count === 1) return null;
  return h("ul", {}, entries, rest > 0 ? h("li", { class: "muted" }, `and ${count(rest)} more`) : null);
}

function proposal(proposed) {
  const texts = Object.entries({ YAML: proposed.yaml, "web.config": proposed.xml }).filter(([, text]) => text);
  const panels = Object.fromEntries(texts.map(([name, text]) => [name, h("div", {}, code(text), h("div", { class: "toolbar" }, copyButton(text), tryLink(proposed)))]));
  return [h("h3", {}, proposed.title), h("p", {}, proposed.why), texts.length ? tabs(panels) : null];
}

function overTable(matches) {
  const rows = matches.map((match) => [
    badge(KINDS[match.harm] ?? "info", match.what),
    h("span", { class: "break" }, match.place),
    [match.before ? [h("del", {}, match.before), " "] : null, h("ins", {}, match.after)],
    [match.why, match.rules.length ? h("div", { class: "muted" }, `Changed by: ${match.rules.join(", ")}`) : null],
    flows(match, {}),
  ]);
  return table(["What", "Where", "Before and after", "Why it is wrong", "Flows"], rows);
}
