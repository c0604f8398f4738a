/** A tile's glTF merged into one mesh whose vertices know which element they belong to. */

import { Geometry } from "@luma.gl/engine";
import { Matrix4 } from "@math.gl/core";
import { Placement } from "./placement";

interface Accessor {
  value: Float32Array | Uint16Array | Uint32Array | Uint8Array;
  components?: number;
}

interface Primitive {
  mode?: number;
  attributes: Record<string, Accessor | undefined>;
  indices?: Accessor;
  material?: { pbrMetallicRoughness?: { baseColorFactor?: number[] }; alphaMode?: string };
  extensions?: { EXT_mesh_features?: { featureIds?: { data?: ArrayLike<number>; propertyTable?: number }[] } };
}

interface Node {
  matrix?: number[];
  translation?: number[];
  rotation?: number[];
  scale?: number[];
  mesh?: { primitives: Primitive[] };
  children?: Node[];
}

interface PropertyTable {
  count: number;
  properties?: Record<string, { data?: ArrayLike<unknown> }>;
}

export interface Gltf {
  scene?: { nodes: Node[] };
  scenes?: { nodes: Node[] }[];
  extensions?: { EXT_structural_metadata?: { propertyTables?: PropertyTable[] } };
}

/** What is told of one element; `id` is the object's id at the service. */
export type Element = Record<string, unknown>;

export interface ElementMesh {
  geometry: Geometry;
  elements: Element[];
}

const TRIANGLES = 4;
const NO_FEATURE = 0xffffff;
/** Numbers a vertex that say which element it is of and how it is drawn. */
const DATA = 4;
/** As the service draws pipes of which nothing is known. */
const UNKNOWN_DIAMETER_MM = 200;
const DEFAULT_COLOR = [0.8, 0.8, 0.78, 1];

type Placed = { primitive: Primitive; matrix: Matrix4; alpha: number };

function local(node: Node): Matrix4 {
  if (node.matrix) return new Matrix4(node.matrix);
  const matrix = new Matrix4();
  if (node.translation) matrix.translate(node.translation);
  if (node.rotation) matrix.multiplyRight(new Matrix4().fromQuaternion(node.rotation));
  if (node.scale) matrix.scale(node.scale);
  return matrix;
}

function colorOf(primitive: Primitive): number[] {
  return primitive.material?.pbrMetallicRoughness?.baseColorFactor ?? DEFAULT_COLOR;
}

function collect(nodes: Node[], parent: Matrix4, found: Placed[]): void {
  for (const node of nodes) {
    const matrix = new Matrix4(parent).multiplyRight(local(node));
    for (const primitive of node.mesh?.primitives ?? []) {
      if ((primitive.mode ?? TRIANGLES) !== TRIANGLES || !primitive.attributes.POSITION) continue;
      found.push({ primitive, matrix, alpha: colorOf(primitive)[3] ?? 1 });
    }
    collect(node.children ?? [], matrix, found);
  }
}

class Buffers {
  readonly positions: Float32Array;
  readonly normals: Float32Array;
  readonly colors: Uint8Array;
  /** Four numbers a vertex: the element's row in the property table, its opacity, its height and its radius in metres. */
  readonly elements: Float32Array;
  readonly indices: Uint32Array;
  #vertex = 0;
  #index = 0;

  constructor(vertices: number, indices: number, private readonly placement: Placement, private readonly radii_m: number[]) {
    this.positions = new Float32Array(vertices * 3);
    this.normals = new Float32Array(vertices * 3);
    this.colors = new Uint8Array(vertices * 4);
    this.elements = new Float32Array(vertices * DATA);
    this.indices = new Uint32Array(indices);
  }

