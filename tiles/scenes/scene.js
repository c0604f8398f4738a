// Starts pydeck's own bundle on the deck of this page. Nothing is written inline, so that a strict policy holds.
"use strict";

(async () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const input = read("deck");
  const words = read("words");
  // a script loaded before this one: what one can set on this page (window.cimControl), data beside it (window.cimPacked)
  const control = window.cimControl ?? {};
  const packed = window.cimPacked;
  const base = packed ? packed.base : location.origin;
  const say = window.cimText;
  const hidden = new Set();
  const ownVisible = new Map();

  const notice = document.getElementById("notice");
  const tell = (message) => {
    notice.textContent = message;
    notice.hidden = false;
  };

  // addresses are relative to the service; workers have no page to resolve them against
  const absolute = (address) => (typeof address === "string" && address.startsWith("/") ? base + address : address);
  for (const layer of input.layers) {
    for (const name of ["data", "elevationData", "texture"]) if (layer[name]) layer[name] = absolute(layer[name]);
    for (const options of Object.values(layer.loadOptions ?? {})) {
      if (options?.workerUrl) options.workerUrl = packed ? await packed.worker(options.workerUrl) : absolute(options.workerUrl);
    }
  }
  control.prepare?.(input);

  const shown = ["name", "title", "code", "use", "class", "kind", "type", "network", "state", "height_m", "storeys_above",
    "diameter_mm", "material", "depth_m", "start_depth_m", "end_depth_m", "severity", "source", "occurred_at", "address"];

  function value(layer, key, raw) {
    if (typeof raw === "number") return String(Math.round(raw * 100) / 100);
    if (/^\d{4}-\d\d-\d\dT/.test(raw)) return new Date(raw).toLocaleString(say("locale"), { hour12: false });
    return layer.values[key]?.[raw] ?? String(raw);
  }

  function describe({ object, layer }) {
    const properties = object?.properties;
    const own = words[layer?.id] ?? { titles: {}, values: {} };
    if (!properties) return null;
    const named = window.cimNameFields.map((key) => properties[key]).find(Boolean);
    const lines = shown.filter((key) => ![undefined, null, ""].includes(properties[key])).map((key) => {
      if (key === "name" || key === "title") return (key === "name" && named) || properties[key];
      return `${own.titles[key] ?? key}${say("colon")}${value(own, key, properties[key])}`;
    });
    // as text, never as markup: names come from files of others
    return lines.length ? { text: lines.join("\n"), style: { backgroundColor: "#1f2933", color: "#fff" } } : null;
  }

  const deck = window.createDeck({ container: document.getElementById("scene"), jsonInput: input, tooltip: false });
  if (!deck) {
    tell(say("no_webgl"));
    return;
  }

  function ready() {
    const layers = deck.props.layers.filter((layer) => layer && layer.props.visible !== false);
    const isComplete = layers.length > 0 && layers.every((layer) => layer.isLoaded) && (control.isReady?.() ?? true);
    if (isComplete) document.body.dataset.ready = "true";
    else delete document.body.dataset.ready;
  }

  deck.setProps({
    getTooltip: describe,
    onAfterRender: ready,
    onError: (error) => tell(say("not_loaded", error.message)),
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

  /** Gives layers other options; `options` is called with each layer and returns them, or null to leave it. */
  function change(options) {
    deck.setProps({ layers: deck.props.layers.map((layer) => {
      const more = layer && options(layer);
      return more ? layer.clone(more) : layer;
    }) });
  }

  const scene = { deck, base, packed, tell, change, section: document.getElementById("control") };
  control.start?.(scene);
  // for tests
  window.cimScene = scene;
})();
