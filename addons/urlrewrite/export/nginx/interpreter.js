// Decides what becomes of a request by the rules of TABLE, which stands below. The same for every site and every file.
//
// It sees the path as IIS does: decoded, with single slashes, without dot segments. It remembers where in the path as
// the client wrote it each character stood, and hands on what stood there: nothing that was decoded is ever sent.

function bytesOf(escapes) {
  return escapes.split("%").slice(1).map((hex) => parseInt(hex, 16));
}

// The characters of a run of escapes, each with the number of its bytes. A byte that is not UTF-8 stands for itself.
function decoded(escapes) {
  const bytes = bytesOf(escapes);
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    let code = more <= 0 ? first : first & (0x3f >> more);
    let valid = more >= 0 && at + more < bytes.length;
    for (let next = 1; valid && next <= more; next++) {
      valid = (bytes[at + next] & 0xc0) === 0x80;
      code = (code << 6) | (bytes[at + next] & 0x3f);
    }
    const least = [0, 0x80, 0x800, 0x10000][Math.max(more, 0)];
    valid = valid && code >= least && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    found.push(valid ? [String.fromCodePoint(code), more + 1] : ["\ufffd", 1]);
    at += valid ? more + 1 : 1;
  }
  return found;
}

const DOTS = /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=\/|\\|%2f|%5c|(?![\s\S]))/i;

function withoutDots(path) {
  if (!DOTS.test(path)) {
    return path;
  }
  const segment = /(\/|\\|%2f|%5c)((?:(?!\/|\\|%2f|%5c)[\s\S])*)/gi;
  const kept = [];
  let found;
  while ((found = segment.exec(path))) {
    const dots = found[2].replace(/%2e/gi, ".");
    if (dots === "." || dots === "..") {
      if (dots === ".." && kept.length) {
        kept.pop();
      }
      if (found.index + found[0].length === path.length) {
        kept.push(found[1]);
      }
    } else {
      kept.push(found[0]);
    }
  }
  return kept.join("").replace(/\/|\\|%2f|%5c/i, "/") || "/";
}

// A path as rules match it: `text` is without its first slash, `offsets` say where its characters stand in `raw`.
function cook(raw) {
  raw = withoutDots(raw[0] === "/" ? raw : "/" + raw);
  const path = { raw: raw, text: raw.slice(1), offsets: null };
  if (!/[%\\]|\/\//.test(raw)) {
    return path;
  }
  const characters = [];
  const offsets = [];
  const put = (character, offset) => {
    character = character === "\\" ? "/" : character;
    if (character === "/" && characters[characters.length - 1] === "/") {
      return;
    }
    characters.push(character);
    for (let unit = 0; unit < character.length; unit++) {
      offsets.push(offset);
    }
  };
  const escapes = /(?:%[0-9a-f]{2})+/gi;
  let at = 0;
  let run;
  const plain = (end) => {
    for (; at < end; at++) {
      put(raw[at], at);
    }
  };
  while ((run = escapes.exec(raw))) {
    plain(run.index);
    decoded(run[0]).forEach((each) => {
      put(each[0], at);
      at += 3 * each[1];
    });
  }
  plain(raw.length);
  path.text = characters.join("").slice(1);
  path.offsets = offsets.slice(1).concat(raw.length);
  return path;
}

function written(path, start, end) {
  if (path.offsets === null) {
    return path.raw.slice(start + 1, end + 1);
  }
  return end > start ? path.raw.slice(path.offsets[start], path.offsets[end]) : "";
}

function escapesOf(text) {
  // njs has no encodeURIComponent for half a pair, and needs none: nothing here is cut.
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => "%" + mark.charCodeAt(0).toString(16).toUpperCase());
}

function encoded(text) {
  return text.replace(/%(?![0-9a-fA-F]{2})|[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7c\x7e%]+/g, escapesOf);
}

const FUNCTIONS = {
  tolower: (text) => text.toLowerCase(),
  urlencode: (text) => escapesOf(text),
  urldecode: (text) =>
    text.replace(/\+/g, " ").replace(/(?:%[0-9a-f]{2})+/gi, (run) => decoded(run).map((each) => each[0]).join("")),
  htmlencode: (text) =>
    text.replace(/[&<>"']/g, (mark) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" })[mark]),
};

const compiled = {};

function expression(source, ignoreCase) {
  const key = (ignoreCase ? "i" : "-") + source;
  compiled[key] = compiled[key] || new RegExp(source, ignoreCase ? "i" : "");
  return compiled[key];
}

