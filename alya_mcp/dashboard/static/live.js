"use strict";
// Brings what changed into the page, tells times in words, and copies links. The page works without it.
(() => {
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const spans = [[86400, "day"], [3600, "hour"], [60, "minute"]];

  function tellTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = Date.parse(time.dateTime);
      if (Number.isNaN(moment)) continue;
      time.dataset.full ??= time.textContent;
      const seconds = Math.round((moment - Date.now()) / 1000);
      if (Math.abs(seconds) >= 86400 * 6) continue;
      const [size, unit] = spans.find(([s]) => Math.abs(seconds) >= s) ?? [1, "second"];
      const words = relative.format(Math.round(seconds / size), unit);
      if (time.textContent !== words) time.textContent = words;
      time.title = time.dataset.full;
    }
  }

  function parse(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    return made.content;
  }

  // An element in which the user is stays as it is until they leave it.
  function bring(place, html) {
    const fresh = parse(html);
    if (!("keyed" in place.dataset)) {
      if (place.contains(document.activeElement)) return false;
      place.replaceChildren(fresh);
      return true;
    }
    const old = new Map([...place.children].map((each) => [each.dataset.key, each]));
    let whole = true;
    const next = [...fresh.children].map((each) => {
      const there = old.get(each.dataset.key);
      old.delete(each.dataset.key);
      if (!there) return each;
      if (there.dataset.html === each.outerHTML) return there;
      if (there.contains(document.activeElement)) { whole = false; return there; }
      const kept = each.outerHTML;
      each.dataset.html = kept;
      return each;
    });
    for (const gone of old.values()) {
      if (gone.contains(document.activeElement)) { whole = false; next.unshift(gone); }
    }
    if (place.dataset.announce && next.some((each) => !each.isConnected && each.matches("article"))) {
      document.getElementById("say").textContent = place.dataset.announce;
    }
    let at = place.firstElementChild;
    for (const each of next) {
      if (each === at) at = at.nextElementSibling;
      else place.insertBefore(each, at);
    }
    while (at) { const after = at.nextElementSibling; at.remove(); at = after; }
    return whole;
  }

  const pending = new Map();

  function show(id, html) {
    const place = document.getElementById(id);
    if (!place) return;
    if (bring(place, html)) pending.delete(id);
    else pending.set(id, html);
    tellTimes(place);
    if (id === "waiting") {
      const number = parseInt(place.textContent, 10) || 0;
      document.title = document.title.replace(/^(\(\d+\) )?/, number ? `(${number}) ` : "");
    }
  }

  document.addEventListener("focusout", () => setTimeout(() => {
    for (const [id, html] of pending) show(id, html);
  }, 0));

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const field = document.getElementById(copy.dataset.copy);
      field.select();
      try { await navigator.clipboard.writeText(field.value); copy.textContent = "Copied"; }
      catch { copy.textContent = "Press Ctrl+C"; }
    }
    const line = event.target.closest("[data-line]");
    if (line) {
      event.preventDefault();
      const area = document.getElementById("text");
      const lines = area.value.split("\n");
      const start = lines.slice(0, line.dataset.line - 1).reduce((sum, each) => sum + each.length + 1, 0);
      area.focus();
      area.setSelectionRange(start, start + (lines[line.dataset.line - 1] ?? "").length);
    }
  });

  tellTimes(document);
  setInterval(() => tellTimes(document), 5000);

  const address = document.body.dataset.live;
  if (address) {
    const offline = document.getElementById("offline");
    const source = new EventSource(address);
    source.onopen = () => { offline.hidden = true; };
    source.onerror = () => { offline.hidden = false; };
    source.onmessage = (event) => { const { id, html } = JSON.parse(event.data); show(id, html); };
    addEventListener("pagehide", () => source.close());
  }
})();
