// The page What if: an edited rule file against recorded exchanges; what would change, break or leak; then it is saved.

import { draftOf, keepDraft } from "../drafts.js";
import { Editor } from "../editor.js";
import { badge, card, code, copyButton, count, counted, get, h, link, note, post, PROPOSAL, table } from "../lib.js";
import { hunkOf, problemNote } from "./try_out.js";

export const title = "What if";

const POLL = 300;
const PATIENCE = 40;
const KINDS = { error: "err", warning: "warn", information: "info", note: "info" };

export async function show(main, query, app) {
  const data = await get("what_if");
  const files = data.files.filter((file) => file.text !== null);
  if (!files.length) {
    main.append(note("err", "No rule file can be edited here."), ...data.files.map((file) => note("warn", `${file.path}: ${file.note}`)));
    return;
  }
  const page = new Page(files, data, app);
  main.append(h("div", { class: "columns" }, page.editor, page.result));
  const proposal = query.proposal ? proposed(query) : null;
  if (proposal) await page.take(proposal);
  await page.compare();
}

/** What the pages Leaks and Why broken propose: {yaml, xml, title, site}. */
function proposed(query) {
  try {
    return { ...JSON.parse(sessionStorage.getItem(PROPOSAL) ?? "null"), site: query.site ?? "" };
  } catch {
    return null;
  }
}

