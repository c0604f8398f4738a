/** Starts the viewer: settings and catalogue from the service, then the map, then everything around it. */

import "./styles/base.css";
import "./styles/panels.css";
import "./styles/map.css";
import { ApiError, api, onUnauthorised } from "./api";
import { errorState, h, spinner } from "./dom";
import { setLanguage, t } from "./i18n";
import { Painter, isPlain } from "./map/model_look";
import { summaryOf } from "./map/model_summary";
import type { ModelScene } from "./map/models";
import { addScale, createMap } from "./map/map";
import { addOverlays } from "./map/overlays";
import { LayerStyles, absolute, baseStyleName, emptyStyle, setHillshade } from "./map/style";
import { MapTheme } from "./map/theme";
import { askForKey } from "./panels/sign_in";
import { toast, toasts } from "./panels/toasts";
import { assemble } from "./shell";
import { Store, type State, type Theme } from "./store";
import type { Config, LayerInfo, ModelInfo, Session } from "./types";
import { follow, mirror, parse } from "./url_state";
import { MODELS, type Viewer } from "./viewer";

const DEFAULTS: State = {
  camera: null, switched: {}, opacity: {}, selection: null, lang: "zh", theme: "light", zone: null, hillshade: false, underground: false, look: null,
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
  const store = new Store({ ...DEFAULTS, ...parse(location.hash) });
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
    map, store, config, layers, models, scene: null,
    styles: new LayerStyles(map, layers),
    select: () => undefined, flyTo: () => undefined, startDrawing: () => undefined, openModel: () => undefined,
  };
  const shell = assemble(app, viewer, session);
  Object.assign(window, { cimViewer: { map, store, viewer } });
  mirror(store);

  await new Promise<void>((resolve) => { map.once("load", () => resolve()); });
  addScale(map);
  addOverlays(map);
  await viewer.styles.apply(store.state);
  setHillshade(map, store.state.hillshade);
  followState(viewer);
  shell.restore();
  follow(store, DEFAULTS, (camera) => map.jumpTo(camera));
  map.once("idle", () => { document.body.dataset.ready = "true"; });
  map.triggerRepaint();
  await showModels(viewer);
}

function followState({ map, store, styles }: Viewer): void {
  const theme = new MapTheme(map);
  store.watch(["theme"], (state) => void theme.apply(state.theme));
  store.watch(["switched", "opacity"], (state) => void styles.apply(state));
  store.watch(["hillshade"], (state) => setHillshade(map, state.hillshade));
}

/** The part that draws BIM models is large and comes last: the map can be used while it is fetched. */
async function showModels(viewer: Viewer): Promise<void> {
  const { ModelScene } = await import("./map/models");
  const failed = new Set<number>();
  const scene = new ModelScene(viewer.map, (model, message) => {
    if (failed.has(model.id)) return;
    failed.add(model.id);
    toast(`${model.name}: ${message || t("error")}`, "error");
  });
  viewer.scene = scene;
  const apply = () => {
    const { switched, opacity, underground } = viewer.store.state;
    scene.setView({ visible: switched[MODELS] ?? true, opacity: opacity[MODELS] ?? 1, underground });
  };
  viewer.store.watch(["switched", "opacity", "underground"], apply);
  followLook(viewer, scene);
  scene.setModels(viewer.models);
  apply();
  scene.select(viewer.store.state.selection);
}

/** The scene is told of a look once it is known what the model holds. */
function followLook({ store }: Viewer, scene: ModelScene): void {
  const apply = async () => {
    const { look } = store.state;
    if (!look || isPlain(look)) {
      scene.setPainter(null);
      return;
    }
    const summary = await summaryOf(look.model).catch(() => null);
    if (summary && store.state.look === look) scene.setPainter(new Painter(look, summary));
  };
  store.watch(["look"], () => void apply());
  void apply();
}

function explain(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? t("offline") : error.message;
  return error instanceof Error && /webgl/i.test(error.message) ? t("no_webgl") : String((error as Error).message ?? error);
}

const app = document.getElementById("app")!;
document.body.append(toasts);
start(app).catch((error: unknown) => {
  app.replaceChildren(h("div", { class: "splash" }, errorState(t("map_failed"), explain(error), () => location.reload())));
});
