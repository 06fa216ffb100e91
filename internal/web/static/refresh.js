// Pages of statistics read themselves anew, and never under somebody's hands:
// not while the page is hidden, text is selected, or anything has the focus.
(function () {
  "use strict";
  var zone = document.querySelector("a[data-zone]"), here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && here && here !== "UTC") {
    var to = new URL(zone.href);
    to.searchParams.set("tz", here);
    zone.href = to;
    zone.hidden = false;
  }

  var live = document.querySelector("[data-refresh]"), last = Date.now(), busy = false;
  if (!live || !+live.dataset.refresh) return;

  function paused() {
    var at = document.activeElement, selection = getSelection();
    return document.hidden || (selection && !selection.isCollapsed) || (at && at !== document.body && at.id !== "main") || !!live.querySelector(".read");
  }

  function swap(text) {
    var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-refresh]"), open = [];
    if (!fresh || paused()) return;
    if (live.querySelector("[data-copy]") && fresh.querySelector("[data-copy]")) return; // still waiting; its buttons work
    live.querySelectorAll("details[open]").forEach(function (d) { open.push(d.parentNode.getAttribute("aria-labelledby")); });
    live.innerHTML = fresh.innerHTML;
    open.forEach(function (name) {
      var d = live.querySelector("[aria-labelledby=" + name + "] > details");
      if (d) d.open = true;
    });
  }

  setInterval(function () {
    if (busy || Date.now() - last < live.dataset.refresh * 1000 || paused()) return;
    busy = true;
    last = Date.now();
    fetch(location.href).then(function (r) {
      if (r.redirected) location.reload(); // signed out meanwhile
      if (!r.ok || r.redirected) throw 0;
      return r.text();
    }).then(swap).catch(function () {
      var stale = live.querySelector(".stale");
      if (stale) stale.hidden = false;
    }).then(function () { busy = false; });
  }, 1000);
})();
