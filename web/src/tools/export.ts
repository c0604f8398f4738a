/** The zone's answer as a file: the whole answer as JSON, or its lists as one CSV table. */

import { t, titleOf, type Word } from "../i18n";
import type { Inventory } from "../types";

export function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

function cell(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? "" : String(value);
  // a cell that a spreadsheet would run as a formula is kept as text
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One row per listed object, and one per layer for its count. */
export function toCsv(answer: Inventory): string {
  const head: Word[] = ["theme_name", "layer", "count", "name", "detail", "longitude", "latitude"];
  const rows: (string | number | null)[][] = [["id", ...head.map((word) => t(word))]];
  for (const theme of answer.themes) {
    for (const layer of theme.layers) {
      const place = [titleOf(theme.title, theme.id), titleOf(layer.title, layer.id)];
      rows.push([null, ...place, layer.count, null, null, null, null]);
      for (const item of layer.items) {
        rows.push([item.id, ...place, null, item.name, item.detail, item.center?.[0] ?? null, item.center?.[1] ?? null]);
      }
    }
  }
  // the byte order mark makes spreadsheets read the Chinese as UTF-8
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function fileName(answer: Inventory, extension: string): string {
  return `inventory-${answer.receipt.generated_at.slice(0, 19).replaceAll(":", "")}.${extension}`;
}

export function saveCsv(answer: Inventory): void {
  save(fileName(answer, "csv"), "text/csv;charset=utf-8", toCsv(answer));
}

export function saveJson(answer: Inventory): void {
  save(fileName(answer, "json"), "application/json", JSON.stringify(answer, null, 2));
}