class Page {
  constructor(files, data, app) {
    this.app = app;
    this.files = new Map(files.map((file) => [file.path, { ...file, now: file.text }]));
    this.turn = 0;
    this.text = new Editor({ rows: 28, onchange: () => this.typed(), onpause: () => this.compare() });
    this.select = h("select", { class: "grow", "aria-label": "Rule file", onchange: () => this.open(this.select.value) }, files.map((file) => h("option", { value: file.path }, file.path)));
    this.last = h("input", { type: "number", min: 1, max: 2000, value: String(data.last), size: 6, "aria-label": "How many exchanges", onchange: () => this.compare() });
    this.save = h("button", { type: "button", class: "primary", disabled: true, onclick: () => this.store() }, "Save");
    const reset = h("button", { type: "button", onclick: () => this.reset() }, "Revert");
    this.status = h("div", {});
    this.beside = h("div", {});
    this.result = h("div", { class: "whatif-result", "aria-live": "polite" }, note("info", "Comparing…"));
    this.editor = h(
      "section",
      { class: "card" },
      h("div", { class: "toolbar" }, this.select, reset, this.save),
      this.status,
      this.beside,
      this.text.element,
      h("p", { class: "muted" }, "Compared with the last ", this.last, ` of ${counted(data.recorded, "recorded exchange")}. Nothing is sent, and nothing is written until you save.`),
    );
    this.editor.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!this.save.disabled) this.store();
    });
    const kept = [...this.files.values()].filter((file) => this.restore(file));
    this.open((kept[0] ?? files[0]).path);
  }

  // What was written before is there again, if the file is still the one that it was made of.
  restore(file) {
    const draft = draftOf(file.path);
    if (!draft || draft.text === file.text) {
      keepDraft(file.path, null);
      return false;
    }
    file.now = draft.text;
    file.proposed = draft.proposed;
    if (draft.stamp === file.stamp) {
      this.status.replaceChildren(note("info", "Your edits that were not saved are here again. Revert drops them."));
    } else {
      file.stamp = draft.stamp;
      this.status.replaceChildren(note("warn", "The file has been changed since your edits began, so they cannot be saved over it: copy what you need, then Revert."));
    }
    return true;
  }

  keep(file, proposed = false) {
    file.proposed = proposed;
    keepDraft(file.path, file.now === file.text ? null : { text: file.now, stamp: file.stamp, proposed });
  }

  open(path) {
    this.path = path;
    this.select.value = path;
    this.text.text = this.files.get(path).now;
    this.text.mark([]);
    this.mark();
  }

  typed() {
    const file = this.files.get(this.path);
    file.now = this.text.text;
    this.keep(file);
    this.mark();
  }

  async reset() {
    keepDraft(this.path, null);
    this.status.replaceChildren();
    const { files } = await get("what_if");
    const file = { ...this.files.get(this.path), ...files.find((each) => each.path === this.path) };
    file.now = file.text;
    this.files.set(this.path, file);
    this.open(this.path);
    await this.compare();
  }

  mark() {
    const file = this.files.get(this.path);
    this.save.disabled = file.now === file.text;
  }

  async take(proposal) {
    const { yaml, xml } = proposal;
    if (!yaml && !xml) return;
    // Once it is in the file it is an edit like any other, and a reload does not put it in again.
    this.app.keep({});
    sessionStorage.removeItem(PROPOSAL);
    const file = await this.place(proposal);
    const what = proposal.title ? `the proposal "${proposal.title}"` : "the proposed rule";
    if (file && file.now !== file.text) {
      this.keep(file, true);
      this.open(file.path);
      this.beside.replaceChildren(note("info", `This is the file with ${what} in it. See what it would do, then save it.`));
      return;
    }
    const text = (this.text.text.trimStart().startsWith("<") ? xml || yaml : yaml || xml) ?? "";
    this.beside.replaceChildren(
      note("warn", `Put ${what} into the file yourself: it cannot be inserted safely.`),
      h("div", { class: "toolbar" }, copyButton(text)),
      code(text),
    );
  }

  /** The file into which a proposal fits, with the proposal in it: beside what a person wrote, in place of another one. */
  async place({ yaml, xml, site }) {
    for (const file of this.files.values()) {
      const text = file.proposed ? file.text : file.now;
      const found = await post("what_if", { propose: { yaml, xml, site }, path: file.path, text }).catch(() => ({ text: null }));
      if (found.text !== null) {
        file.now = found.text;
        return file;
      }
    }
    return null;
  }

  edited() {
    const changed = [...this.files.values()].filter((file) => file.now !== file.text);
    return Object.fromEntries(changed.map((file) => [file.path, file.now]));
  }

  async compare() {
    const mine = (this.turn += 1);
    let shown;
    try {
      // What is wrong stands at its line before thousands of exchanges have been compared.
      const judged = await post("what_if", { edited: this.edited(), lint: true });
      if (mine !== this.turn || !this.app.isCurrent()) return;
      this.text.mark(judged.problems.filter((problem) => problem.path === this.path));
      const data = await post("what_if", { edited: this.edited(), last: this.last.value });
      // Those of the open file stand below its text.
      data.problems = data.problems.filter((problem) => problem.path !== this.path);
      shown = outcome(data, Object.keys(this.edited()).length > 0);
      if (mine === this.turn && !data.loaded) this.save.disabled = true;
    } catch (error) {
      shown = [note("err", error.message)];
    }
    if (mine === this.turn && this.app.isCurrent()) this.result.replaceChildren(...shown);
  }

  async store() {
    const file = this.files.get(this.path);
    const text = file.now;
    this.save.disabled = true;
    let saved;
    try {
      saved = await post("what_if", { save: file.path, text, stamp: file.stamp });
    } catch (error) {
      this.status.replaceChildren(note("err", error.message));
      this.mark();
      return;
    }
    file.text = text;
    file.stamp = saved.stamp;
    this.keep(file);
    this.mark();
    this.beside.replaceChildren();
    this.status.replaceChildren(note("info", "Saved. It comes into force in a moment."));
    const inForce = await this.comesIntoForce(saved.fingerprint);
    if (!this.app.isCurrent()) return;
    this.status.replaceChildren(inForce ? note("ok", "Saved, and in force.") : note("warn", "Saved, but not in force yet; the page ", link("health", {}, "Health"), " shows the loads."));
    await this.compare();
  }

  async comesIntoForce(fingerprint) {
    for (let tries = 0; tries < PATIENCE && this.app.isCurrent(); tries += 1) {
      const state = await get("what_if", { state: "1" }).catch(() => ({}));
      if (state.in_force === fingerprint) return true;
      await new Promise((done) => setTimeout(done, POLL));
    }
    return false;
  }
}

function outcome(data, isEdited) {
  const problems = data.problems.map((problem) => problemNote(problem));
  if (!data.loaded) return [note("err", h("strong", {}, "It cannot be loaded, so it cannot be saved.")), ...problems];
  const result = data.result;
  return [
    ...headline(result, isEdited),
    ...problems,
    ...findings("Would break", result.broken),
    ...findings("Leaks that would appear", result.appeared),
    ...findings("Leaks that would vanish", result.vanished, "ok"),
    ...findings("Would be fixed", result.fixed, "ok"),
    ...(result.tests.failed.length ? [failedTests(result.tests.failed)] : []),
    ...(result.changes.length ? [changes(result)] : []),
  ];
}

