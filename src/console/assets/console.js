import { localize } from "./format.js";

// Comfort only: every page works without this.

// After a form, the first error or notice gets the focus, so that it is read aloud.
const message = document.querySelector("[data-focus]");
if (message) {
  message.focus();
}

// Numbers and times in the reader's own language and zone.
localize(document);

if (document.querySelector("[data-live]")) {
  import("./live.js");
}

// Copies a command or a template.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text and copy it";
    }
  });
}

// Selects all event types.
for (const button of document.querySelectorAll("button[data-select-all]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    for (const box of button.form.querySelectorAll("input[name=type]")) {
      box.checked = true;
    }
    button.form.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// Rows of dimensions: added and removed without a new page.
function number(rows) {
  const noun = rows.dataset.rows;
  [...rows.children].forEach((row, at) => {
    row.setAttribute("aria-label", `${noun[0].toUpperCase()}${noun.slice(1)} ${at + 1}`);
    for (const element of row.querySelectorAll("[id], [for]")) {
      for (const name of ["id", "for"]) {
        const value = element.getAttribute(name);
        if (value) {
          element.setAttribute(name, value.replace(/-\d+-/, `-${at}-`));
        }
      }
    }
    const button = row.querySelector("[data-remove]");
    button.value = `remove-${noun}.${at}`;
    button.setAttribute("aria-label", `Remove ${noun} ${at + 1}`);
  });
}

function blank(row) {
  for (const error of row.querySelectorAll(".error")) {
    error.remove();
  }
  for (const field of row.querySelectorAll("input, select")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    if (field.tagName === "SELECT") {
      field.selectedIndex = 0;
    } else {
      field.value = "";
    }
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-add], button[data-remove]");
  if (!button) {
    return;
  }
  const noun = button.dataset.add;
  const rows = noun
    ? button.form.querySelector(`[data-rows="${noun}"]`)
    : button.closest("[data-rows]");
  if (noun) {
    const last = rows.lastElementChild;
    // The first row comes from the server.
    if (!last || rows.children.length >= 40) {
      return;
    }
    event.preventDefault();
    const row = last.cloneNode(true);
    blank(row);
    rows.append(row);
    number(rows);
    row.querySelector("select, input").focus();
  } else if (rows.children.length > 1) {
    event.preventDefault();
    const row = button.closest(".row");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    number(rows);
    next.querySelector("[data-remove]").focus();
  }
  rows.dispatchEvent(new Event("input", { bubbles: true }));
});

// The preview of a destination, while it is entered.
const preview = document.querySelector("[data-preview]");
if (preview) {
  const form = preview.closest("form");
  let timer;
  let running;
  const update = async () => {
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(preview.dataset.preview, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: running.signal,
      });
      // The text is a page's part from this server, and the policy runs no script in it.
      if (response.ok) {
        preview.innerHTML = await response.text();
      }
    } catch {
      // The next change tries again.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 500);
  });
}
