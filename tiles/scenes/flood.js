// Colours the relief from the same terrain-RGB tiles that its mesh is made of, and shades ground below a level.
"use strict";

(() => {
  const say = window.cimText;
  const SIZE = 256;
  const KEPT_TILES = 160;
  // the legend has the same colours (scene_page.py)
  const LOW = [[1, [159, 208, 238]], [3, [79, 159, 214]], [Infinity, [31, 98, 168]]];
  const GROUND = [[0, [170, 196, 150]], [40, [206, 212, 168]], [90, [226, 208, 164]], [180, [198, 166, 128]], [600, [150, 118, 96]]];
  const decoded = new Map();
  const range = { low: Infinity, high: -Infinity };
  // beyond it tiles go on with heights that nobody has measured
  let extent = [-180, -90, 180, 90];
  let level = null;
  let onRange = () => {};

  function keep(map, key, make) {
    const found = map.get(key) ?? make();
    map.delete(key);
    map.set(key, found);
    if (map.size > KEPT_TILES) map.delete(map.keys().next().value);
    return found;
  }

  /** Tells of the pixels of a tile whether they lie in the extent. */
  function within(address) {
    const [z, x, y] = placeOf(address);
    const column = (lon) => ((lon + 180) / 360 * 2 ** z - x) * SIZE - 0.5;
    const row = (lat) => ((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2 * 2 ** z - y) * SIZE - 0.5;
    const [west, south, east, north] = [column(extent[0]), row(extent[1]), column(extent[2]), row(extent[3])];
    return (at) => at % SIZE >= west && at % SIZE <= east && Math.floor(at / SIZE) >= north && Math.floor(at / SIZE) <= south;
  }

  async function decode(address) {
    const answer = await fetch(address);
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Error(String(answer.status));
    const image = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const canvas = new OffscreenCanvas(SIZE, SIZE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, SIZE, SIZE);
    const heights = new Float32Array(SIZE * SIZE).fill(NaN);
    const known = within(address);
    for (let at = 0; at < heights.length; at += 1) {
      const code = data[4 * at] * 65536 + data[4 * at + 1] * 256 + data[4 * at + 2];
      if (!known(at)) continue;
      heights[at] = code / 10 - 10000;
      range.low = Math.min(range.low, heights[at]);
      range.high = Math.max(range.high, heights[at]);
    }
    onRange();
    return heights;
  }

  function tint(height) {
    const above = Math.max(1, GROUND.findIndex(([stop]) => stop >= height));
    const [[low, first], [high, second]] = above < GROUND.length ? [GROUND[above - 1], GROUND[above]] : GROUND.slice(-2);
    const share = Math.min(1, Math.max(0, (height - low) / (high - low)));
    return first.map((part, place) => part + (second[place] - part) * share);
  }

  // light from the north-west; `metres` is the side of a pixel on the ground
  function brightness(heights, row, column, metres) {
    const own = heights[row * SIZE + column];
    const at = (r, c) => {
      const height = heights[Math.min(SIZE - 1, Math.max(0, r)) * SIZE + Math.min(SIZE - 1, Math.max(0, c))];
      return Number.isNaN(height) ? own : height;
    };
    const east = (at(row, column + 1) - at(row, column - 1)) / (2 * metres);
    const south = (at(row + 1, column) - at(row - 1, column)) / (2 * metres);
    const slant = Math.hypot(east, south, 1);
    return Math.min(1.12, Math.max(0.5, 0.54 + 0.6 * ((0.45 * east + 0.45 * south + 0.77) / slant)));
  }

  async function paint(heights, metres) {
    const image = new ImageData(SIZE, SIZE);
    for (let row = 0; row < SIZE; row += 1) {
      for (let column = 0; column < SIZE; column += 1) {
        const at = row * SIZE + column;
        const height = heights[at];
        // transparent
        if (Number.isNaN(height)) continue;
        const below = level - height;
        const isLow = level !== null && below > 0;
        const color = isLow ? LOW.find(([depth]) => below <= depth)[1] : tint(height);
        const light = isLow ? 1 : brightness(heights, row, column, metres);
        for (let band = 0; band < 3; band += 1) image.data[4 * at + band] = color[band] * light;
        image.data[4 * at + 3] = 255;
      }
    }
    return createImageBitmap(image);
  }

  function placeOf(address) {
    return /\/(\d+)\/(\d+)\/(\d+)\.png/.exec(address).slice(1).map(Number);
  }

  function metresOf(address) {
    const [z, , y] = placeOf(address);
    return 40075016.686 / (SIZE * 2 ** z) / Math.cosh(Math.PI * (1 - (2 * (y + 0.5)) / 2 ** z));
  }

  function load(plain) {
    const meshes = new Map();
    return async (address, options) => {
      const url = address.split("#")[0];
      const heights = await keep(decoded, url, () => decode(url));
      if (!heights) throw new Error("no terrain here");
      if (options.propName === "texture") return paint(heights, metresOf(url));
      // the level changes the colours only
      return keep(meshes, url, () => plain(url, { ...options, signal: undefined }));
    };
  }

  window.cimControl = {
    isReady: () => !document.querySelector("#level") || level !== null,
    start({ section, change, tell }) {
      let texture = null;
      change((layer) => {
        if (layer.id !== "terrain") return null;
        texture = layer.props.texture;
        extent = layer.props.extent ?? extent;
        return { fetch: load(layer.props.fetch), onTileError: (error) => {
          if (error.message !== "no terrain here") tell(say("not_loaded", error.message));
        } };
      });
      if (!texture) {
        tell(say("no_terrain"));
        return;
      }
      section.hidden = false;
      section.innerHTML = `<label for="level">${say("level")}</label>
        <input id="level" type="range" step="0.5"> <output for="level"></output>`;
      const slider = section.querySelector("input");
      const output = section.querySelector("output");
      function show() {
        level = Number(slider.value);
        output.textContent = say("metres", level.toFixed(1));
        change((layer) => (layer.id === "terrain" ? { texture: `${texture}#${level}` } : null));
      }
      let waiting = 0;
      slider.addEventListener("input", () => {
        output.textContent = say("metres", Number(slider.value).toFixed(1));
        clearTimeout(waiting);
        waiting = setTimeout(show, 120);
      });
      onRange = () => {
        slider.min = Math.floor(range.low);
        slider.max = Math.ceil(range.high);
        if (level !== null || waiting) return;
        // once the first tiles are there: a tenth of the way up
        waiting = setTimeout(() => {
          slider.value = range.low + (range.high - range.low) / 10;
          show();
        }, 400);
      };
    },
  };
})();
