// Charts: a crosshair with the values of its bucket, and a selection that zooms;
// and heat maps by keyboard.
// Everything is heard at the document, so charts that are swapped in just work.
(function () {
  "use strict";
  var chart, at = -1, anchor = -1, pressed = false, dragged = false, keys = false;
  var SVG = "http://www.w3.org/2000/svg";

  function of(e) { return e.target.closest && e.target.closest("svg.plot[data-n]"); }
  function number(name) { return +chart.dataset[name]; }
  function instant(i, of) { return new Date((+of.from + i * of.step) * 1000); }

  function clock(i, of) {
    var form = {day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: of.zone};
    if (of.step < 60) form.second = "2-digit";
    try {
      return new Intl.DateTimeFormat("en-GB", form).format(instant(i, of));
    } catch (e) { // a zone that this browser does not know
      form.timeZone = "UTC";
      return new Intl.DateTimeFormat("en-GB", form).format(instant(i, of)) + " UTC";
    }
  }

  function part(name, tag) {
    var found = chart.querySelector(":scope > ." + name);
    if (!found) {
      found = document.createElementNS(SVG, tag);
      found.setAttribute("class", name);
      chart.insertBefore(found, chart.querySelector(":scope > .hits, :scope > .clock"));
    }
    return found;
  }

  function place(e, values) {
    for (var k in values) e.setAttribute(k, values[k]);
  }

  function clear() {
    if (chart && chart.parentNode) chart.parentNode.querySelectorAll(".cross,.chosen,.read").forEach(function (e) { e.remove(); });
    chart = null;
    at = anchor = -1;
    pressed = dragged = false;
  }

  // read shows lines beside a place in an area of a figure.
  function read(figure, area, across, down, lines) {
    var box = figure.querySelector(".read");
    if (!box) {
      box = document.createElement("div");
      box.className = "read";
      figure.appendChild(box);
    }
    box.textContent = lines.join("\n");
    var frame = figure.getBoundingClientRect(), x = area.left - frame.left + across * area.width;
    var left = x + 12 + box.offsetWidth > frame.width ? x - 12 - box.offsetWidth : x + 12;
    box.style.left = Math.max(0, left) + "px";
    box.style.top = area.top - frame.top + down + "px";
  }

  function show() {
    var n = number("n"), first = anchor < 0 ? at : Math.min(at, anchor), last = anchor < 0 ? at : Math.max(at, anchor);
    var names = chart.parentNode.querySelectorAll(".key li"), x = (at + 0.5) / n * 100 + "%", top = number("top"), high = number("high");
    place(part("cross", "line"), {x1: x, x2: x, y1: top, y2: top + high});
    place(part("chosen", "rect"), {x: first / n * 100 + "%", width: (anchor < 0 ? 0 : (last - first + 1) / n * 100) + "%", y: top, height: high});
    var lines = [clock(first, chart.dataset) + " – " + clock(last + 1, chart.dataset) + (last >= number("open") ? ", so far" : "")];
    if (anchor < 0) {
      chart.dataset.v.split(";").forEach(function (row, k) {
        var v = row.split(",")[at];
        lines.push(names[k].textContent + "  " + (v ? (+v).toLocaleString("en") + chart.dataset.unit : "no data"));
      });
    }
    if (keys) lines.push(anchor < 0 ? "← → move, Shift selects, Enter opens" : "Enter zooms, Esc cancels");
    read(chart.parentNode, chart.getBoundingClientRect(), (at + 0.5) / n, top, lines);
  }

  function enter(svg, i) {
    if (chart !== svg || !svg.isConnected) {
      clear();
      chart = svg;
    }
    i = Math.max(0, Math.min(number("n") - 1, i));
    if (i !== at || keys) {
      at = i;
      show();
    }
  }

  function under(svg, e) {
    var area = svg.getBoundingClientRect();
    return Math.floor((e.clientX - area.left) / area.width * svg.dataset.n);
  }

  function zoom() {
    var to = new URL(location.href), stamp = function (i) { return instant(i, chart.dataset).toISOString().slice(0, 19) + "Z"; };
    to.searchParams.set("from", stamp(Math.min(at, anchor)));
    to.searchParams.set("to", stamp(Math.max(at, anchor) + 1));
    to.searchParams.delete("cursor");
    clear();
    location.assign(to);
  }

  document.addEventListener("pointermove", function (e) {
    var svg = pressed && chart ? chart : of(e);
    if (svg && !svg.isConnected) svg = null;
    if (!svg || e.pointerType === "touch" || !+svg.dataset.n) {
      if (chart && !keys) clear();
      return;
    }
    keys = false;
    if (pressed && under(svg, e) !== pressed.at) {
      dragged = true;
      anchor = pressed.at;
    } else if (!pressed && chart === svg) {
      anchor = -1;
    }
    enter(svg, under(svg, e));
  });
  document.addEventListener("pointerdown", function (e) {
    var svg = of(e);
    if (!svg || e.button || e.pointerType !== "mouse" || !+svg.dataset.n || e.target.closest("svg.plot > a")) return;
    e.preventDefault();
    keys = false;
    enter(svg, under(svg, e));
    pressed = {at: at};
    dragged = false;
  });
  document.addEventListener("pointerup", function () {
    if (!pressed) return;
    pressed = false;
    if (dragged && chart && chart.isConnected && anchor >= 0) zoom();
  });
  document.addEventListener("pointercancel", clear);
  document.addEventListener("dragstart", function (e) { if (of(e)) e.preventDefault(); });
  // The end of a selection is no click on a bucket.
  document.addEventListener("click", function (e) {
    if (dragged && of(e)) e.preventDefault();
    dragged = false;
  }, true);

  // A heat map has one cell that the tab key stops at: the one with a tabindex,
  // which the arrows hand on. Others are invisible, and so no stops.
  function heat(e) { return e.target.matches && e.target.matches(".heat g a[href]"); }
  function cells(row) { return Array.prototype.slice.call(row.querySelectorAll("g a[href]")); }
  function extent(cell) {
    var d = cell.querySelector("path").getAttribute("d").match(/\d+/g);
    return {first: +d[0], end: +d[0] + +d[2], middle: +d[0] + d[2] / 2};
  }

  function tell(cell) {
    var figure = cell.closest(".heat"), svg = cell.closest("svg"), place = extent(cell);
    var lines = [cell.closest(".row").querySelector("span").textContent, clock(place.first, figure.dataset) + " – " + clock(place.end, figure.dataset), cell.querySelector("title").textContent];
    cell.setAttribute("aria-label", lines.join(", "));
    read(figure, svg.getBoundingClientRect(), place.middle / svg.viewBox.baseVal.width, 28, lines.concat("← → ↑ ↓ move, Enter opens, Esc leaves"));
  }

  function neighbour(cell, key) {
    var row = cell.closest(".row"), all = cells(row), i = all.indexOf(cell), middle = extent(cell).middle;
    switch (key) {
    case "ArrowLeft": return all[i - 1] || cell;
    case "ArrowRight": return all[i + 1] || cell;
    case "Home": return all[0];
    case "End": return all[all.length - 1];
    case "ArrowUp":
    case "ArrowDown":
      do row = key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling; while (row && !cells(row).length);
      return !row ? cell : cells(row).reduce(function (a, b) { return Math.abs(extent(b).middle - middle) < Math.abs(extent(a).middle - middle) ? b : a; });
    }
  }

  function walk(e) {
    if (e.key === "Escape") return e.target.blur();
    var to = !e.ctrlKey && !e.metaKey && !e.altKey && neighbour(e.target, e.key);
    if (!to) return;
    e.preventDefault();
    e.target.removeAttribute("tabindex");
    to.setAttribute("tabindex", "0");
    to.focus();
  }

  document.addEventListener("focusin", function (e) {
    if (heat(e)) return tell(e.target);
    var svg = of(e);
    if (svg !== e.target || !+svg.dataset.n || !svg.matches(":focus-visible")) return;
    keys = true;
    enter(svg, svg.dataset.n - 1);
  });
  document.addEventListener("focusout", function (e) {
    if (heat(e)) e.target.closest(".heat").querySelectorAll(".read").forEach(function (box) { box.remove(); });
    if (e.target === chart) clear();
    keys = false;
  });

  document.addEventListener("keydown", function (e) {
    if (heat(e)) return walk(e);
    if (e.key === "Escape" && chart) {
      if (anchor < 0 && !pressed) return clear();
      anchor = -1;
      dragged = !!pressed; // what the button still does is no click either
      pressed = false;
      return show();
    }
    var svg = e.target, step = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey || !svg.matches || !svg.matches("svg.plot") || !+svg.dataset.n) return;
    if (step) {
      e.preventDefault();
      keys = true;
      if (chart !== svg) return enter(svg, svg.dataset.n - 1);
      anchor = e.shiftKey ? (anchor < 0 ? at : anchor) : -1;
      enter(svg, at + step);
    } else if (e.key === "Enter" && chart === svg) {
      e.preventDefault();
      if (anchor >= 0) return zoom();
      var link = svg.querySelectorAll(".hits a")[at];
      if (link && link.hasAttribute("href")) location.assign(link.getAttribute("href"));
    }
  });
})();