  add({ primitive, matrix }: Placed): void {
    const count = vertexCount(primitive);
    this.#put(primitive.attributes.POSITION!.value, matrix);
    const normals = primitive.attributes.NORMAL?.value;
    if (normals) turn(normals, matrix, this.normals, this.#vertex);
    this.#paint(primitive, count);
    const ids = primitive.extensions?.EXT_mesh_features?.featureIds?.[0]?.data;
    for (let i = 0, at = this.#vertex * DATA; i < count; i += 1, at += DATA) {
      const row = ids?.[i] ?? NO_FEATURE;
      this.elements[at] = row;
      this.elements[at + 3] = this.radii_m[row] ?? 0;
    }
    const indices = primitive.indices?.value;
    const length = indices?.length ?? count;
    for (let i = 0; i < length; i += 1) this.indices[this.#index + i] = this.#vertex + (indices ? indices[i]! : i);
    this.#vertex += count;
    this.#index += length;
  }

  #put(from: ArrayLike<number>, matrix: Matrix4): void {
    const m = matrix as unknown as number[], to = this.positions;
    for (let i = 0, at = this.#vertex * 3; i < from.length; i += 3, at += 3) {
      const x = from[i]!, y = from[i + 1]!, z = from[i + 2]!;
      this.placement.place(
        m[0]! * x + m[4]! * y + m[8]! * z + m[12]!, m[1]! * x + m[5]! * y + m[9]! * z + m[13]!, m[2]! * x + m[6]! * y + m[10]! * z + m[14]!, to, at,
      );
      this.elements[(at / 3) * DATA + 2] = to[at + 2]! + this.placement.height_m;
    }
  }

  #paint(primitive: Primitive, count: number): void {
    const base = colorOf(primitive);
    const own = primitive.attributes.COLOR_0;
    const size = own ? own.components ?? Math.round(own.value.length / count) : 0;
    const scale = own && !(own.value instanceof Float32Array) ? (own.value instanceof Uint8Array ? 255 : 65535) : 1;
    for (let i = 0; i < count; i += 1) {
      for (let c = 0; c < 4; c += 1) {
        const factor = own && c < size ? own.value[i * size + c]! / scale : 1;
        const part = (base[c] ?? 1) * factor;
        if (c === 3) this.elements[(this.#vertex + i) * DATA + 1] = part;
        else this.colors[(this.#vertex + i) * 4 + c] = Math.round(toSrgb(part) * 255);
      }
    }
  }
}

/** glTF colours are linear; the map draws in sRGB. */
function toSrgb(linear: number): number {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
}

function vertexCount(primitive: Primitive): number {
  return primitive.attributes.POSITION!.value.length / 3;
}

/** Turns directions by a matrix. */
function turn(from: ArrayLike<number>, matrix: Matrix4, to: Float32Array, vertex: number): void {
  const m = matrix as unknown as number[];
  for (let i = 0, at = vertex * 3; i < from.length; i += 3, at += 3) {
    for (let row = 0; row < 3; row += 1) to[at + row] = m[row]! * from[i]! + m[4 + row]! * from[i + 1]! + m[8 + row]! * from[i + 2]!;
  }
}

function elementsOf(gltf: Gltf): Element[] {
  const table = gltf.extensions?.EXT_structural_metadata?.propertyTables?.[0];
  if (!table) return [];
  const columns = Object.entries(table.properties ?? {});
  return Array.from({ length: table.count }, (_, row) => Object.fromEntries(
    columns.map(([name, column]) => {
      const value = column.data?.[row];
      return [name, typeof value === "bigint" ? Number(value) : value];
    }),
  ));
}

/** Of a pipe, so that it can be drawn wider where it would be too thin to be seen; others have none. */
function radius(element: Element): number {
  if (!("diameter_mm" in element)) return 0;
  const { diameter_mm: diameter } = element;
  return (typeof diameter === "number" && diameter > 0 ? diameter : UNKNOWN_DIAMETER_MM) / 2000;
}

/**
 * Merges all triangles of a parsed tile; see-through ones last, so that what is behind them is drawn first.
 * The matrix takes the tile's axes to metres east, north and up of the origin (degrees, metres), around which the mesh
 * is given in offsets of the map.
 */
export function mergeElements(gltf: Gltf, toLocal: Matrix4, origin: number[]): ElementMesh | null {
  const placed: Placed[] = [];
  collect((gltf.scene ?? gltf.scenes?.[0])?.nodes ?? [], toLocal, placed);
  if (!placed.length) return null;
  placed.sort((a, b) => b.alpha - a.alpha);
  const vertices = placed.reduce((sum, each) => sum + vertexCount(each.primitive), 0);
  const indices = placed.reduce((sum, each) => sum + (each.primitive.indices?.value.length ?? vertexCount(each.primitive)), 0);
  const elements = elementsOf(gltf);
  const buffers = new Buffers(vertices, indices, new Placement(origin), elements.map(radius));
  placed.forEach((each) => buffers.add(each));
  const geometry = new Geometry({
    topology: "triangle-list",
    indices: { size: 1, value: buffers.indices },
    attributes: {
      positions: { size: 3, value: buffers.positions },
      normals: { size: 3, value: buffers.normals },
      texCoords: { size: 2, value: new Float32Array(vertices * 2) },
      colors: { size: 4, value: buffers.colors, normalized: true },
      elementData: { size: DATA, value: buffers.elements },
    },
  });
  return { geometry, elements };
}
