/** Why the service did not answer, in words for people. */

import { ApiError } from "../api";
import { t } from "../i18n";

export function reasonOf(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? t("offline") : error.message;
  return error instanceof Error ? error.message : String(error);
}

/** Whether the service knows no such address: an older one, or one without that part. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 405);
