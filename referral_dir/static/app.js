// What a page may ask of this script by attributes; it works without.
//   data-exit             link, form: leave at once; so does Shift three times
//   data-needs-script     hidden until script runs; so are data-copy, -print, -speak, -position
//   data-filter="#list"   input: only tiles, items, rows, cards of the list that hold its words
//   data-confirm="Sure?"  form: asks before it is sent
//   data-poll="/version"  hidden link: reads that address every data-every (30) seconds; once it is not data-version,
//                         reloads where nothing was typed, open or in focus, else shows the link
//   data-speak="#text"    button: the device reads it aloud; again stops
//   data-position         button: where the device is, once, into the form's lat and lon, or near; says data-done or data-fail
//   data-copy="#text"     button: copies it, says data-done
//   data-print            button
(function () {
  "use strict";
  var dirty = false, speech = window.speechSynthesis, presses = [];
  function all(selector, each, root) { (root || document).querySelectorAll(selector).forEach(each); }
  function on(selector, event, act) {
    all(selector, function (e) { e.addEventListener(event, function (event) { act(e, event); }); });
  }
  function hide() {
    document.title = "";
    document.documentElement.style.display = "none";
  }
  function shut(but) { all("[data-menu][open]", function (menu) { menu.open = !!but && menu.contains(but); }); }
  // Leaves without a way back by the Back button.
  function leave(way, event) {
    if (event) { event.preventDefault(); }
    hide();
    if (speech) { speech.cancel(); }
    var form = document.querySelector("form[data-exit]");
    // Ends the session on the server; goes out even as the page goes away. Without beacons the form does it.
    if (form && !(navigator.sendBeacon && navigator.sendBeacon("/leave"))) { form.submit(); return; }
    location.replace("/leave");
  }
  on("a[data-exit]", "click", leave);
  on("form[data-exit]", "submit", leave);
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { shut(); }
    if (event.key !== "Shift" || event.repeat) { return; }
    presses = presses.filter(function (at) { return event.timeStamp - at < 2000; });
    presses.push(event.timeStamp);
    if (presses.length >= 3 && document.querySelector("[data-exit]")) { leave(); }
  });
  document.addEventListener("click", function (event) { shut(event.target); });
  document.addEventListener("input", function (event) { dirty = dirty || !event.target.dataset.filter; });
  // A form is sent once, however often it is tapped; again after a while, for what only brings a file.
  on("form:not([data-exit])", "submit", function (form, event) {
    if (form.dataset.sent || (form.dataset.confirm && !confirm(form.dataset.confirm))) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  window.addEventListener("pageshow", function (event) {
    // From memory after somebody left: the server was not asked, so the mark is looked at here.
    if (event.persisted && /(^|; )(__Host-)?m=1/.test(document.cookie)) { hide(); location.replace("/leave"); return; }
    all("form", function (form) { delete form.dataset.sent; });
  });
  all("[data-needs-script],[data-copy],[data-print],[data-speak],[data-position]", function (e) {
    e.hidden = e.dataset.speak ? !speech : "position" in e.dataset && !navigator.geolocation;
  });
  on("[data-filter]", "input", function (input) {
    var found = 0, sought = input.value.trim().toLowerCase(), list = document.querySelector(input.dataset.filter);
    all(".tile,li,tbody tr,.card", function (e) {
      var tick = e.querySelector("input"), text = (e.textContent + " " + (e.dataset.also || "")).toLowerCase();
      e.hidden = !text.includes(sought) && !(tick && tick.checked);
      found += !e.hidden;
    }, list);
    all("details", function (e) { if (sought) { e.open = true; } }, list);
    var none = input.parentNode.querySelector("[data-none]");
    if (none) { none.textContent = found ? "" : none.dataset.none; }
  });
  all("details[open]", function (panel) { panel.dataset.begun = 1; });
  all("[data-poll]", function (link) {
    setInterval(function () {
      if (document.hidden) { return; }
      fetch(link.dataset.poll, { credentials: "same-origin" }).then(function (answer) {
        return answer.ok && !answer.redirected ? answer.text() : link.dataset.version;
      }).then(function (now) {
        if (now === link.dataset.version) { return; }
        // Who has opened a panel, or is in one, is not to lose it.
        if (dirty || document.querySelector("main details[open]:not([data-begun]),main :focus")) { link.hidden = false; }
        else { location.reload(); }
      }).catch(function () {});
    }, (link.dataset.every || 30) * 1000);
  });
  on("[data-speak]", "click", function (button) {
    var said = document.querySelector(button.dataset.speak), words = new SpeechSynthesisUtterance(said.innerText);
    words.lang = said.closest("[lang]").lang;
    if (speech.speaking) { speech.cancel(); } else { speech.speak(words); }
  });
  on("[data-position]", "click", function (button) {
    navigator.geolocation.getCurrentPosition(function (found) {
      var form = button.form.elements, lat = found.coords.latitude.toFixed(2), lon = found.coords.longitude.toFixed(2);
      if (form.lat) { form.lat.value = lat; form.lon.value = lon; } else { form.near.value = lat + ", " + lon; }
      button.textContent = button.dataset.done || button.textContent;
    }, function () { button.textContent = button.dataset.fail || button.textContent; }, { timeout: 15000 });
  });
  on("[data-copy]", "click", function (button) {
    navigator.clipboard.writeText(document.querySelector(button.dataset.copy).innerText).then(function () {
      button.textContent = button.dataset.done;
    });
  });
  on("[data-print]", "click", function () { print(); });
  var summary = document.querySelector(".problem[tabindex]");
  if (summary) { summary.focus(); }
})();
