// Answers for the service from data that lie beside this page: it works from a folder, without any server.
"use strict";

(() => {
  const { folder, taken } = document.currentScript.dataset;
  const base = new URL(folder, location.href).href;
  const bodies = new Map();
  const direct = window.fetch.bind(window);

  function bytes(text) {
    const raw = atob(text);
    return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
  }

  function answer(path) {
    const kept = bodies.get(path);
    if (!kept) return new Response(null, { status: 204 });
    const stream = new Blob([bytes(kept)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream, { headers: { "content-type": typeOf(path) } });
  }

  function typeOf(path) {
    if (path.endsWith(".png")) return "image/png";
    if (path.endsWith(".mvt")) return "application/vnd.mapbox-vector-tile";
    return path.endsWith(".glb") ? "model/gltf-binary" : "application/json";
  }

  /** Called by each pack: path -> gzip body in base64. */
  window.cimPack = (more) => {
    for (const [path, body] of Object.entries(more)) bodies.set(path, body);
  };

  window.fetch = async (input, options) => {
    // some readers join addresses as paths, and lose a slash
    const address = new URL(input.url ?? String(input), location.href).href;
    if (!address.startsWith(base)) return direct(input, options);
    options?.signal?.throwIfAborted();
    const found = answer(decodeURI(address.slice(base.length).split(/[?#]/)[0]));
    // readers tell what they have by its address
    return Object.defineProperty(found, "url", { value: address });
  };

  window.cimPacked = {
    base,
    takenAt: taken,
    /** The address of a worker's script: browsers start none from a folder, but one from memory. */
    async worker(path) {
      return URL.createObjectURL(new Blob([await answer(path).text()], { type: "text/javascript" }));
    },
  };
})();
