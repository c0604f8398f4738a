/** 3D Tiles whose elements are picked, coloured and hidden one by one (EXT_mesh_features with EXT_structural_metadata). */

import { COORDINATE_SYSTEM, type FilterContext, type GetPickingInfoParams, type Layer, type PickingInfo } from "@deck.gl/core";
import { Tile3DLayer } from "@deck.gl/geo-layers";
import type { Matrix4 } from "@math.gl/core";
import { ElementMeshLayer, Pass, styleBytes } from "./element_mesh_layer";
import { mergeElements, type Element, type ElementMesh, type Gltf } from "./element_mesh";
import { GAP_M, type Painter } from "./model_look";
import { replaceAtOnce, setScreenSpaceError, type Tileset } from "./tile_loading";

interface Tile {
  id: string;
  tileDrawn?: boolean;
  selected: boolean;
  viewportIds: string[];
  content: {
    gltf: Gltf;
    cartographicOrigin: number[];
    modelMatrix: Matrix4;
    elementMesh?: ElementMesh | null;
    styles?: { of: Painter; bytes: Uint8Array };
  };
}

export interface PickedElement extends PickingInfo {
  element?: Element;
}

export interface ElementTileProps {
  selectedElement: number;
  /** Metres; what is lower is left out. */
  lowestHeight: number;
  /** Pixels from the axis of a pipe to its side, where that would be less; 0: as it is. */
  leastWidth: number;
  /** Whether nothing that is drawn before hides them: neither does the ground. */
  inFront: boolean;
  /** Red, green, blue by which all colours are dimmed, of 255. */
  tint: [number, number, number];
  /** How they take light, as deck.gl has it. */
  material: object;
  /** How the elements are drawn; null: as they are. */
  painter: Painter | null;
  /** The error in pixels below which a tile is good enough. */
  screenSpaceError: number;
  onTileError: (tile: null, url: string, message: string) => void;
}

// deck.gl's own method for a tile's model is private in its types but is the place made for another rendering of it;
// hence the untyped base.
interface TileLayer extends Layer {
  state: { lastUpdatedViewports: object | null; tileset3d: Tileset | null };
  _loadTileset(url: string): Promise<void>;
  _updateTileset(viewports: object | null): void;
  initializeState(): void;
  updateState(params: unknown): void;
  renderLayers(): Layer[] | null;
  getSubLayerProps(props: Record<string, unknown>): Record<string, unknown>;
  filterSubLayer(context: FilterContext): boolean;
}
const Base = Tile3DLayer as unknown as new (props: Record<string, unknown>) => TileLayer;

export class ElementTileLayer extends Base {
  static layerName = "ElementTileLayer";
  static defaultProps = {
    selectedElement: { type: "number", value: -1 }, lowestHeight: { type: "number", value: -1e6 },
    leastWidth: { type: "number", value: 0 }, inFront: { type: "boolean", value: false }, tint: { type: "color", value: [255, 255, 255] },
    material: { type: "object", value: { ambient: 0.62, diffuse: 0.55, shininess: 8, specularColor: [20, 20, 20] } },
    painter: { type: "object", value: null, optional: true }, screenSpaceError: { type: "number", value: 12 },
  };

  #releasing = 0;