// Where each group of a match begins: where another one does, after some others, or, in a loop, before its end.
function beginnings(match, places) {
  const starts = [match.index];
  places.forEach((place) => {
    if (match[place.group] === undefined) {
      return;
    }
    const lengths = place.before.reduce((sum, group) => sum + (match[group] || "").length, 0);
    starts[place.group] = starts[place.base] + lengths - (place.last ? match[place.group].length : 0);
  });
  return starts;
}

function Request(r, site) {
  const target = r.variables.request_uri;
  const mark = target.indexOf("?");
  this.r = r;
  this.site = site;
  this.target = target;
  this.rawPath = mark < 0 ? target : target.slice(0, mark);
  this.path = cook(this.rawPath);
  this.query = mark < 0 ? null : target.slice(mark + 1);
  this.host = this.field("host");
  this.scheme = r.variables.scheme;
  this.assigned = {};
  this.fields = {};
  this.rule = [];
  this.conditions = [];
}

Request.prototype.field = function (name) {
  return this.r.headersIn[name] || "";
};

Request.prototype.hostName = function () {
  return this.host[0] === "[" ? this.host.split("]")[0] + "]" : this.host.split(":")[0];
};

Request.prototype.port = function () {
  const port = /:(\d+)$/.exec(this.host);
  return port ? port[1] : this.scheme === "https" ? "443" : "80";
};

