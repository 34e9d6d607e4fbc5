// Passkeys: asks the server what to ask the browser for, and sends the browser's answer with the form.
(function () {
  "use strict";
  function bytes(text) {
    return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), function (c) { return c.charCodeAt(0); });
  }
  function text(buffer) {
    return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function known(list) {
    return (list || []).map(function (one) { return { type: one.type, id: bytes(one.id) }; });
  }
  function make(options) {
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    options.excludeCredentials = known(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: options });
  }
  function sign(options) {
    options.challenge = bytes(options.challenge);
    options.allowCredentials = known(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  }
  function told(made) {
    var response = { clientDataJSON: text(made.response.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (part) {
      if (made.response[part]) { response[part] = text(made.response[part]); }
    });
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response: response });
  }
  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var problem = form.querySelector("[data-problem]");
    if (!window.PublicKeyCredential) { return; }
    form.hidden = false;
    form.querySelector("[data-ask]").addEventListener("click", function () {
      if (!form.reportValidity()) { return; }
      problem.hidden = true;
      fetch(form.dataset.passkey, {
        method: "POST", credentials: "same-origin",
        headers: { "X-CSRFToken": form.elements.csrf_token.value }
      }).then(function (answer) {
        var json = (answer.headers.get("Content-Type") || "").indexOf("application/json") === 0;
        // A page instead of the options: the proof of who this is has grown old.
        if (!json) { form.submit(); throw null; }
        return answer.json();
      }).then(form.hasAttribute("data-make") ? make : sign).then(function (made) {
        form.elements.answer.value = told(made);
        form.submit();
      }).catch(function (error) { if (error) { problem.hidden = false; } });
    });
  });
})();
