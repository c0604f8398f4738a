/** A tile's glTF merged into one mesh whose vertices know which element they belong to. */

import { Geometry } from "@luma.gl/engine";
import { Matrix4 } from "@math.gl/core";

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
  /** Three numbers a vertex: the element's row in the property table, its opacity, its height in metres. */
  readonly elements: Float32Array;
  readonly indices: Uint32Array;
  #vertex = 0;
  #index = 0;

  constructor(vertices: number, indices: number) {
    this.positions = new Float32Array(vertices * 3);
    this.normals = new Float32Array(vertices * 3);
    this.colors = new Uint8Array(vertices * 4);
    this.elements = new Float32Array(vertices * 3);
    this.indices = new Uint32Array(indices);
  }

  add({ primitive, matrix }: Placed): void {
    const count = vertexCount(primitive);
    transform(primitive.attributes.POSITION!.value, matrix, this.positions, this.#vertex, 1);
    const normals = primitive.attributes.NORMAL?.value;
    if (normals) transform(normals, matrix, this.normals, this.#vertex, 0);
    this.#paint(primitive, count);
    const ids = primitive.extensions?.EXT_mesh_features?.featureIds?.[0]?.data;
    for (let i = 0; i < count; i += 1) this.elements[(this.#vertex + i) * 3] = ids?.[i] ?? NO_FEATURE;
    const indices = primitive.indices?.value;
    const length = indices?.length ?? count;
    for (let i = 0; i < length; i += 1) this.indices[this.#index + i] = this.#vertex + (indices ? indices[i]! : i);
    this.#vertex += count;
    this.#index += length;
  }

  /** Fills in the heights: the third row of the matrix that takes the tile's axes to east, north, up. */
  setHeights(matrix: ArrayLike<number>, origin_m: number): void {
    const p = this.positions;
    for (let i = 0; i < p.length / 3; i += 1) {
      this.elements[i * 3 + 2] = matrix[2]! * p[i * 3]! + matrix[6]! * p[i * 3 + 1]! + matrix[10]! * p[i * 3 + 2]! + matrix[14]! + origin_m;
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
        if (c === 3) this.elements[(this.#vertex + i) * 3 + 1] = part;
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

/** Multiplies xyz triples by a matrix; w is 1 for places and 0 for directions. */
function transform(from: ArrayLike<number>, matrix: Matrix4, to: Float32Array, vertex: number, w: 0 | 1): void {
  const m = matrix as unknown as number[];
  for (let i = 0, at = vertex * 3; i < from.length; i += 3, at += 3) {
    const x = from[i]!, y = from[i + 1]!, z = from[i + 2]!;
    for (let row = 0; row < 3; row += 1) to[at + row] = m[row]! * x + m[4 + row]! * y + m[8 + row]! * z + w * m[12 + row]!;
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

/**
 * Merges all triangles of a parsed tile; see-through ones last, so that what is behind them is drawn first.
 * The matrix takes the tile's axes to metres east, north and up of an origin at the height origin_m.
 */
export function mergeElements(gltf: Gltf, toLocal: ArrayLike<number>, origin_m: number): ElementMesh | null {
  const placed: Placed[] = [];
  collect((gltf.scene ?? gltf.scenes?.[0])?.nodes ?? [], new Matrix4(), placed);
  if (!placed.length) return null;
  placed.sort((a, b) => b.alpha - a.alpha);
  const vertices = placed.reduce((sum, each) => sum + vertexCount(each.primitive), 0);
  const indices = placed.reduce((sum, each) => sum + (each.primitive.indices?.value.length ?? vertexCount(each.primitive)), 0);
  const buffers = new Buffers(vertices, indices);
  placed.forEach((each) => buffers.add(each));
  buffers.setHeights(toLocal, origin_m);
  const geometry = new Geometry({
    topology: "triangle-list",
    indices: { size: 1, value: buffers.indices },
    attributes: {
      positions: { size: 3, value: buffers.positions },
      normals: { size: 3, value: buffers.normals },
      texCoords: { size: 2, value: new Float32Array(vertices * 2) },
      colors: { size: 4, value: buffers.colors, normalized: true },
      elementData: { size: 3, value: buffers.elements },
    },
  });
  return { geometry, elements: elementsOf(gltf) };
}
