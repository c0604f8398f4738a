/** The signs by which kinds of mobile units are told apart, drawn as pictures that the map can place and turn. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { UNIT_KINDS, type UnitKind } from "../live_types";

/** Drawn so many times larger than shown, for screens of fine pixels. */
const RATIO = 2;
const SIDE_PX = 26;
const ROUND_PX = 7;
const HEADING_SIDE_PX = 46;
const GLYPH_PX = 24;

/** On a grid of 24 x 24, filled. */
export const UNIT_GLYPHS: Record<UnitKind, string> = {
  person: "M12 4a3.6 3.6 0 1 0 0 7.2 3.6 3.6 0 0 0 0-7.200ZM5 20c0-4.6 3-7 7-7s7 2.4 7 7Z",
  vehicle: "M3 9.5 5 5.500h14l2 4v7.500h-2.200a2.3 2.3 0 0 1-4.6 0H9.800a2.3 2.3 0 0 1-4.6 0H3ZM6.3 7.300l-1 2.200h13.400l-1-2.200Z",
  drone: "M6 3.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6Zm12 0a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM6 14.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6Zm12 0a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM9 10h6v4H9Z",
  vessel: "M11 3h2v4h4v4l3 1-2.2 6.500H6.200L4 12l3-1V7h4ZM4 20c2 1.4 3.5 1.4 5.3 0 1.8 1.4 3.6 1.4 5.4 0 1.8 1.4 3.3 1.4 5.3 0v1.700H4Z",
  terminal: "M8 3h8a1.5 1.5 0 0 1 1.5 1.500v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.500v-15A1.5 1.5 0 0 1 8 3Zm.500 3v10h7V6Z",
};

export const signOf = (kind: string): string => `viewer-unit-${kind}`;
export const headingSign = "viewer-unit-heading-sign";

function picture(side: number, draw: (context: CanvasRenderingContext2D) => void): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side * RATIO;
  const context = canvas.getContext("2d")!;
  context.scale(RATIO, RATIO);
  draw(context);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function sign(context: CanvasRenderingContext2D, color: string, glyph: string): void {
  context.beginPath();
  context.roundRect(1.5, 1.5, SIDE_PX - 3, SIDE_PX - 3, ROUND_PX);
  context.fillStyle = color;
  context.strokeStyle = context.fillStyle;
  context.fill();
  context.lineWidth = 1.8;
  context.strokeStyle = "#ffffff";
  context.stroke();
  const scale = (SIDE_PX - 9) / GLYPH_PX;
  context.translate(4.5, 4.5);
  context.scale(scale, scale);
  context.fillStyle = "#ffffff";
  context.fill(new Path2D(glyph), "evenodd");
}

/** A point above the sign, to the north of a sign that is not turned. */
function heading(context: CanvasRenderingContext2D, color: string): void {
  const middle = HEADING_SIDE_PX / 2;
  context.beginPath();
  context.moveTo(middle, 1.5);
  context.lineTo(middle + 7, 12);
  context.lineTo(middle - 7, 12);
  context.closePath();
  context.fillStyle = color;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#ffffff";
  context.stroke();
}

export function addUnitSigns(map: MapLibreMap, color: string): void {
  for (const kind of UNIT_KINDS) map.addImage(signOf(kind), picture(SIDE_PX, (context) => sign(context, color, UNIT_GLYPHS[kind])), { pixelRatio: RATIO });
  map.addImage(headingSign, picture(HEADING_SIDE_PX, (context) => heading(context, color)), { pixelRatio: RATIO });
}
