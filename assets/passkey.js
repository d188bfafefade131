// Passkeys: shows the forms that need a script, runs their ceremony, and sends the result as a hidden field. Nothing
// is fetched. Without WebAuthn the forms stay hidden, and the rest of the page works.
const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
const encode = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

// The options of a form, with bytes in the place of base64url.
const optionsOf = (form) => {
  const options = JSON.parse(form.dataset.options);
  const named = (list) => (list ?? []).map((item) => ({ ...item, id: decode(item.id) }));
  options.challenge = decode(options.challenge);
  options.allowCredentials = named(options.allowCredentials);
  options.excludeCredentials = named(options.excludeCredentials);
  if (options.user) options.user.id = decode(options.user.id);
  return options;
};

// The result as JSON. Some password managers offer credentials whose toJSON() throws or is missing.
const toJSON = (credential) => {
  try {
    return credential.toJSON();
  } catch {
    const response = { clientDataJSON: encode(credential.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = encode(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return { id: credential.id, rawId: encode(credential.rawId), type: credential.type, response };
  }
};

// A browser refuses a second ceremony while one is under way: autofill waits until the button ends it.
let autofill = null;

// A field of another form that counts for this one as well, such as "stay signed in".
const copyFields = (form) => {
  for (const field of form.querySelectorAll("[data-like]")) {
    const box = document.getElementById(field.dataset.like);
    field.value = box?.checked ? box.value : "";
  }
};

const finish = (form, credential) => {
  copyFields(form);
  form.elements.credential.value = JSON.stringify(toJSON(credential));
  form.requestSubmit(form.querySelector("button"));
};

const run = async (form) => {
  const message = form.querySelector("[data-error]");
  message.hidden = true;
  autofill?.abort();
  autofill = null;
  try {
    const publicKey = optionsOf(form);
    const credential =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey })
        : await navigator.credentials.get({ publicKey });
    finish(form, credential);
  } catch (error) {
    message.textContent =
      error.name === "InvalidStateError" ? message.dataset.known : message.dataset.failed;
    message.hidden = false;
  }
};

const offer = async (form) => {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const controller = new AbortController();
  autofill = controller;
  try {
    const { signal } = controller;
    const publicKey = optionsOf(form);
    finish(form, await navigator.credentials.get({ publicKey, mediation: "conditional", signal }));
  } catch {
    // Aborted by the button, or the user chose none: the form is still there.
  }
};

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    // Browsers may bring back what a form held before the page was loaded again.
    form.elements.credential.value = "";
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      run(form);
    });
    if ("autofill" in form.dataset) offer(form);
  }
}
