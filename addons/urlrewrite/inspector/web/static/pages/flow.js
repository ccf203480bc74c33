// The page Flow: the exchanges, or one of them: what is wrong, what rules did and why others did not, what was changed,
// step by step through the rules, and the trace as a tree.

import { changesCard, fields, inline } from "../changes.js";
import { showList, statusKind } from "../flow_list.js";
import { badge, card, copyButton, count, counted, get, h, link, note, table, time } from "../lib.js";

export const title = "Flow";

const SIGNS = { ok: "✓", no: "✗", warn: "≈", err: "!", info: "·" };
const SHORT = 30;

export async function show(main, query, app) {
  await (query.flow ? showOne(main, query, app) : showList(main, query, app));
}

// --- one flow

async function showOne(main, query, app) {
  const data = await get("flow", { flow: query.flow, all: query.all });
  if (!app.isCurrent()) return;
  // What has ended does not change any more.
  if (data.ended) app.follow(null);
  main.append(
    navigation(data),
    head(data),
    ...(data.wrong.length ? data.wrong.map((entry) => remark(entry, data, true)) : [note("ok", "Nothing went wrong here.")]),
    attempts(data),
    h("div", { class: "columns" }, done(data), whyNot(data)),
    changesCard(data, query, app),
    steps(data),
    card("Trace", h("div", { class: "columns" }, side("Request", data.tree.request), side("Response", data.tree.response))),
  );
}

function navigation(data) {
  const flow = { flow: data.id };
  return h(
    "div",
    { class: "toolbar" },
    link("flow", {}, "← All flows"),
    h("span", { class: "grow" }),
    link("leaks", flow, data.leaks ? `Leaks (${count(data.leaks)})` : "Leaks"),
    link("try_out", flow, "Try with other rules"),
    link("what_if", {}, "What if"),
    link("broken", flow, "Why broken"),
    shareButton(data, "html", "Save as HTML"),
    shareButton(data, "har", "Save as HAR"),
  );
}