function headline(result, isEdited) {
  const bad = result.broken.length + result.appeared.length + result.tests.failed.length;
  const parts = [
    `${counted(result.changed, "response")} of ${count(result.looked)} would change`,
    result.vanished.length ? `${counted(total(result.vanished), "leak")} would vanish` : "",
    result.appeared.length ? `${counted(total(result.appeared), "leak")} would appear` : "",
    result.broken.length ? `${counted(result.broken.length, "thing")} would break` : "",
    result.tests.run ? `${count(result.tests.run - result.tests.failed.length)} of ${counted(result.tests.run, "test")} pass` : "",
  ].filter(Boolean);
  const failed = result.tests.failed.length ? `, and ${counted(result.tests.failed.length, "test")} in the files would fail` : "";
  const text = isEdited || result.changed ? `${parts.join(", ")}.` : `The rules are those in force${failed}. Edit a file.`;
  const notes = [note(bad ? "err" : "ok", h("strong", {}, text), h("span", { class: "muted" }, ` ${result.seconds} s`))];
  if (result.left_out) notes.push(note("warn", `Time ran out before ${counted(result.left_out, "exchange")} could be examined.`));
  if (result.tests.left_out) notes.push(note("warn", `Time ran out before ${counted(result.tests.left_out, "test")} could be run.`));
  if (result.without) notes.push(note("info", `${counted(result.without, "exchange")} cannot be compared: the backend's response was not kept.`));
  return notes;
}

function total(found) {
  return found.reduce((sum, item) => sum + item.count, 0);
}

function findings(heading, found, kind) {
  if (!found.length) return [];
  const rows = found.map((item) => [
    badge(kind ?? KINDS[item.harm] ?? "info", item.kind),
    [h("code", {}, item.message), item.place ? [" in ", item.place] : null],
    item.why,
    item.count,
    flows(item),
  ]);
  return [card(heading, table(["", "What", "Why", { text: "Count", class: "number" }, "Flows"], rows))];
}

function flows(item) {
  const rest = item.flow_count - item.flows.length;
  return [
    item.flows.map((flow) => h("div", {}, link("flow", { flow: flow.id }, flow.url, { class: "break" }))),
    rest > 0 ? h("div", { class: "muted" }, `and ${count(rest)} more`) : null,
  ];
}

function failedTests(failed) {
  const rows = failed.map((test) => [
    h("code", {}, `${test.file}:${test.line}`),
    [test.name ? `${test.name}: ` : null, test.request],
    test.messages.map((message) => h("div", {}, message)),
  ]);
  return card("Tests of the rule file that would fail", table(["Where", "Request", "Result"], rows));
}

function changes(result) {
  const rest = result.changed - result.changes.length;
  return card(
    "Responses that would change",
    result.changes.map((change) => changed(change)),
    rest > 0 ? h("p", { class: "muted" }, `and ${count(rest)} more`) : null,
  );
}

function changed(change) {
  const fields = [...change.request.map((item) => ({ ...item, to: "backend" })), ...change.fields.map((item) => ({ ...item, to: "client" }))];
  return h(
    "details",
    { class: "changed" },
    h("summary", {}, `${change.method} ${change.url} `, change.what.map((what) => [badge(what === "status" || what === "target" ? "warn" : "info", what), " "])),
    h("p", { class: "row" }, link("flow", { flow: change.id }, "Show the flow"), link("try_out", { flow: change.id }, "Try it")),
    change.note ? note("info", change.note) : null,
    change.target ? h("p", {}, h("del", {}, change.target[0]), " → ", h("ins", {}, change.target[1])) : null,
    change.status ? h("p", {}, "Status ", h("del", {}, String(change.status[0])), " → ", h("ins", {}, String(change.status[1]))) : null,
    fields.length
      ? table(["Header", "For the", "Before", "After"], fields.map((item) => [item.name, item.to, item.before === null ? null : h("del", {}, item.before), item.after === null ? null : h("ins", {}, item.after)]))
      : null,
    change.body.map((hunk) => hunkOf(hunk)),
    change.body_changes ? h("p", { class: "muted" }, `${counted(change.body_changes, "place")} of the body`) : null,
  );
}
