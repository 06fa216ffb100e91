// Progressive only: every page works without this file.
(function () {
  "use strict";
  var box = document.getElementById("q");

  document.querySelectorAll(".keys").forEach(function (e) { e.hidden = false; });

  // Customers say when by their own clock; pages say it in UTC.
  document.querySelectorAll("[data-yours]").forEach(function (e) {
    var at = new Date(e.dataset.yours);
    if (!at.getTimezoneOffset()) return;
    e.textContent = at.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }) + " for you";
    e.hidden = false;
  });

  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) return;
    var label = button.textContent;
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(source.textContent).then(function () {
        button.textContent = "Copied";
      }, function () {
        var range = document.createRange();
        range.selectNodeContents(source);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "Selected: copy with your keyboard";
      }).then(function () {
        setTimeout(function () { button.textContent = label; }, 2000);
      });
    });
  });

  // Colours change in place, and nothing that was typed is lost.
  var colours = document.querySelector(".theme");
  if (colours) {
    colours.hidden = false;
    colours.addEventListener("submit", function (e) {
      var chosen = e.submitter;
      e.preventDefault();
      fetch(colours.action, { method: "POST", body: new URLSearchParams({ theme: chosen.value }), redirect: "manual" }).then(function (r) {
        if (r.type !== "opaqueredirect") return;
        document.documentElement.dataset.theme = chosen.value;
        colours.querySelectorAll("button").forEach(function (b) { b.setAttribute("aria-pressed", b === chosen); });
      }, function () {});
    });
  }

  // What scrolls sideways does so by keyboard, too, in browsers that do not see to it.
  var reach = function () {
    document.querySelectorAll(".wide").forEach(function (e) {
      if (e.scrollWidth > e.clientWidth && !e.querySelector("a,button,input")) e.tabIndex = 0;
    });
  };
  reach();
  addEventListener("resize", reach);

  // In the one-line box Enter searches; a new line takes Shift.
  document.querySelectorAll("textarea[data-enter]").forEach(function (area) {
    area.addEventListener("keydown", function (e) {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
        e.preventDefault();
        area.form.requestSubmit();
      }
    });
  });
  if (box) {
    box.addEventListener("keydown", function (e) {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) box.form.requestSubmit();
      if (e.key === "Escape") box.blur();
    });
  }

  // What is in the text is said before it is sent.
  var says = document.getElementById("says"), soon;
  if (box && says) {
    box.addEventListener("input", function () {
      clearTimeout(soon);
      soon = setTimeout(function () {
        var asked = box.value;
        if (!asked.trim()) { says.textContent = ""; return; }
        fetch(says.dataset.says, { method: "POST", body: new URLSearchParams({ text: asked }) }).then(function (r) { return r.ok && !r.redirected ? r.json() : { says: "" }; }).then(function (answer) {
          if (asked === box.value) says.textContent = answer.says;
        }).catch(function () { says.textContent = ""; });
      }, 250);
    });
  }

  // The search of the list: a combobox over what the server says can follow.
  var search = document.getElementById("search"), list = document.getElementById("offers");
  if (search && list) {
    var at = -1, typed = "", timer;
    search.setAttribute("role", "combobox");
    search.setAttribute("aria-autocomplete", "list");
    search.setAttribute("aria-controls", "offers");
    search.setAttribute("aria-expanded", "false");
    var head = function () { return search.value.slice(0, search.selectionStart); };
    var show = function (offers) {
      at = -1;
      list.textContent = "";
      offers.forEach(function (offer, i) {
        var item = document.createElement("li");
        item.id = "offer" + i;
        item.setAttribute("role", "option");
        item.textContent = offer;
        list.appendChild(item);
      });
      list.hidden = !offers.length;
      search.setAttribute("aria-expanded", !list.hidden);
      search.removeAttribute("aria-activedescendant");
    };
    var close = function () { clearTimeout(timer); show([]); };
    var ask = function () {
      var asked = head();
      fetch((search.dataset.complete || "/events/complete") + "?q=" + encodeURIComponent(asked)).then(function (r) { return r.ok ? r.json() : null; }).then(function (answer) {
        if (!answer || asked !== head() || document.activeElement !== search) return;
        typed = answer.typed;
        show(answer.offers.filter(function (offer) { return offer !== typed; }));
      }).catch(close);
    };
    var choose = function (i) {
      at = i;
      Array.prototype.forEach.call(list.children, function (item, n) { item.setAttribute("aria-selected", n === i); });
      search.setAttribute("aria-activedescendant", list.children[i].id);
      list.children[i].scrollIntoView({block: "nearest"});
    };
    var take = function (item) {
      var end = search.selectionStart, field = /:$/.test(item.textContent);
      search.setRangeText(item.textContent + (field ? "" : " "), end - typed.length, end, "end");
      close();
      if (field) ask();
    };
    search.addEventListener("input", function () {
      close();
      if (head()) timer = setTimeout(ask, 120);
    });
    search.addEventListener("blur", close);
    search.addEventListener("keydown", function (e) {
      var n = list.children.length;
      if (e.isComposing) return;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        if (n) choose((at + (e.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + n) % n);
        else ask();
      } else if (e.key === "Enter" && at >= 0) {
        e.preventDefault();
        take(list.children[at]);
      } else if (e.key === "Escape" && n) {
        e.preventDefault();
        close();
      } else if (/^(Arrow(Left|Right)|Home|End)$/.test(e.key)) {
        close();
      }
    });
    list.addEventListener("mousedown", function (e) {
      e.preventDefault(); // the box keeps the focus
      if (e.target !== list) take(e.target);
    });
  }

  function move(step) {
    var rows = Array.prototype.slice.call(document.querySelectorAll("a.row"));
    if (!rows.length) return;
    var at = rows.indexOf(document.activeElement);
    var next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + step));
    rows[next].focus();
  }

  // Keys without a modifier get in the way of speech input: they can be turned
  // off, and stay off in this browser.
  var toggle = document.getElementById("keys"), went = 0;
  function off(change) {
    try {
      if (change) localStorage.setItem("errata.keys", change);
      return localStorage.getItem("errata.keys") === "off";
    } catch (e) {
      return change === "off";
    }
  }
  function label() {
    toggle.textContent = off() ? "Turn keys on" : "Turn keys off";
    toggle.previousElementSibling.hidden = off();
  }
  if (toggle) {
    label();
    toggle.addEventListener("click", function () {
      off(off() ? "on" : "off");
      label();
    });
  }

  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || off()) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable) return;
    var to = Date.now() - went < 1500 && /^[a-z]$/.test(e.key) && document.querySelector("nav [data-go=" + e.key + "]");
    went = e.key === "g" ? Date.now() : 0;
    if (to) {
      to.click();
    } else if (e.key === "/" && box) {
      e.preventDefault();
      box.focus();
      box.select();
    } else if (e.key === "?" && toggle) {
      toggle.focus();
    } else if (e.key === "c") {
      to = document.querySelector("[data-copy=reply]:not([hidden])");
      if (to) to.click();
    } else if (e.key === "j") {
      move(1);
    } else if (e.key === "k") {
      move(-1);
    }
  });
})();
