// The page beside a ticket. It speaks the part of Zendesk's app framework that it
// needs (a handshake, get, invoke) with the window that frames it, and with nobody
// else; no script of others is loaded. What it was given stays in this closure: the
// token is in no address, no cookie and no storage.
(function () {
  "use strict";
  var at = document.body.dataset.at, frames = document.body.dataset.frames.split(" ");
  var asked = new URLSearchParams(location.search), origin = asked.get("origin"), app = asked.get("app_guid");
  var status = document.getElementById("status"), cards = document.getElementById("cards");
  var form = document.getElementById("ask"), text = document.getElementById("text");
  var token = "", session = "", number = "", waiting = {}, last = 0, most = 250000; // bytes of text that Errata takes

  function say(words, bad) {
    status.textContent = words;
    status.className = bad ? "note warn" : "";
    status.hidden = !words;
  }

  // Zendesk's side.
  function send(message) {
    message.appGuid = app;
    message.instanceGuid = app;
    parent.postMessage(JSON.stringify(message), origin);
  }
  function request(name, params) {
    return new Promise(function (resolve, reject) {
      var id = ++last;
      waiting[id] = {resolve: resolve, reject: reject};
      setTimeout(function () {
        if (!waiting[id]) return;
        delete waiting[id];
        reject(new Error("Zendesk did not answer."));
      }, 10000);
      send({id: id, request: name, params: params});
    });
  }
  addEventListener("message", function (e) {
    if (e.origin !== origin || e.source !== parent) return;
    var data = e.data;
    if (typeof data === "string") {
      try { data = JSON.parse(data); } catch (_) { return; }
    }
    if (!data) return;
    var one = waiting[data.id];
    if (one) {
      delete waiting[data.id];
      if (data.error) one.reject(new Error("Zendesk refused.")); else one.resolve(data.result || {});
    } else if (data.key === "zaf.app.registered" && !token) {
      var settings = ((data.message || {}).metadata || {}).settings || {};
      token = String(settings.token || "");
      form.hidden = false;
      if (token) ticket(); else say("The app has no token. An admin enters it in the app's settings in Zendesk.", true);
    }
  });

  // plain is the text of a comment: blocks end lines, so that no two words become
  // one. It is never parsed as a document: what is in a ticket is anybody's.
  var named = {amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " "};
  function plain(html) {
    return String(html || "").replace(/<\/?(p|div|br|li|ul|ol|tr|td|th|table|pre|h[1-6]|blockquote)\b[^>]*>/gi, "\n").replace(/<\/?[a-z!][^>]*>/gi, "").replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,5}));/gi, function (all, hex, digits, name) {
      var point = hex ? parseInt(hex, 16) : digits ? +digits : 0;
      return point && point < 0x110000 ? String.fromCodePoint(point) : named[name] || all;
    });
  }
  function ticket() {
    say("Reading the ticket …");
    return request("get", ["ticket.id", "ticket.subject", "ticket.description", "ticket.comments", "ticket.conversation"]).then(function (got) {
      number = String(got["ticket.id"] || "");
      var all = [got["ticket.subject"] || "", plain(got["ticket.description"])];
      (got["ticket.comments"] || []).forEach(function (c) { all.push(plain(c && c.value)); });
      (got["ticket.conversation"] || []).forEach(function (c) { all.push(plain(c && c.message && c.message.content)); });
      var seen = {};
      return lookUp(all.filter(function (s) { return s && !seen[s] && (seen[s] = true); }).join("\n\n"), "This ticket names no ID. Ask the customer for the whole answer, or the X-Request-Id header of it.");
    }).catch(function (e) { say(e.message, true); });
  }

  // Errata's side.
  function post(path, key, body) {
    return fetch(at + path, {
      method: "POST", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer",
      headers: {"Authorization": "Bearer " + key, "Content-Type": "application/json"}, body: body
    });
  }
  function reading(res) {
    return res.json().then(function (v) {
      if (res.ok) return v;
      throw new Error((v.error && v.error.message) || "Errata answered " + res.status + ".");
    });
  }
  function open() {
    return post("/session", token, "{}").then(reading).then(function (v) { session = v.session; });
  }
  function ask(path, body) {
    return post(path, session, body).then(function (res) {
      if (res.status !== 401) return reading(res);
      return open().then(function () { return post(path, session, body).then(reading); });
    });
  }
  function why(e) { return e instanceof TypeError ? "Errata cannot be reached." : e.message; }
  function lookUp(what, nothing) {
    say("Looking …");
    var kept = what;
    while (new TextEncoder().encode(kept).length > most) kept = kept.slice(0, Math.floor(kept.length * 0.9));
    var body = JSON.stringify({text: kept, ticket: number});
    return (session ? Promise.resolve() : open()).then(function () { return ask("/lookup", body); }).then(function (found) {
      show(found, nothing);
      if (kept !== what) add(cards, "p", "The text is very long: only its beginning was looked through.", "note warn");
    }).catch(function (e) {
      say(why(e), true);
    }).then(fit);
  }

  // What is shown is put in as text, whoever wrote it.
  function add(to, name, words, kind) {
    var e = document.createElement(name);
    if (words) e.textContent = words;
    if (kind) e.className = kind;
    to.appendChild(e);
    return e;
  }
  function button(to, words, deed) {
    var b = add(to, "button", words);
    b.type = "button";
    b.setAttribute("aria-live", "polite");
    b.addEventListener("click", function () {
      deed().then(function (done) { b.textContent = done; }).then(function () {
        setTimeout(function () { b.textContent = words; }, 2000);
      });
    });
  }
  function link(to, words, address) {
    var a = add(to, "a", words);
    a.href = address;
    a.target = "_blank";
    a.rel = "noopener noreferrer";
  }
  // The tickets in which the same came up, and whether this is one of them.
  function tickets(box, c, now, fresh) {
    box.textContent = "";
    add(box, "h3", now.count ? now.count + (now.count === 1 ? " ticket" : " tickets") + " on this issue" : "Tickets");
    if (now.others.length) {
      var list = add(box, "ul");
      now.others.forEach(function (t) { link(add(list, "li"), t.name, t.url); });
    }
    if (now.linked) {
      var said = add(box, "p", "This ticket is linked to the request.");
      if (fresh) {
        said.tabIndex = -1;
        said.focus();
      }
      return;
    }
    if (!number) return;
    var b = add(add(box, "p"), "button", "Link this ticket"), wrong = add(box, "p");
    b.type = "button";
    wrong.setAttribute("role", "status");
    b.addEventListener("click", function () {
      b.setAttribute("aria-disabled", "true");
      ask("/ticket", JSON.stringify({event_id: c.event_id, ticket: number})).then(function (then) { tickets(box, c, then, true); }, function (e) {
        b.removeAttribute("aria-disabled");
        wrong.textContent = why(e);
        wrong.className = "note warn";
      }).then(fit);
    });
  }
  function card(c) {
    var a = add(cards, "article", "", "card " + c.family);
    add(a, "h2", c.verdict);
    if (c.began) add(a, "p", c.began);
    var line = add(a, "p", "", "line"), when = new Date(c.occurred_at);
    add(line, "b", c.heading, "tag");
    var time = add(line, "time", when.toLocaleString() + " (" + c.occurred_at.slice(11, 19) + " UTC)");
    time.dateTime = c.occurred_at;
    add(line, "span", c.service);
    if (c.customer) add(line, "span", "customer " + c.customer);
    add(a, "p", c.id, "id");
    add(a, "h3", "What to do");
    add(a, "p", c.todo);
    if (c.fixes.length) {
      var list = add(a, "ul");
      c.fixes.forEach(function (f) { add(list, "li", f); });
    }
    if (c.reply) {
      add(a, "h3", "Reply to the customer");
      var reply = add(a, "pre", c.reply);
      reply.tabIndex = 0;
      var deeds = add(a, "p", "", "deeds");
      button(deeds, "Put into the reply", function () {
        return request("invoke", {"comment.appendText": [c.reply]}).then(function () { return "It is there"; }, function () { return "Zendesk refused"; });
      });
      button(deeds, "Copy", function () {
        return (navigator.clipboard ? navigator.clipboard.writeText(c.reply) : Promise.reject()).then(function () { return "Copied"; }, function () {
          getSelection().selectAllChildren(reply);
          return "Selected: copy it";
        });
      });
    }
    if (c.tickets && (number || c.tickets.others.length)) tickets(add(a, "div"), c, c.tickets);
    link(add(a, "p"), "Open in Errata", c.path);
  }
  function customer(c) {
    var a = add(cards, "article", "", "card caller");
    add(a, "h2", c.name);
    add(a, "p", c.customer, "id");
    link(add(a, "p"), "Open in Errata", c.path);
  }
  function show(found, nothing) {
    var n = found.cards.length + found.more, called = found.customers || [];
    cards.textContent = "";
    say(n ? (n === 1 ? "1 request" : n + " requests") : called.length ? (called.length === 1 ? "1 customer" : called.length + " customers") : found.absent.length ? "No failure found" : nothing);
    found.cards.forEach(card);
    called.forEach(customer);
    if (found.more) add(cards, "p", "And " + found.more + " more: paste the text into Errata to see all of them.");
    found.absent.forEach(function (m) {
      var p = add(cards, "p", "No failure found under ", "note");
      add(p, "code", m.id);
      p.appendChild(document.createTextNode(". " + m.why + (m.similar.length ? " Did you mean " + m.similar.join(", ") + "?" : "")));
    });
    if (found.secret) add(cards, "p", "The text holds what looks like a live key or token. Its owner should replace it. It was not looked up.", "note warn");
  }
  function fit() {
    var height = Math.min(800, Math.max(160, document.querySelector("main").scrollHeight + 16));
    request("invoke", {resize: [{width: "100%", height: height + "px"}]}).catch(function () {});
  }

  form.addEventListener("submit", function (e) {
    e.preventDefault();
    if (text.value.trim()) lookUp(text.value, "No ID found in this text.");
  });
  text.addEventListener("keydown", function (e) {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  document.getElementById("again").addEventListener("click", ticket);

  if (parent === window || !app || frames.indexOf(origin) < 0) {
    say("This page belongs beside a ticket in Zendesk, where its app was installed for this workspace.", true);
    return;
  }
  send({key: "iframe.handshake", message: {version: "2.0.0"}});
})();
