// The exit: leave at once, without a way back by the Back button. Works as a plain link without this script.
(function () {
  "use strict";
  function leave(event) {
    if (event) { event.preventDefault(); }
    document.documentElement.style.display = "none";
    location.replace("/leave");
  }
  document.querySelectorAll("[data-exit]").forEach(function (link) { link.addEventListener("click", leave); });
  var presses = [];
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Shift" || event.repeat) { return; }
    presses = presses.filter(function (at) { return event.timeStamp - at < 2000; });
    presses.push(event.timeStamp);
    if (presses.length >= 3 && document.querySelector("[data-exit]")) { leave(); }
  });
  // A form is sent once, however often it is tapped.
  document.querySelectorAll("form").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
    });
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form").forEach(function (form) { delete form.dataset.sent; });
  });
  var summary = document.querySelector(".problem[tabindex]");
  if (summary) { summary.focus(); }
})();
