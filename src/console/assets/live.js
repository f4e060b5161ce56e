// Live figures: a stream of messages, one a flush. What a message cannot say is fetched with the page.

import * as format from "./format.js";

const root = document.querySelector("[data-live]");
const state = document.querySelector("#live-state");
// Parts of the page that are fetched again; the table only while nobody reads it.
const REFRESH_AFTER = 20_000;
const RETRY_AFTER = 5_000;
let refreshed = Date.now();
let source = null;

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

function valueOf(figures, path) {
  return path.split(".").reduce((value, key) => value?.[key], figures);
}

function text(kind, value) {
  switch (kind) {
    case "number": return format.number(value);
    case "rate": return format.rate(value);
    case "dollars": return format.dollars(value);
    case "seconds": return format.seconds(value);
    case "time": return format.time(value);
    default: return String(value);
  }
}

function show(figures) {
  for (const element of root.querySelectorAll("[data-figure]")) {
    const value = valueOf(figures, element.dataset.figure);
    if (value === undefined || value === null) continue;
    const next = text(element.dataset.format, value);
    if (element.textContent !== next) element.textContent = next;
  }
}

async function refresh() {
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (response.status === 401) {
    source?.close();
    return say("Your session has ended: reload the page to sign in.");
  }
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || old.querySelector("details[open]") || old.contains(document.activeElement)) continue;
    format.localize(fresh);
    old.replaceChildren(...fresh.childNodes);
  }
}

function received(event) {
  say("Live.");
  show(JSON.parse(event.data));
  if (Date.now() - refreshed > REFRESH_AFTER) {
    refreshed = Date.now();
    refresh().catch(() => {});
  }
}

function follow() {
  source = new EventSource(root.dataset.live);
  source.addEventListener("snapshot", received);
  source.addEventListener("flush", received);
  source.addEventListener("error", () => {
    say("Reconnecting: these figures are from before.");
    // A browser gives up after an error of the server, such as 503.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      refresh().catch(() => {});
      setTimeout(follow, RETRY_AFTER);
    }
  });
}

addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && follow());
follow();
