/** Why the service did not answer, in words for people: the one place in which errors are told. */

import { ApiError } from "../api";
import { language, t, word } from "../i18n";
import type { Viewer } from "../viewer";
import { known } from "./said";

let names: Viewer | null = null;

/** Called when layers are known: errors then tell their titles, not their ids. */
export function tellNames(viewer: Viewer): void {
  names = viewer;
}

/** The sentence of the error's code in the page's language; without a known code, the service's own words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return t("offline");
  return known(names, "error_", error.code, error.values) ?? ownWords(error);
}

/** The service's words are English: who does not read them is told at least of which kind the error is. */
function ownWords({ status, message }: ApiError): string {
  const kind = word("status_", String(status), t(status >= 500 ? "status_5xx" : "status_400"));
  if (!message) return kind;
  return language() === "en" ? message : t("error_with_words", { kind, words: message });
}

/** Whether the service knows no such address: an older one, or one without that part. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 405);

/** Whether it is the address that is not known, and not what was asked for at it. */
export function isNotServed(error: unknown): boolean {
  if (!isMissing(error)) return false;
  const { code, message } = error as ApiError;
  return code === "no_such_address" || code === "method_not_allowed" || /^Not Found$|^Method Not Allowed$/i.test(message);
}
