/** All that is drawn with deck.gl, which is large: fetched together, once the map can be used. */

export { CityScene } from "./city_scene";
export { DeckOverlay } from "./deck_overlay";
export { ModelScene } from "./models";
