// The town while it is typed: names from our own server. What is typed replaces the phone's position.
(function () {
  "use strict";
  var form = document.querySelector("form[data-places]"), list = document.getElementById("places"), waiting;
  if (!form || !list) { return; }
  var near = form.elements.near;
  function show(names) {
    list.replaceChildren.apply(list, names.map(function (name) {
      var option = document.createElement("option");
      option.value = name;
      return option;
    }));
  }
  function ask() {
    var body = new FormData();
    body.append("text", near.value);
    fetch(form.dataset.places, { method: "POST", body: body, headers: { "X-CSRFToken": form.elements.csrf_token.value } })
      .then(function (answer) { return answer.ok ? answer.json() : []; }).then(show, function () {});
  }
  near.addEventListener("input", function () {
    form.elements.lat.value = form.elements.lon.value = "";
    clearTimeout(waiting);
    if (near.value.trim().length > 1) { waiting = setTimeout(ask, 150); }
  });
})();
