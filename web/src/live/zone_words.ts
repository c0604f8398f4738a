/** What kinds of zones are called, and their colours; the same on the map and in lists, in both themes. */

import { word } from "../i18n";

export const ZONE_COLORS: Record<string, string> = { sealed: "#d92d20", controlled: "#ef8200", prevention: "#2f7fd6", drawn: "#7b3fc4" };
const OTHER = "#0e8a7d";
/** From the inside out. */
export const DEMARCATED = ["sealed", "controlled", "prevention"] as const;

export const zoneColor = (kind: string | null): string => ZONE_COLORS[kind ?? "drawn"] ?? OTHER;

export const zoneKind = (kind: string | null): string => word("zone_kind_", kind ?? "drawn", kind ?? "");
