/** What the caller may do; the service refuses the rest by itself, so this only spares people the refusal. */

import { isWall } from "../screen";
import type { Viewer } from "../viewer";

const DRAWING = ["planner", "commander", "admin"];
const COMMANDING = ["commander", "admin"];

const roleOf = ({ session, config }: Viewer): string => session?.role ?? config.role;

export const mayDraw = (viewer: Viewer): boolean => !isWall() && DRAWING.includes(roleOf(viewer));

export const mayCommand = (viewer: Viewer): boolean => !isWall() && COMMANDING.includes(roleOf(viewer));
