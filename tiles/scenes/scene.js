// Starts pydeck's own bundle on the deck of this page. Nothing is written inline, so that a strict policy holds.
"use strict";

(() => {
  const input = JSON.parse(document.getElementById("deck").textContent);
  const hidden = new Set();
  const ownVisible = new Map();

  // addresses are relative to the service; workers have no page to resolve them against
  for (const layer of input.layers) {
    if (typeof layer.data === "string" && layer.data.startsWith("/")) layer.data = location.origin + layer.data;
    const worker = layer.loadOptions?.mvt;
    if (worker?.workerUrl) worker.workerUrl = location.origin + worker.workerUrl;
  }

  const notice = document.getElementById("notice");
  const tell = (message) => {
    notice.textContent = message;
    notice.hidden = false;
  };

  const shown = ["name", "title", "code", "use", "class", "kind", "type", "network", "state", "height_m",
    "storeys_above", "diameter_mm", "material", "depth_m", "severity", "source", "occurred_at"];

  function describe({ object }) {
    const properties = object?.properties;
    if (!properties) return null;
    const lines = shown.filter((key) => properties[key] !== undefined && properties[key] !== "")
      .map((key) => (key === "name" || key === "title" ? properties[key] : `${key}: ${properties[key]}`));
    // as text, never as markup: names come from files of others
    return lines.length ? { text: lines.join("\n"), style: { backgroundColor: "#1f2933", color: "#fff" } } : null;
  }

  const deck = window.createDeck({
    container: document.getElementById("scene"),
    jsonInput: input,
    tooltip: false,
  });

  if (!deck) {
    tell("此场景无法显示：浏览器需要支持 WebGL 2。");
    return;
  }

  function ready() {
    const layers = deck.props.layers.filter((layer) => layer && layer.props.visible !== false);
    if (layers.length && layers.every((layer) => layer.isLoaded)) document.body.dataset.ready = "true";
  }

  deck.setProps({
    getTooltip: describe,
    onAfterRender: ready,
    onError: (error) => tell(`部分数据未能载入：${error.message}`),
  });

  function redraw() {
    deck.setProps({
      layers: deck.props.layers.map((layer) => {
        const owner = layer.id.split(":")[0];
        if (!ownVisible.has(layer.id)) ownVisible.set(layer.id, layer.props.visible !== false);
        return layer.clone({ visible: ownVisible.get(layer.id) && !hidden.has(owner) });
      }),
    });
  }

  for (const box of document.querySelectorAll("input[data-layer]")) {
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](box.dataset.layer);
      redraw();
    });
  }

  // for tests
  window.cimScene = { deck };
})();