  get #own(): ElementTileProps {
    return this.props as unknown as ElementTileProps;
  }

  /** A tileset that cannot be had is told to onTileError, as a tile is. */
  override async _loadTileset(url: string): Promise<void> {
    try {
      await super._loadTileset(url);
      if (this.state.tileset3d) {
        replaceAtOnce(this.state.tileset3d);
        setScreenSpaceError(this.state.tileset3d, this.#own.screenSpaceError);
      }
      // The base selects tiles for viewports drawn after the tileset came; where the camera has rested since before,
      // there is none, and nothing would be shown until it moves.
      this._updateTileset(this.state.lastUpdatedViewports);
    } catch (error) {
      this.#own.onTileError(null, url, (error as Error).message);
    }
  }

  /** Whether all that the last camera asks for has come. */
  get isComplete(): boolean {
    return this.state?.tileset3d?.isLoaded() ?? false;
  }

  override updateState(params: unknown): void {
    super.updateState(params);
    const { tileset3d, lastUpdatedViewports } = this.state;
    if (tileset3d && setScreenSpaceError(tileset3d, this.#own.screenSpaceError)) this._updateTileset(lastUpdatedViewports);
  }

  /** What is faint is drawn after all that is not, and hides nothing. */
  override renderLayers(): Layer[] | null {
    const layers = super.renderLayers();
    if (!layers || !this.#own.painter?.hasFaint) return layers;
    const faint = layers.map((layer) => layer.clone({ id: `${layer.id}-faint`, pass: Pass.Faint, pickable: false, parameters: { depthWriteEnabled: false } } as never));
    return [...layers, ...faint];
  }

  _make3DModelLayer(tile: Tile): Layer | null {
    const { content } = tile;
    // merged once a tile: the mesh is kept with the tile's content and goes when that is dropped
    if (content.elementMesh === undefined) content.elementMesh = mergeElements(content.gltf, content.modelMatrix, content.cartographicOrigin);
    if (!content.elementMesh) return null;
    const { geometry, elements } = content.elementMesh;
    const { selectedElement: selected, lowestHeight, leastWidth, inFront, tint, material, painter } = this.#own;
    return new ElementMeshLayer(this.getSubLayerProps({ id: "elements" }) as never, {
      id: `${this.id}-elements-${tile.id}`,
      tile,
      lowestHeight,
      leastWidth,
      inFront,
      styles: painter && styles(tile, elements, painter),
      gap: painter?.look.explode ? GAP_M : 0,
      pass: painter?.hasFaint ? Pass.Solid : Pass.All,
      mesh: geometry,
      data: [0],
      getPosition: [0, 0, 0],
      getColor: [...tint, 255],
      coordinateSystem: COORDINATE_SYSTEM.METER_OFFSETS,
      coordinateOrigin: content.cartographicOrigin,
      highlightedObjectIndex: selected < 0 ? -1 : elements.findIndex((each) => each.id === selected),
      highlightColor: [255, 138, 0, 235],
      material,
      _offset: 0,
      onFirstDraw: () => this.#drawn(tile),
    } as never) as unknown as Layer;
  }

  /** What a tile replaces is held until it has been drawn: then it can go, also where the camera rests. */
  #drawn(tile: Tile): void {
    tile.tileDrawn = true;
    this.#releasing ||= requestAnimationFrame(() => {
      this.#releasing = 0;
      if (this.state?.tileset3d) this._updateTileset(this.state.lastUpdatedViewports);
    });
  }

  /**
   * All tiles that are drawn can be picked. The base leaves out those whose middle is more than a quarter of the window
   * away from the pointer, however large they are: then nothing is hit beside the middle of a large tile.
   */
  override filterSubLayer({ layer, viewport }: FilterContext): boolean {
    const { tile } = layer.props as unknown as { tile: Tile };
    return tile.selected && tile.viewportIds.includes(viewport.id);
  }

  override getPickingInfo({ info, sourceLayer }: GetPickingInfoParams): PickedElement {
    const tile = (sourceLayer?.props as unknown as { tile?: Tile } | undefined)?.tile;
    const element = tile?.content.elementMesh?.elements[info.index];
    return Object.assign(info, { element, object: element ?? tile });
  }
}

/** The tile's elements as a painter draws them, worked out once for each painter. */
function styles(tile: Tile, elements: Element[], painter: Painter): Uint8Array {
  const { content } = tile;
  if (content.styles?.of !== painter) content.styles = { of: painter, bytes: painter.paint(elements, styleBytes(elements.length)) };
  return content.styles.bytes;
}
