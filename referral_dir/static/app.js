// The exit: leave at once, without a way back by the Back button. Works without this script as a link or a form.
(function () {
  "use strict";
  function hide() {
    document.title = "";
    document.documentElement.style.display = "none";
  }
  function leave(event) {
    if (event) { event.preventDefault(); }
    hide();
    var form = document.querySelector("form[data-exit]");
    // Ends the session on the server, if there is one; goes out even as the page goes away. Where a browser sends no
    // beacons, the form itself does it.
    if (form && !(navigator.sendBeacon && navigator.sendBeacon("/leave"))) { form.submit(); return; }
    location.replace("/leave");
  }
  document.querySelectorAll("[data-exit]").forEach(function (way) {
    way.addEventListener(way.tagName === "FORM" ? "submit" : "click", leave);
  });
  var presses = [];
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Shift" || event.repeat) { return; }
    presses = presses.filter(function (at) { return event.timeStamp - at < 2000; });
    presses.push(event.timeStamp);
    if (presses.length >= 3 && document.querySelector("[data-exit]")) { leave(); }
  });
  // A form is sent once, however often it is tapped.
  document.querySelectorAll("form:not([data-exit])").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
    });
  });
  window.addEventListener("pageshow", function (event) {
    // Shown again from memory after somebody left: the server was not asked, so the mark is looked at here.
    if (event.persisted && /(^|; )(__Host-)?m=1/.test(document.cookie)) { hide(); location.replace("/leave"); return; }
    document.querySelectorAll("form").forEach(function (form) { delete form.dataset.sent; });
  });
  var summary = document.querySelector(".problem[tabindex]");
  if (summary) { summary.focus(); }
})();
