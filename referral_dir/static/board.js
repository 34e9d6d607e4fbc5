// Keys and swipes on the board, for what its buttons do as well. Keys count only while a row, or something in it but a
// text box, has the focus.
(function () {
  "use strict";
  var rows = Array.prototype.slice.call(document.querySelectorAll(".board > li")), from;
  function press(row, key) {
    var button = row.querySelector('[data-key="' + key + '"]');
    if (button) { button.click(); }
  }
  function rowOf(event) { return event.target.closest(".board > li"); }
  document.addEventListener("keydown", function (event) {
    var key = event.key.toLowerCase(), row = rowOf(event), to;
    if (!row || event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (key === "j" || key === "arrowdown") { to = 1; }
    if (key === "k" || key === "arrowup") { to = -1; }
    if (to) {
      event.preventDefault();
      var shown = rows.filter(function (each) { return !each.hidden; });
      (shown[shown.indexOf(row) + to] || row).focus();
    } else if (/^[yu+=−-]$/.test(key)) {
      event.preventDefault();
      press(row, key === "=" ? "+" : key === "−" ? "-" : key);
    }
  });
  document.addEventListener("pointerdown", function (event) { from = event.pointerType === "touch" && event; });
  document.addEventListener("pointerup", function (event) {
    var row = from && rowOf(from);
    if (row && event.clientX - from.clientX > 90 && Math.abs(event.clientY - from.clientY) < 40) { press(row, "y"); }
    from = null;
  });
  if (rows[0]) { document.getElementById("keys").hidden = false; }
})();
