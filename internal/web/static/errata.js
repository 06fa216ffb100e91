// Progressive only: every page works without this file.
(function () {
  "use strict";
  var box = document.getElementById("q");

  document.querySelectorAll(".keys").forEach(function (e) { e.hidden = false; });

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

  function move(step) {
    var rows = Array.prototype.slice.call(document.querySelectorAll("a.row"));
    if (!rows.length) return;
    var at = rows.indexOf(document.activeElement);
    var next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + step));
    rows[next].focus();
  }

  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable) return;
    if (e.key === "/" && box) {
      e.preventDefault();
      box.focus();
      box.select();
    } else if (e.key === "j") {
      move(1);
    } else if (e.key === "k") {
      move(-1);
    }
  });
})();
