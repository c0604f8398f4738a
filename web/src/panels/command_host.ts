/** What the parts of the command page share. */

import type { ZoneBook } from "../live/zone_book";
import type { BuildingLight } from "../map/building_light";
import type { Marks } from "../map/marks";
import type { Pointing } from "../tools/pointing";
import type { Viewer } from "../viewer";

export interface CommandHost {
  viewer: Viewer;
  pointing: Pointing;
  marks: Marks;
  light: BuildingLight;
  zones: ZoneBook;
}

/** A part of the page: entered when it comes to the front, left when it goes; render() brings its words in step. */
export interface CommandPart {
  element: HTMLElement;
  enter: () => void;
  leave: () => void;
  render: () => void;
}
