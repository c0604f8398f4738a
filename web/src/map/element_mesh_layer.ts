/** One tile's elements as a single draw: a small texture says of each how it is drawn. */

import type { Texture } from "@luma.gl/core";
import type { UpdateParameters } from "@deck.gl/core";
import { SimpleMeshLayer } from "@deck.gl/mesh-layers";
import { Model, type Geometry } from "@luma.gl/engine";
import { Drawn, MOST_STOREYS } from "./model_look";

/** Which elements a draw takes: faint ones come in a second one. */
export const enum Pass { All = 0, Solid = 1, Faint = 2 }

/** Pipes of this radius and more are drawn three times as wide as the thinnest, where all of them are too thin to be seen. */
const WIDE_M = "0.6";
const WIDTH = 256;
/** The size of the texture for so many elements: four bytes each, full rows. */
export const styleBytes = (elements: number): number => Math.max(1, Math.ceil(elements / WIDTH)) * WIDTH * 4;

const block = `layout(std140) uniform elementUniforms {
  float lowest;
  float gap;
  float pass;
  float styled;
  float leastWidth;
  float inFront;
} element;
`;
const elementUniforms = {
  name: "element", vs: block, fs: block,
  uniformTypes: { lowest: "f32", gap: "f32", pass: "f32", styled: "f32", leastWidth: "f32", inFront: "f32" },
} as const;

// The picking colour is the element's row in the tile's property table instead of the instance's number; the colour is
// the element's material with its transparency, or what the texture says; what lies below the lowest height is left out;
// pipes are widened to what can be seen.
const INJECT = {
  "vs:#decl": `
uniform highp sampler2D elementStyles;
in vec4 elementData;
vec3 elementNormal;
out float elementHeight;
flat out int elementDrawn;
vec4 elementStyle() {
  if (element.styled < 0.5) return vec4(0.0, 0.0, 0.0, ${Drawn.AsItIs << 6}.0 / 255.0);
  int row = int(elementData.x + 0.5);
  return texelFetch(elementStyles, ivec2(row % ${WIDTH}, row / ${WIDTH}), 0);
}
int elementByte() { return int(elementStyle().a * 255.0 + 0.5); }
float elementWidening(vec3 offset) {
  if (element.leastWidth <= 0.0) return 0.0;
  float distance = project_common_position_to_clipspace(project_position(vec4(offset, 1.0))).w;
  float metresAPixel = distance / (project.focalDistance * project.scale * project.commonUnitsPerMeter.z);
  // what is wider stays so, also where both are drawn wider than they are
  float least = element.leastWidth * (0.5 + min(elementData.w / ${WIDE_M}, 1.0)) * metresAPixel;
  return max(least - elementData.w, 0.0);
}
`,
  "vs:DECKGL_FILTER_SIZE": `
size.z += element.gap * float(elementByte() & ${MOST_STOREYS});
size += elementNormal * elementWidening(size);`,
  // the attribute itself is declared after the place of the hook above
  "vs:#main-start": "elementNormal = normals;",
  // before all that was drawn, but in their own order
  "vs:DECKGL_FILTER_GL_POSITION": "if (element.inFront > 0.5) position.z = 0.02 * position.z - 0.98 * position.w;",
  "vs:#main-end": `
vColor.a *= elementData.y;
picking_setPickingColor(picking_getPickingColorFromIndex(elementData.x));
elementHeight = elementData.z;
elementDrawn = elementByte() >> 6;
if (elementDrawn == ${Drawn.Painted}) vColor = vec4(elementStyle().rgb, 1.0);
if (elementDrawn == ${Drawn.Faint}) vColor = vec4(0.52, 0.58, 0.66, 0.1);
if (elementDrawn == ${Drawn.Hidden}) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
`,
  "fs:#decl": "in float elementHeight;\nflat in int elementDrawn;\n",
  "fs:#main-start": `
bool isFaint = elementDrawn == ${Drawn.Faint};
if (elementHeight < element.lowest || (isFaint ? element.pass == ${Pass.Solid}.0 : element.pass == ${Pass.Faint}.0)) discard;
`,
};

interface ElementMeshProps {
  lowestHeight: number;
  /** Pixels from the axis of a pipe of common width to its side, where that would be less; 0: as it is. */
  leastWidth: number;
  /** Whether nothing that is drawn before hides them. */
  inFront: boolean;
  /** As Painter.paint gives them; null: all are drawn as they are. */
  styles: Uint8Array | null;
  gap: number;
  pass: Pass;
  onFirstDraw: () => void;
}

export class ElementMeshLayer extends SimpleMeshLayer {
  static override layerName = "ElementMeshLayer";

  get #own(): ElementMeshProps {
    return this.props as unknown as ElementMeshProps;
  }

  override getShaders(): ReturnType<SimpleMeshLayer["getShaders"]> {
    const shaders = super.getShaders();
    return { ...shaders, modules: [...shaders.modules, elementUniforms], inject: INJECT };
  }

  override updateState(params: UpdateParameters<this>): void {
    super.updateState(params);
    const { styles } = this.#own;
    if (styles !== (params.oldProps as unknown as ElementMeshProps).styles || !this.#texture) this.#setStyles(styles ?? new Uint8Array(styleBytes(0)));
  }

  get #texture(): Texture | undefined {
    return (this.state as unknown as { styleTexture?: Texture }).styleTexture;
  }

  #setStyles(data: Uint8Array): void {
    this.#texture?.destroy();
    const styleTexture = this.context.device.createTexture({
      format: "rgba8unorm", width: WIDTH, height: data.length / WIDTH / 4, data, mipLevels: 1,
      sampler: { minFilter: "nearest", magFilter: "nearest", addressModeU: "clamp-to-edge", addressModeV: "clamp-to-edge" },
    });
    this.setState({ styleTexture });
  }

  override finalizeState(context: Parameters<SimpleMeshLayer["finalizeState"]>[0]): void {
    this.#texture?.destroy();
    super.finalizeState(context);
  }

  override draw(options: { uniforms: unknown }): void {
    const { lowestHeight: lowest, leastWidth, inFront, gap, pass, styles } = this.#own;
    this.state.model?.shaderInputs.setProps({ element: { lowest, gap, pass, styled: styles ? 1 : 0, leastWidth, inFront: inFront ? 1 : 0, elementStyles: this.#texture } } as never);
    super.draw(options);
    if (!this.state.model || this.#isDrawn) return;
    (this.state as unknown as { isDrawn?: boolean }).isDrawn = true;
    this.#own.onFirstDraw();
  }

  get #isDrawn(): boolean {
    return (this.state as unknown as { isDrawn?: boolean }).isDrawn ?? false;
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
