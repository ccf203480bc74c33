// JSON and markup on lines of their own, with the changed spans in them kept as they are.
//
// A text comes as pieces: strings that stayed, and changes `{before, after, ...}`. What is put in and left out is white
// space between tokens, in strings that stayed only.

const INDENT = "  ";
const VOID = new Set("area base br col embed hr img input link meta param source track wbr".split(" "));
const INLINE = new Set("a abbr b bdi bdo br button cite code em i img input kbd label q s samp small span strong sub sup time u var".split(" "));
const RAW = new Set("script style pre textarea".split(" "));
const MAX_DEPTH = 40;

/** What a text is, by its first character: "json", "markup", or "" for what stays as it is. */
export function kindOf(pieces) {
  const first = pieces.map((piece) => (typeof piece === "string" ? piece : piece.after)).join("").slice(0, 2000).trimStart()[0];
  return { "{": "json", "[": "json", "<": "markup" }[first] ?? "";
}

/** The text in lines, each an array of strings and changes. */
export function pretty(pieces, kind) {
  const lines = new Lines();
  const state = kind === "json" ? new Json(lines) : new Markup(lines);
  for (const piece of pieces) {
    if (typeof piece === "string") state.read(piece, true);
    else {
      lines.put(piece);
      state.read(piece.after || piece.before, false);
    }
  }
  return lines.all.filter((line) => line.some((part) => typeof part !== "string" || part.trim()));
}

/** The lines as they are. */
export function plain(pieces) {
  const lines = new Lines();
  for (const piece of pieces) {
    if (typeof piece !== "string") lines.put(piece);
    else {
      piece.split("\n").forEach((text, index) => {
        if (index) lines.all.push([]);
        lines.put(text);
      });
    }
  }
  return lines.all;
}

class Lines {
  constructor() {
    this.all = [[]];
  }

  put(part) {
    const line = this.all.at(-1);
    if (part === "") return;
    if (typeof part === "string" && typeof line.at(-1) === "string") line[line.length - 1] += part;
    else line.push(part);
  }

  /** Whether nothing but an indent stands in the last line. */
  get isEmpty() {
    return this.all.at(-1).every((part) => typeof part === "string" && !part.trim());
  }

  next(depth) {
    if (this.isEmpty) this.all[this.all.length - 1] = [];
    else this.all.push([]);
    this.put(INDENT.repeat(Math.min(Math.max(depth, 0), MAX_DEPTH)));
  }
}

class Json {
  constructor(lines) {
    this.lines = lines;
    this.depth = 0;
    this.isText = false;
    this.isEscaped = false;
  }

  read(text, shown) {
    const put = (char) => shown && this.lines.put(char);
    const next = () => shown && this.lines.next(this.depth);
    for (const char of text) {
      if (this.isText) {
        put(char);
        if (this.isEscaped) this.isEscaped = false;
        else if (char === "\\") this.isEscaped = true;
        else if (char === '"') this.isText = false;
      } else if (char === '"') {
        this.isText = true;
        put(char);
      } else if (char === "{" || char === "[") {
        this.depth += 1;
        put(char);
        next();
      } else if (char === "}" || char === "]") {
        this.depth -= 1;
        next();
        put(char);
      } else if (char === ",") {
        put(char);
        next();
      } else if (char === ":") {
        put(": ");
      } else if (!/\s/.test(char)) {
        put(char);
      }
    }
  }
}

// Of broken markup the indents are wrong, and no more.
class Markup {
  constructor(lines) {
    this.lines = lines;
    this.depth = 0;
    this.tag = null;
    this.quote = "";
    this.raw = "";
  }

  read(text, shown) {
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at];
      if (this.tag !== null) this.inTag(char, shown);
      else if (char === "<" && !this.staysRaw(text, at)) this.open(text.slice(at + 1, at + 40), shown);
      else if (char === "\n" && shown) this.lines.next(this.raw ? 0 : this.depth);
      else if (shown && (this.raw || !/\s/.test(char) || !this.lines.isEmpty)) this.lines.put(char);
    }
  }

  staysRaw(text, at) {
    return this.raw !== "" && !text.slice(at, at + this.raw.length + 2).toLowerCase().startsWith(`</${this.raw}`);
  }

  open(rest, shown) {
    const name = /^\/?[a-z][\w:-]*/i.exec(rest)?.[0].toLowerCase() ?? "";
    this.tag = { name: name.replace("/", ""), closes: name.startsWith("/"), empty: false };
    const isInline = INLINE.has(this.tag.name) || name === "";
    if (this.tag.closes && !isInline) this.depth -= 1;
    if (this.tag.closes) this.raw = "";
    if (shown && !isInline && !(this.tag.closes && this.last === this.tag.name)) this.lines.next(this.depth);
    if (!isInline) this.last = this.tag.name;
    if (shown) this.lines.put("<");
  }

  inTag(char, shown) {
    if (shown) this.lines.put(char === "\n" ? " " : char);
    if (this.quote) {
      if (char === this.quote) this.quote = "";
    } else if (char === '"' || char === "'") {
      this.quote = char;
    } else if (char === ">") {
      this.end();
    } else {
      this.tag.empty = char === "/";
    }
  }

  end() {
    const { name, closes, empty } = this.tag;
    this.tag = null;
    if (closes || empty || name === "" || VOID.has(name) || INLINE.has(name)) return;
    this.depth += 1;
    if (RAW.has(name)) this.raw = name;
  }
}
