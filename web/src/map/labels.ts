/** How what is marked on the map is labelled: in which letters, and on which side. */

export const FONTS = ["Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];

/** A label goes below its place, and where another one is there already to the next of these sides. */
export const SIDES: ("top" | "bottom" | "left" | "right")[] = ["top", "bottom", "left", "right"];
