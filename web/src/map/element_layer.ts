/** 3D Tiles whose elements can be picked one by one (EXT_mesh_features with EXT_structural_metadata). */

import { COORDINATE_SYSTEM, type GetPickingInfoParams, type Layer, type PickingInfo } from "@deck.gl/core";
import { Tile3DLayer } from "@deck.gl/geo-layers";
import { SimpleMeshLayer } from "@deck.gl/mesh-layers";
import { Model, type Geometry } from "@luma.gl/engine";
import { mergeElements, type Element, type ElementMesh, type Gltf } from "./element_mesh";

const block = "layout(std140) uniform elementUniforms {\n  float lowest;\n} element;\n";
const elementUniforms = { name: "element", vs: block, fs: block, uniformTypes: { lowest: "f32" } } as const;

// The picking colour is the element's row in the tile's property table instead of the instance's number, the colour is
// the element's material with its transparency, and what lies below the lowest height is left out.
const INJECT = {
  "vs:#decl": "in vec3 elementData;\nout float elementHeight;\n",
  "vs:#main-end": "vColor.a *= elementData.y;\npicking_setPickingColor(picking_getPickingColorFromIndex(elementData.x));\nelementHeight = elementData.z;\n",
  "fs:#decl": "in float elementHeight;\n",
  "fs:#main-start": "if (elementHeight < element.lowest) discard;\n",
};

class ElementMeshLayer extends SimpleMeshLayer {
  static override layerName = "ElementMeshLayer";

  override getShaders(): ReturnType<SimpleMeshLayer["getShaders"]> {
    const shaders = super.getShaders();
    return { ...shaders, modules: [...shaders.modules, elementUniforms], inject: INJECT };
  }

  override draw(options: { uniforms: unknown }): void {
    const { lowestHeight } = this.props as unknown as { lowestHeight: number };
    this.state.model?.shaderInputs.setProps({ element: { lowest: lowestHeight } });
    super.draw(options);
  }

  /** As the base class makes it, but with all of the geometry's attributes: the base keeps the standard four only. */
  protected override getModel(mesh: unknown): Model {
    const model = new Model(this.context.device, {
      ...this.getShaders(),
      id: this.props.id,
      bufferLayout: this.getAttributeManager()!.getBufferLayouts(),
      geometry: mesh as Geometry,
      isInstanced: true,
    });
    model.shaderInputs.setProps({ simpleMesh: { sampler: this.state.emptyTexture, hasTexture: false } });
    return model;
  }
}

interface Tile {
  id: string;
  tileDrawn?: boolean;
  content: {
    gltf: Gltf;
    cartographicOrigin: number[];
    modelMatrix: number[];
    elementMesh?: ElementMesh | null;
  };
}

export interface PickedElement extends PickingInfo {
  element?: Element;
}

// deck.gl's own method for a tile's model is private in its types but is the place made for another rendering of it;
// hence the untyped base.
interface TileLayer extends Layer {
  state: { lastUpdatedViewports: object | null };
  _loadTileset(url: string): Promise<void>;
  _updateTileset(viewports: object | null): void;
  initializeState(): void;
  getSubLayerProps(props: Record<string, unknown>): Record<string, unknown>;
}
const Base = Tile3DLayer as unknown as new (props: Record<string, unknown>) => TileLayer;

export class ElementTileLayer extends Base {
  static layerName = "ElementTileLayer";
  static defaultProps = { selectedElement: { type: "number", value: -1 }, lowestHeight: { type: "number", value: -1e6 } };

  /** A tileset that cannot be had is told to onTileError, as a tile is. */
  override async _loadTileset(url: string): Promise<void> {
    try {
      await super._loadTileset(url);
      // The base selects tiles for viewports drawn after the tileset came; where the camera has rested since before,
      // there is none, and nothing would be shown until it moves.
      this._updateTileset(this.state.lastUpdatedViewports);
    } catch (error) {
      const { onTileError } = this.props as unknown as { onTileError: (tile: null, url: string, message: string) => void };
      onTileError(null, url, (error as Error).message);
    }
  }

  _make3DModelLayer(tile: Tile): Layer | null {
    const { content } = tile;
    // merged once a tile: the mesh is kept with the tile's content and goes when that is dropped
    if (content.elementMesh === undefined) content.elementMesh = mergeElements(content.gltf, content.modelMatrix, content.cartographicOrigin[2] ?? 0);
    if (!content.elementMesh) return null;
    const { geometry, elements } = content.elementMesh;
    const { selectedElement: selected, lowestHeight } = this.props as unknown as { selectedElement: number; lowestHeight: number };
    return new ElementMeshLayer(this.getSubLayerProps({ id: "elements" }) as never, {
      id: `${this.id}-elements-${tile.id}`,
      tile,
      lowestHeight,
      mesh: geometry,
      data: [0],
      getPosition: [0, 0, 0],
      getColor: [255, 255, 255, 255],
      coordinateSystem: COORDINATE_SYSTEM.METER_OFFSETS,
      coordinateOrigin: content.cartographicOrigin,
      modelMatrix: content.modelMatrix,
      highlightedObjectIndex: selected < 0 ? -1 : elements.findIndex((each) => each.id === selected),
      highlightColor: [255, 138, 0, 235],
      material: { ambient: 0.62, diffuse: 0.55, shininess: 8, specularColor: [20, 20, 20] },
      _offset: 0,
      onFirstDraw: () => { tile.tileDrawn = true; },
    } as never) as unknown as Layer;
  }

  override getPickingInfo({ info, sourceLayer }: GetPickingInfoParams): PickedElement {
    const tile = (sourceLayer?.props as unknown as { tile?: Tile } | undefined)?.tile;
    const element = tile?.content.elementMesh?.elements[info.index];
    return Object.assign(info, { element, object: element ?? tile });
  }
}
