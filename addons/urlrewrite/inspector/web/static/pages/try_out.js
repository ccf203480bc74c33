// The page Try: a request (and a response of the backend) on the left, what the rules make of it on the right, at once.

import { draftOf, formOf, keepDraft, keepForm } from "../drafts.js";
import { Editor } from "../editor.js";
import { badge, bytes, code, copyButton, counted, get, h, json, link, note, post, table, tabs } from "../lib.js";

export const title = "Try";

const WAIT = 350;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export async function show(main, query, app) {
  const data = await get("try_out", { flow: query.flow });
  const form = new Form(data, query, () => ask(), app);
  const result = h("div", { class: "try-result", "aria-live": "polite" }, note("info", "Evaluating…"));
  main.append(h("div", { class: "columns" }, form.element, result));

  let turn = 0;
  async function ask() {
    const mine = (turn += 1);
    let shown;
    try {
      const data = await post("try_out", form.values());
      form.files.mark(data.problems);
      shown = outcome(data);
    } catch (error) {
      shown = note("err", error.message);
    }
    if (mine === turn && app.isCurrent()) result.replaceChildren(...[shown].flat());
  }
  await ask();
}

class Form {
  constructor(data, query, changed, app) {
    const form = data.form;
    this.flow = form.flow;
    let timer;
    const later = () => {
      keepForm(this.flow, this.written());
      clearTimeout(timer);
      timer = setTimeout(changed, WAIT);
    };
    this.method = h("input", { value: form.method, list: "methods", size: 8, "aria-label": "Method", oninput: later });
    this.url = h("input", { value: query.url ?? form.url, class: "mono grow", "aria-label": "URL", spellcheck: "false", oninput: later });
    this.fields = area(form.fields, 6, "Headers of the request", later);
    this.files = new Files(data.files, changed);
    this.again = h("p", { class: "row", hidden: true }, h("span", { class: "muted" }, "What you wrote before is here again."),
      h("button", { type: "button", class: "small", onclick: () => this.forget(app) }, "Start over"));
    this.element = h(
      "section",
      { class: "card" },
      h("h2", {}, form.flow ? ["Request of a ", link("flow", { flow: form.flow }, "recorded flow")] : "Request"),
      form.note ? note("warn", form.note) : null,
      this.again,
      h("div", { class: "toolbar" }, this.method, this.url),
      h("datalist", { id: "methods" }, METHODS.map((method) => h("option", { value: method }))),
      h("label", { class: "block" }, "Headers, one on each line", this.fields),
      this.responseForm(form, later),
      this.files.element,
    );
    this.restore(query);
  }

  // What is written in the form; the address of the page says more of the URL.
  written() {
    return { method: this.method.value, url: this.url.value, fields: this.fields.value, own: this.own.checked,
      status: this.status.value, responseFields: this.responseFields.value, body: this.body.value };
  }

  restore(query) {
    const kept = formOf(this.flow);
    if (!kept || query.url) return;
    const before = JSON.stringify(this.written());
    for (const name of ["method", "url", "fields", "status", "responseFields", "body"]) this[name].value = kept[name] ?? this[name].value;
    this.own.checked = kept.own === true;
    if (this.own.checked) this.own.closest("details").open = true;
    this.again.hidden = JSON.stringify(this.written()) === before;
  }

  forget(app) {
    keepForm(this.flow, null);
    app.refresh();
  }

  responseForm(form, later) {
    const response = form.response ?? { status: 200, fields: "Content-Type: text/html; charset=utf-8\n", body: "", note: "" };
    this.status = h("input", { value: String(response.status), size: 5, "aria-label": "Status of the response", oninput: later });
    this.responseFields = area(response.fields, 4, "Headers of the response", later);
    this.body = area(response.body ?? "", 8, "Body of the response", later);
    // Without a flow a response is tried as soon as something is written into it.
    this.own = h("input", { type: "checkbox", checked: false, onchange: later });
    const open = () => {
      this.own.checked = true;
      later();
    };
    for (const field of [this.status, this.responseFields, this.body]) field.addEventListener("input", open);
    const label = this.flow ? "use what is written here instead of the recorded response" : "use this response";
    return h(
      "details",
      {},
      h("summary", {}, this.flow ? "The backend's response, as recorded" : "The backend's response"),
      response.note ? h("p", { class: "muted" }, response.note) : null,
      h("div", { class: "row" }, h("label", {}, "Status ", this.status), h("label", {}, this.own, label)),
      h("label", { class: "block" }, "Headers", this.responseFields),
      h("label", { class: "block" }, "Body", this.body),
    );
  }

  values() {
    const values = { method: this.method.value, url: this.url.value, fields: this.fields.value, edited: this.files.edited() };
    if (this.flow) values.flow = this.flow;
    if (this.own.checked) values.response = { status: this.status.value, fields: this.responseFields.value, body: this.body.value };
    return values;
  }
}

class Files {
  constructor(files, changed) {
    this.files = files.filter((file) => file.text !== null);
    this.texts = new Map();
    this.problems = [];
    for (const { path, text } of this.files) {
      const draft = draftOf(path);
      if (draft && draft.text !== text) this.texts.set(path, draft.text);
    }
    this.text = new Editor({ rows: 18, onchange: () => this.typed(), onpause: changed });
    this.select = h("select", { "aria-label": "Rule file", onchange: () => this.open(this.select.value) }, this.files.map((file) => h("option", { value: file.path }, file.path)));
    const reset = h("button", { type: "button", class: "small", onclick: () => this.reset(changed) }, "Revert");
    const left = files.filter((file) => file.text === null).map((file) => h("p", { class: "muted" }, `${file.path}: ${file.note}`));
    this.element = h(
      "details",
      { open: this.texts.size > 0 },
      h("summary", {}, "Rules: an edited copy instead of those in force"),
      h("p", { class: "muted" }, "Nothing is written. ", link("what_if", {}, "What if"), " compares it with recorded traffic and saves it."),
      this.files.length ? [h("div", { class: "row" }, this.select, reset), this.text.element] : null,
      left,
    );
    const first = this.files.find((file) => this.texts.has(file.path)) ?? this.files[0];
    if (first) this.open(first.path);
  }

