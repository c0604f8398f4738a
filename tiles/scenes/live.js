// The events of the last day, asked for again every half minute; where the page is a copy, those that came with it.
"use strict";

(() => {
  const EVERY_MS = 30_000;
  const DAY_MS = 24 * 3600 * 1000;
  const PAGES = 10;
  const say = window.cimText;
  let address = "";
  let isLoaded = false;

  function since() {
    return new Date(Date.now() - DAY_MS).toISOString().replace(/\.\d+Z$/, "Z");
  }

  async function load(packed) {
    const query = new URLSearchParams({ limit: "10000", filter: `occurred_at >= TIMESTAMP('${since()}')` });
    const features = [];
    let next = packed ? address : `${address}?${query}`;
    for (let page = 0; next && page < PAGES; page += 1) {
      const answer = await fetch(next);
      if (!answer.ok) throw new Error(String(answer.status));
      const body = await answer.json();
      features.push(...body.features);
      next = body.links?.find((link) => link.rel === "next")?.href;
    }
    return features;
  }

  window.cimControl = {
    prepare(input) {
      const layer = input.layers.find((each) => each.id === "events");
      if (!layer) return;
      address = layer.data;
      layer.data = [];
    },
    isReady: () => isLoaded || !address,
    start({ deck, section, change, packed }) {
      if (!address) return;
      section.hidden = false;
      section.innerHTML = `<output id="events-told" aria-live="polite">${say("asking")}</output>`;
      const told = section.querySelector("output");
      const at = () => (packed ? say("as_of", packed.takenAt)
        : say("updated", new Date().toLocaleTimeString(say("locale"), { hour12: false })));
      async function refresh() {
        try {
          const features = await load(packed);
          change((layer) => (layer.id === "events" ? { data: features } : null));
          told.textContent = `${features.length ? say("events", features.length) : say("no_events")} · ${at()}`;
          section.dataset.events = features.length;
          isLoaded = true;
          deck.redraw("events");
        } catch (error) {
          told.textContent = say("not_updated", error.message);
        }
      }
      refresh();
      if (!packed) setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
    },
  };
})();
