/** Starts the viewer: settings and catalogue from the service, then the map, then everything around it. */

import "./styles/base.css";
import "./styles/panels.css";
import "./styles/map.css";
import "./styles/live.css";
import "./styles/command.css";
import "./styles/presets.css";
import { ApiError, api, onUnauthorised } from "./api";
import { errorState, h, spinner } from "./dom";
import { setLanguage, t } from "./i18n";
import { Extrusions } from "./map/extrusions";
import { EventBook } from "./live/event_book";
import { UnitBook } from "./live/unit_book";
import { addScale, createMap } from "./map/map";
import { addOverlays } from "./map/overlays";
import { LayerStyles, absolute, baseStyleName, emptyStyle, setHillshade, setTerrain } from "./map/style";
import { MapTheme } from "./map/theme";
import { reasonOf, tellNames } from "./panels/failure";
import { askForKey } from "./panels/sign_in";
import { toasts } from "./panels/toasts";
import { showScenes } from "./scenes";
import { applyPreset, isWall } from "./screen";
import { assemble } from "./shell";
import { Store, type State, type Theme } from "./store";
import type { Config, LayerInfo, ModelInfo, Session } from "./types";
import { follow, mirror, parse, takeShared } from "./url_state";
import type { Viewer } from "./viewer";

const DEFAULTS: State = {
  camera: null, switched: {}, opacity: {}, selection: null, lang: "zh", theme: "light", zone: null, hillshade: false, terrain: false, underground: false,
  detailed: false, look: null, now: null, event: null, unit: null, day: false, command: null, tool: "isolate", storedZone: null, incident: null,
};

interface Start {
  config: Config;
  layers: LayerInfo[];
  models: ModelInfo[];
  style: Awaited<ReturnType<typeof api.style>>;
  session: Session | null;
}

async function read(theme: Theme): Promise<Start> {
  // the settings first: a refusal (401) then asks for the key once, before anything else
  const config = await api.config();
  const [layers, models, style, session] = await Promise.all([
    api.layers(), api.models().catch(() => []), api.style(baseStyleName(theme)).catch(() => emptyStyle()), api.session().catch(() => null),
  ]);
  return { config, layers, models, style, session };
}

function applyPage(state: Readonly<State>): void {
  document.documentElement.dataset.theme = state.theme;
  setLanguage(state.lang);
}

async function start(app: HTMLElement): Promise<void> {
  applyPreset();
  takeShared();
  const defaults: State = { ...DEFAULTS, theme: isWall() ? "dark" : DEFAULTS.theme };
  const store = new Store({ ...defaults, ...parse(location.hash) });
  applyPage(store.state);
  // watched first, so that panels which follow are drawn in the new language
  store.watch(["lang", "theme"], applyPage);
  onUnauthorised(askForKey);
  app.replaceChildren(h("div", { class: "splash" }, spinner(t("loading_map"))));
  const { config, layers, models, style, session } = await read(store.state.theme);

  const container = h("div", { id: "map", role: "application", "aria-label": t("map_label") });
  app.replaceChildren(container);
  const map = createMap(container, absolute(style), config, store);
  const viewer: Viewer = {
    map, store, config, layers, models, session, scene: null, city: null, book: new EventBook(), units: new UnitBook(),
    styles: new LayerStyles(map, layers), extrusions: new Extrusions(map),
    select: () => undefined, flyTo: () => undefined, startDrawing: () => undefined,
    openEvent: () => undefined, openModel: () => undefined, analysis: null,
  };
  tellNames(viewer);
  const shell = assemble(app, viewer, session);
  Object.assign(window, { cimViewer: { map, store, viewer } });
  mirror(store);

  await new Promise<void>((resolve) => { map.once("load", () => resolve()); });
  addScale(map);
  addOverlays(map);
  await viewer.styles.apply(store.state);
  setHillshade(map, store.state.hillshade);
  setTerrain(map, store.state.terrain && config.terrain);
  followState(viewer);
  shell.restore();
  follow(store, defaults, (camera) => map.jumpTo(camera));
  map.once("idle", () => { document.body.dataset.ready = "true"; });
  map.triggerRepaint();
  await showScenes(viewer, shell.followCity);
}

function followState({ map, store, config, styles, extrusions }: Viewer): void {
  const theme = new MapTheme(map);
  store.watch(["theme"], (state) => void theme.apply(state.theme));
  store.watch(["switched", "opacity", "underground"], (state) => void styles.apply(state).then(() => extrusions.apply()));
  store.watch(["hillshade"], (state) => setHillshade(map, state.hillshade));
  store.watch(["terrain"], (state) => setTerrain(map, state.terrain && config.terrain));
}

function explain(error: unknown): string {
  return !(error instanceof ApiError) && error instanceof Error && /webgl/i.test(error.message) ? t("no_webgl") : reasonOf(error);
}

const app = document.getElementById("app")!;
document.body.append(toasts);
start(app).catch((error: unknown) => {
  app.replaceChildren(h("div", { class: "splash" }, errorState(t("map_failed"), explain(error), () => location.reload())));
});