Request.prototype.physicalPath = function () {
  const root = this.site.root;
  if (!root) {
    return "";
  }
  const ended = root.replace(/[\/\\]+$/, "") + (root.includes("\\") ? "\\" : "/");
  return ended + (root.includes("\\") ? this.path.text.replace(/\//g, "\\") : this.path.text);
};

const VARIABLES = {
  APPL_PHYSICAL_PATH: (q) => q.site.root && q.site.root.replace(/[\/\\]+$/, "") + (q.site.root.includes("\\") ? "\\" : "/"),
  CACHE_URL: (q) => {
    const upgrades = q.field("upgrade").toLowerCase() === "websocket";
    return (upgrades ? q.scheme.replace("http", "ws") : q.scheme) + "://" + q.hostName() + ":" + q.port() + q.target;
  },
  CONTENT_LENGTH: (q) => q.field("content-length"),
  CONTENT_TYPE: (q) => q.field("content-type"),
  DOCUMENT_ROOT: (q) => q.site.root,
  GATEWAY_INTERFACE: () => "CGI/1.1",
  HTTPS: (q) => (q.scheme === "https" ? "on" : "off"),
  HTTP_HOST: (q) => q.host,
  HTTP_METHOD: (q) => q.r.method,
  HTTP_URL: (q) => q.target,
  HTTP_VERSION: (q) => "HTTP/" + q.r.httpVersion,
  HTTP_X_ORIGINAL_URL: (q) => {
    const mark = q.target.indexOf("?");
    return "/" + cook(q.rawPath).text + (mark < 0 ? "" : q.target.slice(mark));
  },
  INSTANCE_NAME: (q) => q.site.name,
  LOCAL_ADDR: (q) => q.r.variables.server_addr,
  PATH_INFO: (q) => "/" + q.path.text,
  PATH_TRANSLATED: (q) => q.physicalPath(),
  QUERY_STRING: (q) => q.query || "",
  REMOTE_ADDR: (q) => q.r.remoteAddress,
  REMOTE_HOST: (q) => q.r.remoteAddress,
  REMOTE_PORT: (q) => q.r.variables.remote_port,
  REQUEST_FILENAME: (q) => q.physicalPath(),
  REQUEST_METHOD: (q) => q.r.method,
  REQUEST_URI: (q) => q.target,
  SCRIPT_FILENAME: (q) => q.physicalPath(),
  SCRIPT_NAME: (q) => "/" + q.path.text,
  SERVER_ADDR: (q) => q.r.variables.server_addr,
  SERVER_NAME: (q) => q.hostName(),
  SERVER_PORT: (q) => q.port(),
  SERVER_PORT_SECURE: (q) => (q.scheme === "https" ? "1" : "0"),
  SERVER_PROTOCOL: (q) => "HTTP/" + q.r.httpVersion,
  SERVER_SOFTWARE: () => "mitm-urlrewrite",
  UNENCODED_URL: (q) => q.target,
  URL: (q) => "/" + q.path.text,
  URL_PATH_INFO: (q) => "/" + q.path.text,
};
const OF_PATH = ["PATH_INFO", "SCRIPT_NAME", "URL", "URL_PATH_INFO"];

Request.prototype.variable = function (name) {
  if (name in this.assigned) {
    return this.assigned[name];
  }
  if (VARIABLES[name]) {
    return VARIABLES[name](this) || "";
  }
  return name.startsWith("HTTP_") ? this.field(name.slice(5).replace(/_/g, "-").toLowerCase()) : "";
};

Request.prototype.call = function (name, argument) {
  const map = this.site.maps[name];
  if (!map) {
    return FUNCTIONS[name](argument);
  }
  const key = map.ignoreCase ? argument.toLowerCase() : argument;
  return Object.prototype.hasOwnProperty.call(map.entries, key) ? map.entries[key] : map.otherwise;
};

Request.prototype.text = function (node) {
  if (typeof node === "string") {
    return node;
  }
  if (node.variable) {
    return this.variable(node.variable);
  }
  if (node.call) {
    return this.call(node.call, this.expand(node.of));
  }
  return (node.R === undefined ? this.conditions[node.C] : this.rule[node.R]) || "";
};

Request.prototype.expand = function (template) {
  return template.map((node) => this.text(node)).join("");
};

// The URL of an action, in which what comes from the path stands as the client wrote it.
Request.prototype.url = function (rule, match) {
  const starts = match && beginnings(match, rule.places);
  const parts = rule.url.map((node) => {
    if (node.variable && OF_PATH.includes(node.variable) && !(node.variable in this.assigned)) {
      return this.path.raw;
    }
    if (match && node.R !== undefined && node.R < rule.groups.length) {
      const group = rule.groups[node.R];
      return match[group] === undefined ? "" : written(this.path, starts[group], starts[group] + match[group].length);
    }
    return this.text(node);
  });
  if (rule.does !== "Rewrite") {
    return encoded(parts.join(""));
  }
  // A '#' of a request belongs to its path; only one that the rule has begins a fragment.
  return parts
    .map((part, at) => (typeof rule.url[at] === "string" ? part : part.replace(/#/g, "%23")))
    .reduce((url, part) => url + encoded(part), "");
};

function isThere(kind, text, q) {
  if (!q.site.files || q.global) {
    return false;
  }
  const name = text || q.physicalPath();
  const path = name[0] === "/" ? name : q.site.root + "/" + name;
  if (path.split("/").includes("..") || !(path + "/").startsWith(q.site.root.replace(/\/+$/, "") + "/")) {
    return false;
  }
  try {
    const found = fs.statSync(path);
    return kind === "IsFile" ? found.isFile() : found.isDirectory();
  } catch (error) {
    return false;
  }
}

Request.prototype.holds = function (rule) {
  let holds = !rule.any || rule.conditions.length === 0;
  for (let at = 0; at < rule.conditions.length; at++) {
    const condition = rule.conditions[at];
    const text = this.expand(condition.input);
    let match = null;
    let found;
    if (condition.kind === "Pattern") {
      match = expression(condition.pattern, condition.ignoreCase).exec(text);
      found = match !== null;
    } else {
      found = isThere(condition.kind, text, this);
    }
    holds = found !== condition.negate;
    if (match && holds) {
      const groups = match.map((group) => group || "");
      const adds = rule.tracks && this.conditions.length > 0;
      this.conditions = adds ? this.conditions.concat(groups.slice(1)) : groups;
    }
    if (holds === rule.any) {
      break;
    }
  }
  return holds;
};

Request.prototype.assign = function (setting) {
  if (this.variable(setting.name) && !setting.replace) {
    return;
  }
  const value = this.expand(setting.value).replace(/[\x00-\x1f\x7f]+/g, " ");
  this.assigned[setting.name] = value;
  if (setting.name.startsWith("HTTP_")) {
    this.fields[setting.name] = value;
  }
};

Request.prototype.location = function (rule, match) {
  let location = this.url(rule, match);
  if (rule.append && this.query) {
    const hash = location.indexOf("#");
    const base = hash < 0 ? location : location.slice(0, hash);
    location = base + (base.includes("?") ? "&" : "?") + this.query + (hash < 0 ? "" : location.slice(hash));
  }
  if (location.startsWith("//")) {
    return this.scheme + ":" + location;
  }
  if (/^[a-z][a-z0-9+.\-]*:/i.test(location)) {
    return location;
  }
  return this.scheme + "://" + this.host + (location[0] === "/" ? "" : "/") + location;
};

const HOST = /^(\[[0-9a-f:.]+\]|[^\x00-\x20\x7f-\xa0"#\/:<>?@\[\\\]^`{|}]+)(?::([0-9]{0,5}))?(?![\s\S])/;

function originOf(scheme, authority) {
  const found = HOST.exec(authority.slice(authority.lastIndexOf("@") + 1).toLowerCase());
  scheme = scheme.toLowerCase().replace("ws", "http");
  const standard = scheme === "https" ? "443" : "80";
  const port = found && found[2] ? String(Number(found[2])) : standard;
  return found && scheme + "://" + found[1].replace(/\.+$/, "") + (port === standard ? "" : ":" + port);
}

// Returns false where the rule names a host to which nothing is forwarded.
Request.prototype.rewrite = function (rule, match) {
  const url = this.url(rule, match);
  let rest = url.split("#")[0];
  const absolute = /^(https?|wss?):\/\/([^\/?#]*)([^#]*)/i.exec(url);
  if (absolute) {
    const origin = originOf(absolute[1], absolute[2]);
    if (!origin || !this.site.origins[origin]) {
      return false;
    }
    this.origin = origin;
    rest = absolute[3];
  } else if (rest[0] !== "/") {
    rest = "/" + rest;
  }
  const mark = rest.indexOf("?");
  let query = mark < 0 ? null : rest.slice(mark + 1);
  if (rule.append && this.query) {
    query = query ? query + "&" + this.query : this.query;
  }
  this.path = cook(mark < 0 ? rest : rest.slice(0, mark));
  this.query = query;
  return true;
};

Request.prototype.try = function (rule) {
  const match = expression(rule.pattern, rule.ignoreCase).exec(this.path.text);
  if ((match !== null) === rule.negate) {
    return null;
  }
  if (rule.refused) {
    return { does: "refused" };
  }
  const captured = rule.negate ? null : match;
  this.rule = captured ? rule.groups.map((group) => captured[group] || "") : [];
  this.conditions = [];
  if (!this.holds(rule)) {
    return null;
  }
  rule.sets.forEach((setting) => this.assign(setting));
  switch (rule.does) {
    case "Redirect":
      return { does: "redirect " + rule.status, location: this.location(rule, captured) };
    case "CustomResponse":
      return { does: "respond " + rule.number };
    case "AbortRequest":
      return { does: "abort" };
    case "Rewrite":
      return this.rewrite(rule, captured) ? { stops: rule.stops } : { does: "fail" };
  }
  return { stops: rule.stops };
};

// What no client means in a path, besides fragments and a Host that is none: control characters and UTF-8 in more bytes than it takes, dots with a parameter.
const NOT_VALID = [
  /%(?:[01][0-9a-f]|7f|c2%[89][0-9a-f])/i,
  /%c[01]%[89ab]|%e0%[89][0-9a-f]%[89ab]|%f0%8[0-9a-f]%[89ab][0-9a-f]%[89ab]/i,
  /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2};/i,
];

function decide(r, site) {
  const q = new Request(r, site);
  const valid = HOST.test(q.host.toLowerCase()) && !/[#\x00-\x20\x7f]/.test(q.target);
  if (!valid || NOT_VALID.some((each) => each.test(q.rawPath))) {
    return { does: "not valid", q: q };
  }
  for (let set = 0; set < site.sets.length; set++) {
    q.global = set === 0;
    for (let at = 0; at < site.sets[set].length; at++) {
      const done = q.try(site.sets[set][at]);
      if (done && done.does) {
        return { does: done.does, location: done.location, q: q };
      }
      if (done && done.stops) {
        break;
      }
    }
  }
  return { does: "forward", q: q };
}

// A line for each part of the decision; no value can have a line end.
function answer(r, site) {
  const decision = decide(r, site);
  const q = decision.q;
  const origin = q.origin || site.backend;
  const lines = [
    decision.does === "forward" && !origin ? "nowhere" : decision.does,
    decision.location || "",
    q.path.raw + (q.query === null ? "" : "?" + q.query),
    origin,
    q.fields.HTTP_HOST || "",
  ];
  site.fields.forEach((name) => {
    const field = name.slice(5).replace(/_/g, "-").toLowerCase();
    lines.push(name in q.fields ? q.fields[name] : site.forgeable.includes(name) ? "\x01" : q.field(field));
  });
  return lines.join("\n");
}
