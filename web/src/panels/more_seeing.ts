/** The way to all cameras that see a place, where only the nearest are listed. */

import { h } from "../dom";
import { t } from "../i18n";
import { reasonOf } from "./failure";
import { toast } from "./toasts";

/** As many as the service tells at once. */
const MOST = 500;

/** ask() is called with how many are wanted; null where all are listed, or no more can be had. */
export function moreSeeing(count: number, listed: number, ask: (count: number) => Promise<void>): HTMLElement | null {
  const wanted = Math.min(count, MOST);
  if (wanted <= listed) return null;
  const button = h("button", { type: "button", class: "button wide", "data-key": "more", onclick: () => void more() }, t("who_all", { n: wanted }));
  const more = async () => {
    button.disabled = true;
    try {
      await ask(wanted);
    } catch (error) {
      button.disabled = false;
      toast(`${t("who_failed")} ${reasonOf(error)}`, "error");
    }
  };
  return button;
}
