// The page Flow: the exchanges, or one of them: what is wrong, what rules did and why others did not, what was changed,
// step by step through the rules, and the trace as a tree.

import { showList, statusKind } from "../flow_list.js";
import { badge, card, copyButton, count, counted, get, h, link, note, table, tabs, time } from "../lib.js";

export const title = "Flow";

const SIGNS = { ok: "✓", no: "✗", warn: "≈", err: "!", info: "·" };
const COLOURS = 8;
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
    changes(data, query, app),
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
  );
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

// --- changes

function changes(data, query, app) {
  const { body } = data;
  const panels = {
    Inline: h("div", {}, body.hunks.map((hunk) => inline(hunk, data))),
    "Side by side": h("div", {}, body.hunks.map((hunk) => sides(hunk, data))),
    [`Fields (${data.fields.length})`]: fields(data.fields, data),
  };
  const all =
    !body.whole && body.size && body.size <= 2 ** 20
      ? h("button", { type: "button", class: "small", onclick: () => app.go("flow", { flow: query.flow, all: 1 }) }, "Show the whole body")
      : null;
  const bodies = body.original ? `backend: ${body.original} → client: ${body.response}` : "";
  return card(
    `Changes: ${counted(data.fields.length, "field")}, ${count(body.changes)} in the body`,
    body.note ? note("info", body.note) : null,
    h("p", { class: "row" }, h("span", { class: "muted grow" }, bodies), all),
    legend(data),
    body.by_trace && body.changes ? h("p", { class: "muted" }, `The causes of changes are read from the trace: ${body.by_trace}.`) : null,
    body.changes || body.whole || data.fields.length ? tabs(panels, { chosen: body.changes || body.whole ? undefined : Object.keys(panels)[2] }) : null,
    body.more ? h("p", { class: "muted" }, `and ${counted(body.more, "more change")}`) : null,
  );
}

function legend(data) {
  const used = new Set(data.body.hunks.flatMap((hunk) => hunk.pieces.flatMap((piece) => piece.by ?? [])));
  const entries = data.causes.map((cause, index) => (used.has(index) ? h("span", { class: `swatch ${colour([index])}` }, cause.label) : null));
  return used.size ? h("p", { class: "legend" }, entries) : null;
}

function colour(by) {
  return by.length ? `span-rule-${by.at(-1) % COLOURS}` : "";
}

function tip(piece, data) {
  return piece.tip || names(piece.by, data);
}

function names(by, data) {
  return by.map((index) => data.causes[index]?.label ?? "?").join(", ") || "The trace does not say what made this change.";
}

function changed(tag, piece, data) {
  const text = tag === "del" ? piece.before : piece.after;
  return text ? h(tag, { class: colour(piece.by) || null, title: tip(piece, data) }, text) : null;
}

function at(hunk) {
  return h("span", { class: "at" }, `line ${count(hunk.line)}`);
}

function inline(hunk, data) {
  const pieces = hunk.pieces.map((piece) =>
    typeof piece === "string" ? piece : [changed("del", piece, data), changed("ins", piece, data)],
  );
  return h("pre", { class: "code diff" }, at(hunk), pieces);
}

function sides(hunk, data) {
  const one = (tag) => hunk.pieces.map((piece) => (typeof piece === "string" ? piece : changed(tag, piece, data)));
  return h(
    "div",
    { class: "sides" },
    h("pre", { class: "code diff" }, at(hunk), one("del")),
    h("pre", { class: "code diff" }, at(hunk), one("ins")),
  );
}

function fields(list, data) {
  if (!list.length) return h("p", { class: "muted" }, "No field was changed.");
  const value = (tag, text, by) =>
    text === null ? h("span", { class: "muted" }, "–") : h(tag, { class: colour(by) || null, title: names(by, data) }, text);
  const rows = list.map((field) => [
    { cell: field.name, class: "nowrap" },
    value("del", field.before, field.by),
    value("ins", field.after, field.by),
    names(field.by, data),
  ]);
  return table(["Field", "Backend", "Client", "By"], rows, { class: "grid" });
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
