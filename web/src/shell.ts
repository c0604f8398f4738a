/** Puts the panels around the map and connects what they do with each other. */

import { api } from "./api";
import { h } from "./dom";
import { t, titleOf } from "./i18n";
import { ZoneBook } from "./live/zone_book";
import { LiveCity } from "./live_city";
import { listen, throttled, type LiveEvents } from "./live";
import { ChangedTiles } from "./map/changed_tiles";
import { CITY_LAYERS } from "./map/city_layers";
import { BuildingLight } from "./map/building_light";
import { flyTo } from "./map/map";
import { Marks } from "./map/marks";
import { forgetSummaries } from "./map/model_summary";
import { onPick } from "./map/selection";
import { PIPES } from "./map/style";
import { CommandPanel } from "./panels/command";
import type { CommandHost } from "./panels/command_host";
import { DetailsPanel } from "./panels/details";
import { DrawBar } from "./panels/draw_bar";
import { InventoryPanel } from "./panels/inventory";
import { LayersPanel } from "./panels/layers";
import { ModelPanel } from "./panels/model";
import { SearchBox } from "./panels/search";
import { isTyping, listenForKeys, showKeys, type Shortcuts } from "./panels/shortcuts";
import { SidePanel } from "./panels/side";
import { progressLine, statusStrip } from "./panels/status";
import { toast } from "./panels/toasts";
import { Toolbar } from "./panels/toolbar";
import { TopBar } from "./panels/topbar";
import { mayCommand } from "./panels/rights";
import { DrawTool } from "./tools/draw";
import { Pointing } from "./tools/pointing";
import type { Position, Session } from "./types";
import { isWall } from "./screen";
import { asWritten } from "./url_state";
import { layerInfo, type Viewer } from "./viewer";

const REFRESH_MS = 1500;
const ZONES = "zones";
/** Where the list of layers would leave the map no room beside a card: tablets, and less. */
const NARROW = "(max-width: 1080px)";

export interface Shell {
  /** Opens what the address asked for: the zone and the selected object. */
  restore(): void;
  /** What is drawn of the city in 3D has become another. */
  followCity(): void;
}

export function assemble(app: HTMLElement, viewer: Viewer, session: Session | null): Shell {
  const side = new SidePanel();
  const details = new DetailsPanel(viewer, side);
  const model = new ModelPanel(viewer, side);
  const host: CommandHost = { viewer, pointing: new Pointing(viewer.map), marks: new Marks(), light: new BuildingLight(), zones: new ZoneBook() };
  const command = new CommandPanel(host, side);
  const inventory = new InventoryPanel(viewer, side, (ring) => command.keep(ring));
  const layers = new LayersPanel(viewer, () => toggleLayers());
  const toggleLayers = () => {
    layers.element.hidden = !layers.element.hidden;
  };
  const narrow = matchMedia(NARROW);
  layers.element.hidden = narrow.matches || isWall();
  narrow.addEventListener("change", () => { if (narrow.matches) layers.element.hidden = true; });
  const search = new SearchBox(viewer);
  const shortcuts = shortcutsOf(viewer, search, command, () => live);
  const topbar = new TopBar(viewer, search, session, () => showKeys(shortcuts));
  const live: LiveCity = new LiveCity(viewer, side, () => toolbar);
  const toolbar: Toolbar = new Toolbar(viewer, toggleLayers, live, () => command.toggle());
  const draw = drawing(viewer, toolbar, host.pointing);
  app.append(
    topbar.element, progressLine(viewer.map),
    h("main", { class: "stage" }, layers.element, toolbar.element, draw.bar.element, host.pointing.bar, side.element),
    live.day.element,
    statusStrip(viewer),
  );
  viewer.flyTo = (target, zoom) => flyTo(viewer.map, target, zoom);
  viewer.select = (id, target) => {
    viewer.store.set("selection", id);
    if (target) viewer.flyTo(target);
  };
  viewer.openModel = (id) => model.open(id, true);
  onPick(viewer, () => draw.tool.active || host.pointing.active, live, (id, of) => {
    if (of !== null) model.open(of, false);
    viewer.select(id);
  });
  listenForKeys(shortcuts);
  leaveByEscape(side);
  follow(viewer, layers, topbar, live, { zones: host.zones, command });
  return {
    restore() {
      const { zone, selection } = viewer.store.state;
      live.begin();
      host.marks.begin(viewer.map, viewer.store.state.theme);
      host.light.begin(viewer.map, viewer.store.state.theme);
      viewer.store.watch(["theme"], ({ theme }) => { host.marks.setTheme(theme); host.light.setTheme(theme); });
      if (zone) void inventory.open(zone);
      command.restore();
      model.restore();
      if (selection !== null) void details.open(selection);
    },
    followCity: () => followCity(viewer, toolbar, details),
  };
}

function followCity(viewer: Viewer, toolbar: Toolbar, details: DetailsPanel): void {
  toolbar.follow();
  if (viewer.styles.setReplaced(PIPES, viewer.city?.draws(PIPES) ?? false)) {
    void viewer.styles.apply(viewer.store.state);
    details.mark();
  }
}