  open(path) {
    this.chosen = this.files.find((file) => file.path === path);
    this.select.value = path;
    this.text.text = this.texts.get(path) ?? this.chosen.text;
    this.mark(this.problems);
  }

  mark(problems) {
    this.problems = problems;
    if (this.chosen) this.text.mark(problems.filter((problem) => problem.path === this.chosen.path));
  }

  typed() {
    const { path, text: saved, stamp } = this.chosen;
    const { text } = this.text;
    this.texts.set(path, text);
    keepDraft(path, text === saved ? null : { text, stamp: draftOf(path)?.stamp ?? stamp, proposed: false });
  }

  reset(changed) {
    const { path } = this.chosen;
    this.texts.delete(path);
    keepDraft(path, null);
    this.open(path);
    changed();
  }

  edited() {
    const changed = [...this.texts].filter(([path, text]) => this.files.find((file) => file.path === path).text !== text);
    return Object.fromEntries(changed);
  }
}

function area(value, rows, label, oninput) {
  return h("textarea", { value, rows, "aria-label": label, spellcheck: "false", oninput });
}

function outcome(data) {
  const problems = data.problems.map((problem) => problemNote(problem));
  if (!data.loaded) return [note("err", h("strong", {}, "The edited rules cannot be loaded.")), ...problems];
  const result = data.result;
  const panels = {
    Result: h("div", {}, routing(result), changes(result)),
    Trace: h("div", {}, h("div", { class: "toolbar" }, copyButton(result.text)), code(result.text)),
  };
  if (result.body.before !== null) panels["Body before"] = code(result.body.before);
  if (result.body.after !== null) panels["Body after"] = code(result.body.after);
  panels.Data = code(json(result.trace));
  return [
    ...result.problems.map((problem) => note("err", problem)),
    note(result.problems.length ? "warn" : "ok", h("strong", {}, decided(result)), " ", result.summary),
    ...result.notes.map((text) => note("info", text)),
    h("section", { class: "card" }, tabs(panels)),
    ...problems,
  ];
}

export function problemNote(problem) {
  const rule = problem.rule ? `rule "${problem.rule}": ` : "";
  return note(
    problem.severity === "error" ? "err" : "warn",
    h("code", {}, `${problem.file}:${problem.line}`), " ", rule, problem.message, " ", badge(problem.severity === "error" ? "err" : "warn", problem.id),
  );
}

function decided(result) {
  const { kind, url, status, location } = result.routing;
  if (kind === "abort") return "The connection is closed without a response.";
  if (kind === "response") return `The proxy responds itself: ${status}${location ? ` to ${location}` : ""}.`;
  const came = result.status === null ? "" : ` The client gets ${result.status}.`;
  return `Forwarded to ${url}.${came}`;
}

function routing(result) {
  const { kind, host, connect, fields, dropped } = result.routing;
  const rules = [...result.rules.inbound, ...result.rules.outbound].map((name) => link("rules", { rule: name }, name));
  const pairs = [
    ["Site", result.site || "none"],
    ["Rules that acted", rules.length ? rules.flatMap((item, index) => (index ? [", ", item] : [item])) : "none"],
    kind === "forward" ? ["Host", host + (connect ? `, dialling ${connect}` : "")] : null,
  ].filter(Boolean);
  return [
    h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    kind === "forward" && (fields.length || dropped.length)
      ? h("details", {}, h("summary", {}, `What the backend gets differently: ${counted(fields.length + dropped.length, "header")}`),
          table(["Header", "Value"], [...fields, ...dropped.map((name) => [name, h("span", { class: "muted" }, "not sent")])]))
      : null,
  ];
}

function changes(result) {
  if (result.status === null) return h("p", { class: "muted" }, "There is no response to show: write one on the left, or start from a recorded flow.");
  const rows = result.field_changes.map((change) => [
    change.name,
    change.before === null ? null : h("del", {}, change.before),
    change.after === null ? null : h("ins", {}, change.after),
    change.by.join(", "),
  ]);
  const { body } = result;
  return [
    h("h3", {}, rows.length ? `${counted(rows.length, "header")} of the response changed` : "No header of the response changed"),
    rows.length ? table(["Header", "Before", "After", "By"], rows) : null,
    h("h3", {}, body.hunks.length ? `${counted(body.changes, "place")} of the body changed` : body.changed ? "The body was changed" : "The body is unchanged", body.size === null ? null : h("span", { class: "muted" }, ` ${bytes(body.size)}`)),
    body.note ? h("p", { class: "muted" }, body.note) : null,
    body.hunks.map((hunk) => hunkOf(hunk)),
    h("details", {}, h("summary", {}, `All ${counted(result.fields.length, "header")} that the client gets`), table(["Header", "Value"], result.fields)),
  ];
}

export function hunkOf(hunk) {
  const side = (pieces, tag) => code(pieces.map(([text, differs]) => (differs ? h(tag, {}, text) : text)));
  return h("div", { class: "hunk" }, h("p", { class: "muted small" }, `line ${hunk.line}`), side(hunk.before, "del"), side(hunk.after, "ins"));
}
