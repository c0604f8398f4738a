/** What is drawn in 3D follows the state: BIM models, and the city's pipes and buildings. */

import { t } from "./i18n";
import type { CityLayer } from "./map/city_layers";
import type { CityView } from "./map/city_scene";
import { Painter, isPlain } from "./map/model_look";
import { summaryOf } from "./map/model_summary";
import type { ModelScene } from "./map/models";
import { PIPES } from "./map/style";
import { toast } from "./panels/toasts";
import type { State } from "./store";
import { MODELS, layerInfo, type Viewer } from "./viewer";

const BUILDINGS = "buildings";

/** The part that draws them is large and comes last: the map can be used while it is fetched. */
export async function showScenes(viewer: Viewer, followCity: () => void): Promise<void> {
  const { CityScene, DeckOverlay, ModelScene } = await import("./map/scenes");
  const overlay = new DeckOverlay(viewer.map);
  const failed = new Set<number>();
  const models = new ModelScene(viewer.map, overlay, viewer.extrusions, (model, message) => {
    if (failed.has(model.id)) return;
    failed.add(model.id);
    toast(`${model.name}: ${message || t("error")}`, "error");
  });
  const city = new CityScene(viewer.map, overlay, viewer.extrusions, followCity);
  viewer.scene = models;
  viewer.city = city;
  const apply = () => {
    const { switched, opacity, underground, look } = viewer.store.state;
    models.setView({ visible: switched[MODELS] ?? true, opacity: opacity[MODELS] ?? 1, underground, lookedInto: look?.model ?? null });
    city.setView(cityView(viewer, viewer.store.state));
  };
  viewer.store.watch(["switched", "opacity", "underground", "detailed", "theme", "look"], apply);
  followLook(viewer, models);
  models.setModels(viewer.models);
  apply();
  models.select(viewer.store.state.selection);
  city.select(viewer.store.state.selection);
}

function cityView(viewer: Viewer, state: Readonly<State>): CityView {
  const opacity: CityView["opacity"] = {};
  const add = (layer: CityLayer) => { opacity[layer] = state.opacity[layer] ?? 1; };
  const buildings = layerInfo(viewer, BUILDINGS);
  // who looks below the ground looks for pipes, unless they were switched off
  if (state.underground && (state.switched[PIPES] ?? true)) add(PIPES);
  if (state.detailed && buildings && viewer.styles.isOn(buildings, state)) add(BUILDINGS);
  return { opacity, underground: state.underground, isDark: state.theme === "dark" };
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