function drawing(viewer: Viewer, toolbar: Toolbar, pointing: Pointing): { tool: DrawTool; bar: DrawBar } {
  const bar = new DrawBar();
  let taker: ((ring: Position[]) => void) | null = null;
  const end = () => {
    bar.hide();
    toolbar.setDrawing(false);
  };
  const tool: DrawTool = new DrawTool(viewer.map, {
    change: (vertices) => bar.show(vertices, tool, () => tool.useView(viewCorners(viewer))),
    cancel: end,
    finish: (ring) => {
      end();
      if (taker) taker(asWritten(ring));
      else viewer.store.set("zone", asWritten(ring));
    },
  });
  viewer.startDrawing = (take) => {
    if (tool.active) {
      tool.cancel();
      return;
    }
    pointing.stop();
    taker = take ?? null;
    if (!take) viewer.store.set("zone", null);
    toolbar.setDrawing(true);
    tool.start();
  };
  return { tool, bar };
}

/** The ground seen in the map's window; when it is tilted up to the sky, the map's bounds instead. */
function viewCorners({ map }: Viewer): Position[] {
  const bounds = map.getBounds();
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  if (map.getPitch() > 50) {
    return [
      [bounds.getWest(), bounds.getSouth()], [bounds.getEast(), bounds.getSouth()],
      [bounds.getEast(), bounds.getNorth()], [bounds.getWest(), bounds.getNorth()],
    ];
  }
  return ([[0, height], [width, height], [width, 0], [0, 0]] as [number, number][]).map((corner) => {
    const { lng, lat } = map.unproject(corner);
    return [lng, lat];
  });
}

function shortcutsOf(viewer: Viewer, search: SearchBox, command: CommandPanel, live: () => LiveCity): Shortcuts {
  return {
    "/": { word: "keys_search", run: () => search.focus() },
    c: { word: "keys_command", run: () => command.toggle() },
    z: { word: "keys_draw", run: () => viewer.startDrawing() },
    ...mayCommand(viewer) && { d: { word: "keys_demarcate" as const, run: () => command.demarcate() } },
    i: { word: "keys_isolate", run: () => command.tool("isolate") },
    f: { word: "keys_flood", run: () => command.tool("flood") },
    r: { word: "keys_route", run: () => command.tool("route") },
    n: { word: "keys_now", run: () => live().toggleNow() },
  };
}

function leaveByEscape(side: SidePanel): void {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !isTyping(event.target) && !document.querySelector("dialog[open]")) side.closeCurrent();
  });
}

/** News of the service: changed layers are drawn anew, new models appear. */
function follow(viewer: Viewer, layers: LayersPanel, topbar: TopBar, live: LiveCity, { zones, command }: { zones: ZoneBook; command: CommandPanel }): void {
  const reload = throttled<string>(() => void reloadCatalogue(viewer, layers), REFRESH_MS);
  const changed = new ChangedTiles(viewer.map);
  const events: LiveEvents = {
    state: (state) => topbar.setLive(state),
    layer: (change) => {
      reload("catalogue");
      if (change.layer === ZONES) zones.hear();
      refreshCity(viewer, change.layer);
    },
    tiles: (change) => {
      changed.add(change.layer, change.boxes);
      refreshCity(viewer, change.layer);
    },
    events: (notices) => live.hear(notices),
    units: (notices) => viewer.units.hear(notices),
    incidents: () => command.hear(),
    observed: () => live.sensors.hear(),
    model: (arrival) => {
      reload("catalogue");
      // buildings with a model are left to it
      refreshCity(viewer, "buildings");
      toast(t("model_arrived", { name: arrival.name }), "info", () => viewer.flyTo({ bounds: arrival.bounds }, 17.5));
    },
    resumed: () => {
      for (const layer of viewer.layers) changed.add(layer.id);
      CITY_LAYERS.forEach((layer) => refreshCity(viewer, layer));
      reload("catalogue");
      void viewer.book.load();
      void viewer.units.load();
      zones.hear();
      command.hear();
      live.sensors.hear();
    },
  };
  listen(events);
}

function refreshCity({ city }: Viewer, changed: string): void {
  const layer = CITY_LAYERS.find((each) => each === changed);
  if (layer) city?.refresh(layer);
}

async function reloadCatalogue(viewer: Viewer, panel: LayersPanel): Promise<void> {
  const [layers, models] = await Promise.all([api.layers(), api.models()]);
  const known = new Set(viewer.layers.filter((layer) => layer.count).map((layer) => layer.id));
  // in place: the map's styles hold the same list
  viewer.layers.splice(0, viewer.layers.length, ...layers);
  viewer.models = models;
  forgetSummaries();
  viewer.scene?.setModels(models);
  panel.render();
  await viewer.styles.apply(viewer.store.state);
  for (const layer of layers) {
    if (layer.count && !known.has(layer.id)) toast(t("layer_changed", { name: titleOf(layerInfo(viewer, layer.id)?.title, layer.id) }));
  }
}
