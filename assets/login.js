// Adds the button that shows what is typed into a password field. The page works without it.
for (const box of document.querySelectorAll(".secret")) {
  const input = box.querySelector("input");
  const button = document.createElement("button");
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? box.dataset.hide : box.dataset.show;
  };
  button.type = "button";
  button.className = "reveal";
  // "Show Password": the button's own text and the field's label.
  const [label] = input.labels;
  button.id = `${input.id}-reveal`;
  label.id = `${input.id}-label`;
  button.setAttribute("aria-labelledby", `${button.id} ${label.id}`);
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // Never sent, and never kept by the browser, as a text that was typed into an open field.
  input.form.addEventListener("submit", () => show(false));
  show(false);
  box.append(button);
}
