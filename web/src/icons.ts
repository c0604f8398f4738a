/** The icons, as outlines on a 24 x 24 grid drawn in the text's colour. */

const PATHS = {
  layers: "M12 3 3 8l9 5 9-5-9-5Zm-9 9.5 9 5 9-5M3 17l9 5 9-5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm5 11.5L21 21",
  close: "M6 6l12 12M18 6 6 18",
  draw: "M5 5l13 3-2 11-10-2zM5 5h.01M18 8h.01M16 19h.01M6 17h.01",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  north: "M12 3l5 17-5-4-5 4 5-17Z",
  cube: "M12 3l8 4.5v9L12 21l-8-4.5v-9L12 3Zm0 9 8-4.5M12 12v9M12 12 4 7.5",
  mountain: "M2 20 9 7l4 7 2.500-4L22 20H2Zm5-9 2 2 2-2",
  underground: "M3 9h18M6 9V4h5v5m3 0V6h4v3M12 12v8m-3.500-3.500L12 20l3.500-3.500",
  building: "M4 21V11l7-5v15M11 21V8l9 4v9M2 21h20M7 12v.01M7 16v.01M15 14v.01M15 17.500v.01",
  home: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  target: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-5v3m0 12v3M3 12h3m12 0h3",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1m2 3.500a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
  moon: "M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500Z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-6v2m0 16v2M4.900 4.900l1.400 1.400m11.400 11.400 1.400 1.400M2 12h2m16 0h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400",
  chevron: "M9 6l6 6-6 6",
  warning: "M12 4 2.500 20h19L12 4Zm0 6v4m0 3h.01",
  download: "M12 4v11m-4-4 4 4 4-4M5 20h14",
  trash: "M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13",
  scene: "M3 5h18v14H3zM3 15l5-5 4 4 3-3 6 6",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4 21c0-4 4-6 8-6s8 2 8 6",
  check: "M5 12.500l4.500 4.500L19 7.500",
  sliders: "M4 7h10m4 0h2M4 17h2m4 0h10M14 4.500v5M6 14.500v5",
  arrow: "M7 17 17 7M9 7h8v8",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4l2-2Zm4 5h4",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12ZM12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600Z",
  history: "M4 12a8 8 0 1 0 2.500-5.800M4 4v4h4M12 8v4l3 2",
  play: "M8 5v14l11-7L8 5Z",
  command: "M5 21V4m0 1c3-2 5-2 7 0s4 2 7 0v9c-3 2-5 2-7 0s-4-2-7 0",
  keys: "M3 7h18v10H3zM6.500 10.500h.01M10 10.500h.01M13.500 10.500h.01M17 10.500h.01M8 14h8",
  pause: "M8 5v14M16 5v14",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
