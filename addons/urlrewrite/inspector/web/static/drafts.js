// What a person has written and not saved: it outlives another page, the key "r" and a reload, but not the tab, and it
// asks before it goes.
//
// Drafts of rule files are shared by the pages What if and Try: what was tried can be compared, and saved.

const FILES = "rewrite.drafts";
const FORM = "rewrite.form";

/** The draft of a rule file, `{text, stamp, proposed}`, or null; `stamp` is that of the file which it was made of, and
 * `proposed` tells that nobody has typed in it: it is what a page proposed. */
export function draftOf(path) {
  return read(FILES)[path] ?? null;
}

/** Keeps a draft of a rule file; null drops it. */
export function keepDraft(path, draft) {
  const drafts = read(FILES);
  if (draft) drafts[path] = draft;
  else delete drafts[path];
  write(FILES, drafts);
}

/** The form of the page Try as it was written for a flow ("" for none), or null. */
export function formOf(flow) {
  return read(FORM)[flow] ?? null;
}

/** Keeps a form; that of another flow is dropped. */
export function keepForm(flow, values) {
  write(FORM, values ? { [flow]: values } : {});
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "{}");
  } catch {
    return {};
  }
}

function write(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // It is too long to be kept: it lives as long as the page.
  }
}

window.addEventListener("beforeunload", (event) => {
  if (Object.keys(read(FILES)).length) event.preventDefault();
});