// One file for a ticket.
function shareButton(data, form, label) {
  const title = "This flow with its trace, secrets masked, bodies left out: to attach to a ticket";
  const button = h("button", { type: "button", class: "small", title, onclick: save }, label);
  async function save() {
    const { name, type, text } = await get("flow", { flow: data.id, share: form });
    const url = URL.createObjectURL(new Blob([text], { type }));
    const file = document.createElement("a");
    file.download = name;
    file.href = url;
    file.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  return button;
}

function head(data) {
  const status = data.status === null ? "no response" : String(data.status);
  const old = data.rules && data.rules_in_force && data.rules !== data.rules_in_force;
  return h(
    "div",
    {},
    h("h1", {}, `${data.method} ${data.url}`, data.target ? [" → ", data.target] : null, " → ", badge(statusKind(data), status)),
    h(
      "p",
      { class: "muted" },
      data.summary,
      data.site ? ` · site ${data.site}` : null,
      data.way ? ` · body: ${data.way}` : null,
      " · ",
      time(data.time),
      data.trace_id ? ` · trace ${data.trace_id}` : null,
      data.own ? " · the response is the proxy's own" : null,
      old ? " · the rules have been changed since" : null,
    ),
    data.level ? note("info", "Only decisions were traced; the option urlrewrite_trace=full shows why.") : null,
  );
}

// The servers that the request was sent to; one backend that responded at once is no news.
function attempts(data) {
  if (!data.attempts.length) return "";
  const rows = data.attempts.map((attempt, index) => [
    { cell: count(index + 1), class: "number muted" },
    attempt.farm ? link("farms", { farm: attempt.farm }, attempt.server, { title: `the farm ${attempt.label}` }) : attempt.server,
    attempt.farm ? attempt.why : "",
    attempt.cause ? [badge("err", attempt.cause), " ", attempt.detail] : data.status === null ? "no response" : badge("ok", "responded"),
    { cell: attempt.milliseconds === null ? "" : `${count(attempt.milliseconds)} ms`, class: "number" },
  ]);
  const farm = data.attempts.find((attempt) => attempt.farm);
  const title = farm ? ["Servers of the farm ", link("farms", { farm: farm.farm }, farm.label)] : "Failed attempts";
  return card(title, table([{ text: "", class: "number" }, "Server", "Chosen by", "Outcome", { text: "After", class: "number" }], rows));
}

function remark(entry, data, boxed = false) {
  const more = entry.note ? h("span", { class: "muted" }, ` ${entry.note}`) : null;
  const page = entry.page ? [" ", link(entry.page, { flow: data.id }, "Show them")] : null;
  if (boxed) return note(entry.kind, entry.text, page, more ? [h("br"), more] : null);
  return h("p", { class: "remark break" }, badge(entry.kind, SIGNS[entry.kind] ?? "·"), " ", entry.text, more);
}

function done(data) {
  const entries = data.done.map((entry) => remark(entry, data));
  return card("What rules did", entries.length ? entries : h("p", { class: "muted" }, "No rule did anything."));
}

function whyNot(data) {
  const entries = data.why_not.map((entry) => remark(entry, data));
  return card("Why others did not", entries.length ? entries : h("p", { class: "muted" }, "No other rule came close."));
}

// --- step by step

function steps(data) {
  const stops = [...data.steps.urls.filter((step) => step.acted).map(urlStop), ...data.steps.responses.map((step) => responseStop(step, data))];
  if (!stops.length) return null;
  const shown = h("div");
  const where = h("span", { class: "grow" });
  const previous = h("button", { type: "button", onclick: () => go(current - 1) }, "← Previous");
  const next = h("button", { type: "button", onclick: () => go(current + 1) }, "Next →");
  let current = 0;
  function go(index) {
    current = index;
    previous.disabled = index === 0;
    next.disabled = index === stops.length - 1;
    where.textContent = `Step ${index + 1} of ${stops.length}: ${stops[index].label}`;
    shown.replaceChildren(stops[index].make());
  }
  go(0);
  const approximate = data.steps.note && data.steps.responses.length ? note("info", `The steps of the response are put together from the trace: ${data.steps.note}.`) : null;
  return card("Step by step", approximate, h("div", { class: "toolbar" }, previous, next, where), shown);
}

function urlStop(step) {
  return {
    label: `request, rule "${step.rule}"`,
    make: () =>
      h(
        "pre",
        { class: "code diff" },
        step.before === step.after ? step.after : [h("del", {}, step.before), "\n", h("ins", {}, step.after)],
        step.what ? ["\n", h("span", { class: "nothing" }, step.what)] : null,
      ),
  };
}

function responseStop(step, data) {
  const label = data.causes[step.by]?.label ?? "?";
  return {
    label: `response, ${label}`,
    make: () =>
      h(
        "div",
        {},
        step.fields.length ? fields(step.fields, data) : null,
        step.hunks.map((hunk) => inline(hunk, data)),
        step.more ? h("p", { class: "muted" }, `and ${counted(step.more, "more change")}`) : null,
        step.fields.length || step.hunks.length ? null : h("p", { class: "muted" }, "Nothing to show."),
      ),
  };
}

// --- the trace

function side(name, nodes) {
  const text = nodes.map((node) => plain(node, "")).join("\n");
  return h("div", {}, h("div", { class: "row" }, h("h3", { class: "grow" }, name), copyButton(text)), h("div", { class: "tree" }, nodes.map(tree)));
}

function tree(node) {
  const label = [h("span", { class: `kind ${node.kind}` }, SIGNS[node.kind] ?? "·"), node.title];
  if (!node.lines.length && !node.children.length) return h("div", { class: "leaf break" }, label);
  const summary = h("summary", { class: "break" }, label);
  // Long lines are scrolled to, also by keyboard.
  const tabindex = node.lines.some((line) => line.length > SHORT) ? "0" : null;
  const lines = node.lines.length ? h("pre", { class: "code", tabindex }, node.lines.join("\n")) : null;
  return h("details", { open: node.opened }, summary, lines, node.children.map(tree));
}

function plain(node, indent) {
  const lines = [`${indent}${SIGNS[node.kind] ?? "·"} ${node.title}`, ...node.lines.map((line) => `${indent}    ${line}`)];
  return [...lines, ...node.children.map((child) => plain(child, `${indent}  `))].join("\n");
}
