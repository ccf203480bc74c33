// What a watched page carries: it tells the proxy what the browser refuses, and changes nothing that the page can see
// but what is said in `pages.py`. It has to work wherever the page does, so it uses nothing that the page can replace
// later, and whatever fails in it fails without a sound.
(() => {
  const script = document.currentScript;
  const path = script && script.getAttribute("data-rewrite-probe");
  if (!path) return;
  const to = new URL(path, location.href).href;
  script.remove();

  const MOST = 100;
  const TOGETHER = 40;
  const LONGEST = 500;
  const beacon = navigator.sendBeacon && navigator.sendBeacon.bind(navigator);
  const later = setTimeout.bind(window);
  const { stringify } = JSON;
  if (!beacon) return;

  let waiting = [];
  let said = 0;
  let timer = 0;
  const known = new Set();

  function flush() {
    timer = 0;
    while (waiting.length) {
      const together = waiting.slice(0, TOGETHER);
      waiting = waiting.slice(TOGETHER);
      try {
        beacon(to, stringify(together));
      } catch {
        return;
      }
    }
  }

  function text(value) {
    try {
      return String(value ?? "").slice(0, LONGEST);
    } catch {
      return "";
    }
  }

  function say(kind, values) {
    const statement = { kind };
    for (const name of Object.keys(values)) {
      const value = values[name];
      statement[name] = typeof value === "number" ? value : text(value);
    }
    const key = stringify(statement);
    if (said >= MOST || known.has(key)) return;
    known.add(key);
    said += 1;
    waiting.push(statement);
    if (!timer) timer = later(flush, 200);
  }

  function safely(listener) {
    return (event) => {
      try {
        listener(event);
      } catch {
        // The page goes on as if nobody listened.
      }
    };
  }

  const ours = (url) => text(url).startsWith(to);

  addEventListener(
    "error",
    safely((event) => {
      const target = event.target;
      if (target && target !== window && target.nodeType === 1) {
        const url = target.currentSrc || target.src || target.href || target.data || "";
        if (url) say("element", { tag: target.localName, url: url.baseVal ?? url });
      } else if (event.message !== undefined) {
        say("error", { text: event.message, url: event.filename, line: event.lineno || 0 });
      }
    }),
    true,
  );
  addEventListener(
    "unhandledrejection",
    safely((event) => {
      const { reason } = event;
      say("rejection", { text: reason instanceof Error ? `${reason.name}: ${reason.message}` : typeof reason === "string" ? reason : "" });
    }),
  );
  document.addEventListener(
    "securitypolicyviolation",
    safely((event) => {
      if (ours(event.blockedURI) || event.disposition !== "enforce") return;
      const { blockedURI: url, effectiveDirective: directive, sourceFile: source, lineNumber: line, sample } = event;
      say("policy", { url, directive, source, line: line || 0, text: sample, policy: event.originalPolicy });
    }),
  );

  // A frame that was refused shows a page of the browser's own, which belongs to no origin.
  document.addEventListener(
    "load",
    safely((event) => {
      const frame = event.target;
      if (frame.localName !== "iframe" && frame.localName !== "frame") return;
      if (!frame.src || frame.hasAttribute("sandbox") || new URL(frame.src).origin !== location.origin) return;
      if (frame.contentDocument === null) say("frame", { tag: frame.localName, url: frame.src });
    }),
    true,
  );

  // A socket that fails tells nobody but its own page. The page gets the browser's own sockets, by way of this.
  try {
    window.WebSocket = new Proxy(WebSocket, {
      construct(target, values, asked) {
        const socket = Reflect.construct(target, values, asked);
        socket.addEventListener("error", safely(() => say("socket", { url: socket.url })));
        return socket;
      },
    });
    WebSocket.prototype.constructor = WebSocket;
  } catch {
    // The page may have its sockets as they are.
  }

  try {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.responseStatus >= 400 && !ours(entry.name)) {
          say("resource", { url: entry.name, tag: entry.initiatorType, status: entry.responseStatus });
        }
      }
    }).observe({ type: "resource", buffered: true });
  } catch {
    // An older browser: what fails shows as an element all the same.
  }

  addEventListener("load", () => {
    later(() => {
      let names = "";
      try {
        names = document.cookie.split(";").map((pair) => pair.split("=")[0].trim()).join(" ");
      } catch {
        // A page without an origin has none.
        return;
      }
      say("cookies", { text: names });
    }, 0);
  });
  addEventListener("pagehide", flush);
})();
