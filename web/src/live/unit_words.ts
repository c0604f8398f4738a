/** What mobile units are called: their kinds, and the states that systems tell by a code. */

import { word } from "../i18n";

export const unitKind = (kind: string): string => word("unit_kind_", kind);

/** What is not one of the usual codes is the owner's own word. */
export const unitState = (state: string): string => word("unit_state_", state.toLowerCase(), state);
