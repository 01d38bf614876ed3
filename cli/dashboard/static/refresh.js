// Brings the page up to date every few seconds: a section that differs is replaced, unless somebody is in it.
"use strict";

const SECONDS = 5;
let paused = false;

function changed(section, fresh) {
  // What was opened stays open.
  for (const details of section.querySelectorAll("details[open][id]")) {
    fresh.querySelector(`details[id="${CSS.escape(details.id)}"]`)?.setAttribute("open", "");
  }
  return section.outerHTML !== fresh.outerHTML;
}

async function refresh() {
  const answer = await fetch("/", { credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  for (const section of document.querySelectorAll("main > section[id]")) {
    const fresh = page.getElementById(section.id);
    const held = section.contains(document.activeElement) || section.contains(getSelection().anchorNode) && !getSelection().isCollapsed;
    if (!fresh || held) continue;
    if (section.id === "summary") {
      // Its sentence is announced when it changes, so it is changed in place.
      if (section.innerHTML !== fresh.innerHTML) section.innerHTML = fresh.innerHTML;
    } else if (changed(section, fresh)) {
      section.replaceWith(fresh);
    }
  }
}

async function round() {
  if (!paused && !document.hidden) {
    try {
      await refresh();
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
      document.title = "Console ended · Matchday console";
      const status = document.querySelector("#summary [role=status]");
      if (status) {
        status.className = "wrong";
        status.textContent = "The console does not answer any more: what is shown is old.";
      }
    }
  }
  setTimeout(round, SECONDS * 1000);
}

const button = document.createElement("button");
button.type = "button";
button.id = "pause";
button.setAttribute("aria-pressed", "false");
button.textContent = "Pause updates";
button.addEventListener("click", () => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
});
document.querySelector("header").append(button);
setTimeout(round, SECONDS * 1000);
