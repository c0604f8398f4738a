/** What comes back from the field: a file of additions, and what both sides changed, to be settled by somebody. */

import { command } from "../command_api";
import type { IncidentConflict } from "../command_types";
import { emptyState, errorState, fold, h, spinner } from "../dom";
import { t, word } from "../i18n";
import { icon } from "../icons";
import { reasonOf } from "./failure";
import { operator } from "./operator";
import { toast } from "./toasts";

const MOST_BYTES = 20_000_000;

/** open: how many conflicts wait; changed() is called when something has come of it. */
export function fieldSection(id: number, open: number, changed: () => void): HTMLElement {
  const conflicts = open ? fold(h("span", {}, `${t("field_conflicts")} (${open})`), () => [conflictList(id, changed)], true, "fold warn") : "";
  const file = h("input", { type: "file", accept: ".json,application/json", hidden: true, name: "additions" });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (chosen) void merge(id, chosen, changed);
  });
  return h("div", { class: "field-section" }, conflicts, file,
    h("button", { type: "button", class: "button", id: "incident-merge", onclick: () => file.click() }, icon("plus"), t("field_merge")));
}

async function merge(id: number, file: File, changed: () => void): Promise<void> {
  try {
    if (file.size > MOST_BYTES) throw new Error(t("field_no_file"));
    let additions: unknown;
    try {
      additions = JSON.parse(await file.text());
    } catch {
      throw new Error(t("field_no_file"));
    }
    const { conflicts } = await command.mergeAdditions(id, additions);
    toast(conflicts?.length ? t("field_merged_conflicts", { n: conflicts.length }) : t("field_merged"));
    changed();
  } catch (error) {
    toast(reasonOf(error), "error");
  }
}

function conflictList(id: number, changed: () => void): HTMLElement {
  const box = h("div", {}, spinner(t("loading")));
  command.conflicts(id).then((found) => {
    box.replaceChildren(...found.length ? found.map((each) => conflictCard(id, each, changed)) : [emptyState(t("cmd_none"))]);
  }, (error: unknown) => box.replaceChildren(errorState(t("error"), reasonOf(error))));
  return box;
}

function conflictCard(id: number, conflict: IncidentConflict, changed: () => void): HTMLElement {
  const fault = h("p", { class: "form-error", role: "alert" });
  const choose = async (choice: "ours" | "theirs") => {
    const by = operator();
    if (!by) {
      fault.textContent = t("step_by_needed");
      return;
    }
    try {
      await command.settle(id, conflict.id, choice, by);
      changed();
    } catch (error) {
      fault.textContent = reasonOf(error);
    }
  };
  const side = (choice: "ours" | "theirs") => h("div", { class: "conflict-side" },
    h("b", {}, t(choice === "ours" ? "field_ours" : "field_theirs")), h("pre", { class: "mono log-entry" }, values(conflict[choice])),
    h("button", { type: "button", class: "button", "data-settle": choice, onclick: () => void choose(choice) }, t("field_take")));
  return h("div", { class: "card conflict open", "data-conflict": conflict.id },
    h("div", { class: "card-head" }, h("span", {}, `${word("entry_", conflict.subject, conflict.subject === "incident" ? t("incident") : conflict.subject)}${conflict.ref ? ` · ${conflict.ref.slice(0, 12)}` : ""}`), h("span", { class: "chip" }, conflict.author)),
    h("div", { class: "field-pair" }, side("ours"), side("theirs")), fault);
}

/** Shapes are too long to be read. */
function values(side: Record<string, unknown>): string {
  return Object.entries(side).map(([name, value]) => `${name}: ${name === "geometry" ? "…" : typeof value === "string" ? value : JSON.stringify(value)}`).join("\n");
}
