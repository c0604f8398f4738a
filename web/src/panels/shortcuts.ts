/** The keys of the viewer, and the list of them under "?". */

import { h, iconButton } from "../dom";
import { t, type Word } from "../i18n";

/** By the key as it is typed; the others are told of and handled where they act. */
export type Shortcuts = Partial<Record<string, { word: Word; run: () => void }>>;
const TOLD: [string, Word][] = [["Tab", "keys_tab"], ["Enter", "keys_enter"], ["Esc", "keys_escape"], ["?", "keys_help"]];

/** Runs what a key stands for, but not while somebody is typing or a dialog is open. */
export function listenForKeys(shortcuts: Shortcuts): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const run = event.key === "?" ? () => showKeys(shortcuts) : shortcuts[event.key.length === 1 ? event.key.toLowerCase() : event.key]?.run;
    if (!run) return;
    event.preventDefault();
    run();
  });
}

export function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "range", "button"].includes(target.type);
}

export function showKeys(shortcuts: Shortcuts): void {
  const keys = [...Object.entries(shortcuts).map(([key, each]): [string, Word] => [key.toUpperCase(), each!.word]), ...TOLD];
  const dialog = h("dialog", { class: "dialog keys", "aria-label": t("keys") },
    h("header", { class: "panel-head" }, h("h2", {}, t("keys")), iconButton("close", t("close"), () => dialog.close())),
    h("dl", { class: "keys-list" }, ...keys.flatMap(([key, word]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(word))])));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
