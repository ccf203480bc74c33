// By this script each page of the demo proves itself. When everything is loaded it looks at every element, every
// resource and every check that the page has added with proof.check(), and sets on <html>
//   data-ok="yes"                      nothing is wrong
//   data-ok="no"  data-why="..."       what is wrong
// "Right" means: it works, and it names no server but the one the page itself came from.
(() => {
  "use strict";

  const origin = self.origin; // of the parent in a srcdoc frame, where location knows none
  const host = new URL(origin).host;
  const limit = 10000; // milliseconds that a check may take
  const absolute = /(?:(https?|wss?):|(?<=^|[\s,"'(=]))\\?\/\\?\/([^\s\/\\"'<>()&?#,;]+)/gi;
  const checks = [];
  const faults = new Set();

  const explain = (error) => (error && error.message) || String(error);

  function assert(condition, what) {
    if (!condition) throw new Error(what);
  }

  /** Waits until condition() is true; throws after the limit. */
  async function until(condition, what) {
    const end = performance.now() + limit;
    while (!condition()) {
      assert(performance.now() < end, `${what}: not within ${limit / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Throws unless the URL leads to the server of this page; gives it as an object. */
  function own(url) {
    const parsed = new URL(url, document.baseURI);
    const here = parsed.origin.replace(/^ws/, "http");
    assert(here === origin, `${url} leads away from ${origin}`);
    return parsed;
  }

  /** Loads a picture. */
  function image(url) {
    own(url);
    return new Promise((resolve, reject) => {
      const picture = new Image();
      picture.onload = () => resolve(picture);
      picture.onerror = () => reject(new Error(`${url} did not load`));
      picture.src = url;
    });
  }

  /** Fetches a URL and gives the response, which must be a success. */
  async function get(url, init) {
    own(url);
    const answer = await fetch(url, init);
    assert(answer.ok, `${url} answered ${answer.status}`);
    return answer;
  }

  /** Waits until the browser has loaded path (with its query) from the server of this page. */
  function fetched(path) {
    return until(
      () => performance.getEntriesByType("resource").some((entry) => entry.name === origin + path),
      `${path} was not asked for`,
    );
  }

  function check(what, run) {
    checks.push([what, run]);
  }

  self.proof = { assert, check, fetched, get, image, origin, own, until };

  // What goes wrong by itself.
  addEventListener(
    "error",
    (event) => {
      const element = event.target;
      if (element instanceof Element) {
        const url = element.currentSrc || element.src || element.href || element.data;
        faults.add(`<${element.localName}> ${url && url.baseVal ? url.baseVal : url} did not load`);
      } else faults.add(event.message);
    },
    true,
  );
  addEventListener("unhandledrejection", (event) => faults.add(explain(event.reason)));
  document.addEventListener("securitypolicyviolation", (event) =>
    faults.add(`${event.blockedURI} was blocked by ${event.violatedDirective}`),
  );

  // What every page must fulfil.
  check("attributes", () => {
    for (const element of document.querySelectorAll("*:not(.foreign)"))
      for (const { name, value } of element.attributes) {
        if (name.startsWith("xmlns")) continue;
        for (const [, scheme = "http", authority] of value.matchAll(absolute)) {
          const named = new URL(`${scheme}://${authority}`).host;
          // Without a scheme the default port of this page's own scheme counts.
          if (named !== host && authority.toLowerCase() !== host)
            faults.add(`<${element.localName} ${name}> names ${authority}`);
        }
      }
  });
  check("pictures", () => {
    for (const img of document.images)
      if (!img.complete || !img.naturalWidth) faults.add(`<img> ${img.currentSrc || img.src} is not there`);
  });
  check("style sheets", () => {
    const visit = (sheet, from) => {
      if (!sheet) return faults.add(`style sheet of ${from} is not there`);
      for (const rule of sheet.cssRules) if (rule instanceof CSSImportRule) visit(rule.styleSheet, rule.href);
    };
    for (const link of document.querySelectorAll("link[rel~=stylesheet]")) visit(link.sheet, link.href);
    for (const style of document.querySelectorAll("style")) visit(style.sheet, "<style>");
  });
  check("frames", async () => {
    for (const frame of document.querySelectorAll("iframe, frame")) {
      const inner = () => frame.contentDocument?.documentElement?.dataset;
      await until(() => inner()?.ok, `frame ${frame.src || "srcdoc"}`);
      assert(inner().ok === "yes", `frame ${frame.src || "srcdoc"}: ${inner().why}`);
    }
  });
  check("objects", async () => {
    for (const object of document.querySelectorAll("object, embed"))
      await until(() => object.getSVGDocument()?.querySelector("svg"), `<${object.localName}>`);
  });
  check("media", async () => {
    for (const media of document.querySelectorAll("audio, video"))
      await until(() => media.readyState >= media.HAVE_METADATA, `<${media.localName}> ${media.currentSrc}`);
    for (const track of document.querySelectorAll("track[default]"))
      await until(() => track.readyState === HTMLTrackElement.LOADED, `<track> ${track.src}`);
  });

  function resources(view) {
    for (const entry of view.performance.getEntriesByType("resource")) {
      if (!/^https?:/.test(entry.name)) continue;
      if (new URL(entry.name).origin !== origin) faults.add(`${entry.name} was asked for`);
      else if (entry.responseStatus >= 400) faults.add(`${entry.name} answered ${entry.responseStatus}`);
    }
  }

  async function attempt([what, run]) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("takes too long")), limit + 1000);
    });
    await Promise.race([(async () => run())(), late]).catch((error) => faults.add(`${what}: ${explain(error)}`));
    clearTimeout(timer);
  }

  async function judge() {
    await Promise.all(checks.map(attempt));
    resources(self);
    for (const object of document.querySelectorAll("object, embed")) {
      const view = object.getSVGDocument()?.defaultView;
      if (view) resources(view);
    }
    const root = document.documentElement;
    if (document.body instanceof HTMLBodyElement) {
      const line = document.createElement("p");
      line.id = "proof";
      line.className = faults.size ? "no" : "yes";
      line.textContent = faults.size
        ? `Broken: ${[...faults].join("; ")}`
        : `Everything is loaded, and from ${origin} only.`;
      document.body.prepend(line);
    }
    root.dataset.why = [...faults].join("; ");
    root.dataset.ok = faults.size ? "no" : "yes";
  }

  addEventListener("load", judge);
})();
