/** Mobile units around the map: their marks, their cards, and the switch by which they are shown. */

import type { Point } from "maplibre-gl";
import { UNITS } from "./live_types";
import { UnitMarks } from "./map/unit_marks";
import { UnitPanel } from "./panels/unit";
import type { SidePanel } from "./panels/side";
import type { Viewer } from "./viewer";

export class LiveUnits {
  readonly #panel: UnitPanel;
  #marks: UnitMarks | null = null;

  constructor(private readonly viewer: Viewer, side: SidePanel) {
    const { store, units } = viewer;
    this.#panel = new UnitPanel(viewer, side, (line) => this.#marks?.trail(line));
    store.watch(["switched", "unit", "lang"], () => this.#draw());
    store.watch(["theme"], ({ theme }) => this.#marks?.setTheme(theme));
    units.watch(() => this.#draw());
  }

  begin(): void {
    const { map, store, units } = this.viewer;
    this.#marks = new UnitMarks(map, store.state.theme);
    if (store.state.unit !== null) void this.#panel.open(store.state.unit);
    void units.load();
  }

  covers(point: Point): boolean {
    return Boolean(this.#marks?.at(point));
  }

  take(point: Point): boolean {
    const code = this.#marks?.at(point);
    if (!code) return false;
    this.viewer.store.set("unit", code);
    return true;
  }

  #draw(): void {
    const { store, units } = this.viewer;
    this.#marks?.setVisible(store.state.switched[UNITS] ?? true);
    this.#marks?.show(units.all.values(), store.state.unit);
  }
}
