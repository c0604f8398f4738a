/** Stands for the meshopt decoder, which this viewer's tiles do not need: a compressed tile fails with a clear error. */

function refuse(): never {
  throw new Error("meshopt-compressed tiles are not supported");
}

export const MeshoptDecoder = {
  supported: false,
  ready: Promise.resolve(),
  decodeVertexBuffer: refuse,
  decodeIndexBuffer: refuse,
  decodeIndexSequence: refuse,
  decodeGltfBuffer: refuse,
  decodeGltfBufferAsync: refuse,
};
