/** Asking for the access key when the service wants one. */

import { ApiError, api } from "../api";
import { h } from "../dom";
import { t } from "../i18n";
import { reasonOf } from "./failure";

let asking: Promise<void> | null = null;

/** Resolves when the user has signed in; several requests that were refused together ask once. */
export function askForKey(): Promise<void> {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", class: "input", id: "sign-in-key", required: true, autocomplete: "current-password" });
    const wrong = h("p", { class: "form-error", role: "alert" });
    const submit = h("button", { type: "submit", class: "button primary wide" }, t("sign_in"));
    const form = h("form", { method: "dialog" }, h("h2", {}, t("sign_in")), h("p", { class: "muted" }, t("sign_in_hint")),
      h("label", { for: "sign-in-key" }, t("sign_in_key")), input, wrong, submit);
    const dialog = h("dialog", { class: "dialog", "aria-label": t("sign_in") }, form);
    // without a key nothing can be shown, so Esc does not close the dialog
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit.disabled = true;
      api.signIn(input.value.trim()).then(() => {
        dialog.remove();
        resolve();
      }, (error: unknown) => {
        submit.disabled = false;
        wrong.textContent = error instanceof ApiError && error.status === 401 ? t("sign_in_wrong") : reasonOf(error);
        input.select();
      });
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
