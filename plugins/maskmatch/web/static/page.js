// Airflow's own choice of colours, not the system's; then the page is fetched anew while somebody looks at it.
"use strict";

const theme = localStorage.getItem("theme");
if (theme === "dark" || theme === "light") document.documentElement.style.colorScheme = theme;
addEventListener("storage", (event) => {
  if (event.key === "theme") location.reload();
});

const SECONDS = 2;
const isFramed = window !== window.parent;

function show(text, isTrouble) {
  const status = document.getElementById("status");
  status.textContent = text;
  status.classList.toggle("trouble", Boolean(isTrouble));
}

// Whoever types in a part, or has opened something in it, keeps it as it is.
function isInUse(part) {
  const active = document.activeElement;
  return part.querySelector("details[open]") || (part.contains(active) && active.matches("input, select"));
}

function takeOver(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = fresh.getElementById(part.id);
    if (!newer || newer.innerHTML === part.innerHTML || isInUse(part)) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.innerHTML = newer.innerHTML;
    if (focused) document.getElementById(focused)?.focus();
  }
}

let wasAway = false;
async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status === 401) throw new Error("You are signed out: load Airflow's page again.");
    if (!answer.ok) throw new Error(`The server answers ${answer.status}.`);
    takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (wasAway) show("Up to date again.");
    wasAway = false;
  } catch (error) {
    wasAway = true;
    show(`Not up to date: ${error.message}`, true);
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, 1000 * SECONDS);
}

async function send(form) {
  const order = Object.fromEntries(new FormData(form));
  if ("percent" in order) order.percent = Number(order.percent);
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(order),
  });
  const told = await answer.json();
  const detail = typeof told.detail === "string" ? told.detail : "the order is not understood";
  show(answer.ok ? told.message : `${answer.status}: ${detail}`, !answer.ok);
  if (answer.ok) {
    form.closest("details")?.removeAttribute("open");
    document.activeElement.blur();
  }
  await refresh();
}

addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-order]");
  if (!form) return;
  event.preventDefault();
  send(form).catch((error) => show(`Nothing was sent: ${error.message}`, true));
});

// A frame may not lead its parent away, so a link to Airflow's own page is followed by that page itself.
addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || !isFramed || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const outside = parent.document.createElement("a");
  outside.href = link.href;
  outside.hidden = true;
  parent.document.body.append(outside);
  outside.click();
  outside.remove();
});

addEventListener("DOMContentLoaded", () => {
  document.documentElement.classList.toggle("framed", isFramed);
  if (document.querySelector("[data-live]")) setTimeout(poll, 1000 * SECONDS);
});
