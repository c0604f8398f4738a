/** State <-> the URL's fragment, so that a link or a reload brings back the same view. */

import { formatFilter, parseFilter } from "./live/event_filter";
import { FACETS, plainLook, type Facet, type ModelLook } from "./map/model_look";
import { COMMAND_TABS, COMMAND_TOOLS, type Camera, type Key, type State, type Store, type Theme } from "./store";
import type { Lang, Position } from "./types";

/** In the order in which a link is followed: the selected object's page comes last, before the others. */
const MIRRORED: Key[] = ["lang", "theme", "switched", "opacity", "hillshade", "terrain", "underground", "detailed", "zone", "look", "tool", "incident", "storedZone", "command", "day", "now", "selection", "unit", "event", "camera"];

function finite(text: string | null): number[] | null {
  if (!text) return null;
  const numbers = text.split(",").map(Number);
  return numbers.every(Number.isFinite) ? numbers : null;
}

function parseCamera(text: string | null): Camera | null {
  const [lon, lat, zoom, bearing = 0, pitch = 0] = finite(text) ?? [];
  if (lon === undefined || lat === undefined || zoom === undefined) return null;
  if (Math.abs(lon) > 180 || Math.abs(lat) > 85) return null;
  return { center: [lon, lat], zoom, bearing, pitch };
}

function parseZone(text: string | null): Position[] | null {
  const numbers = finite(text);
  if (!numbers || numbers.length < 6 || numbers.length % 2) return null;
  const ring: Position[] = [];
  for (let i = 0; i < numbers.length; i += 2) ring.push([numbers[i]!, numbers[i + 1]!]);
  return ring;
}

function parseSwitches(on: string | null, off: string | null): Record<string, boolean> {
  const list = (text: string | null) => (text ? text.split(",").filter(Boolean) : []);
  return Object.fromEntries([...list(on).map((id) => [id, true]), ...list(off).map((id) => [id, false])]);
}

function parseOpacity(text: string | null): Record<string, number> {
  const pairs = (text ?? "").split(",").filter(Boolean).map((part) => part.split(":"));
  return Object.fromEntries(pairs.map(([id, value]) => [id, Math.min(1, Math.max(0, Number(value) || 0))]));
}

function parseId(text: string | null): number | null {
  const id = Number(text);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

/** One of some words, or the other value. */
function oneOf<T extends string, E>(text: string | null, words: readonly T[], other: E): T | E {
  return words.find((each) => each === text) ?? other;
}

const isFacet = (text: string): text is Facet => (FACETS as readonly string[]).includes(text);

/** m: the model, ms: storeys (u: up to, o: only), mc: colour, mi: what is looked at alone, mh: others hidden, mx: apart. */
function parseLook(query: URLSearchParams): ModelLook | null {
  const model = Number(query.get("m"));
  if (!Number.isSafeInteger(model) || model <= 0) return null;
  const look = plainLook(model);
  const [, mode, storey] = /^([uo])(\d+)$/.exec(query.get("ms") ?? "") ?? [];
  if (storey) look.storeys = { mode: mode === "u" ? "upto" : "only", id: Number(storey) };
  const color = query.get("mc") ?? "";
  if (isFacet(color)) look.color = color;
  const [, by, value] = /^([a-z_]+):(.*)$/.exec(query.get("mi") ?? "") ?? [];
  if (by !== undefined && value !== undefined && (by === "element" || isFacet(by))) look.only = { by, value };
  look.hideOthers = query.get("mh") === "1";
  look.explode = query.get("mx") === "1";
  return look;
}

function formatLook(look: ModelLook): [string, string][] {
  const { storeys, only } = look;
  return [
    ["m", String(look.model)],
    ["ms", storeys ? (storeys.mode === "upto" ? "u" : "o") + storeys.id : ""],
    ["mc", look.color ?? ""],
    ["mi", only ? `${only.by}:${encodeURIComponent(only.value)}` : ""],
    ["mh", look.hideOthers ? "1" : ""],
    ["mx", look.explode ? "1" : ""],
  ];
}

/** cmd: the tab of the command page, tool: its tool, zone: a stored zone, inc: an incident; the last two open the page. */
function parseCommand(query: URLSearchParams): Pick<State, "command" | "tool" | "storedZone" | "incident"> {
  const storedZone = parseId(query.get("zone"));
  const incident = parseId(query.get("inc"));
  const asked = oneOf(query.get("cmd"), COMMAND_TABS, null);
  return { command: asked ?? (storedZone ? "zones" : incident ? "incident" : null), tool: oneOf(query.get("tool"), COMMAND_TOOLS, "isolate"), storedZone, incident };
}

/** What a shared address (?zone=ID, ?incident=ID) asks for; it moves on to the fragment, so that it can be closed. */
export function takeShared(): void {
  const query = new URLSearchParams(location.search);
  const zone = parseId(query.get("zone"));
  const incident = parseId(query.get("incident"));
  if (!zone && !incident) return;
  query.delete("zone");
  query.delete("incident");
  const fragment = new URLSearchParams(location.hash.slice(1));
  const more = [zone && !fragment.has("zone") ? `zone=${zone}` : "", incident && !fragment.has("inc") ? `inc=${incident}` : ""];
  const hash = [location.hash.slice(1), ...more].filter(Boolean).join("&");
  const rest = query.size ? `?${query}` : "";
  history.replaceState(null, "", `${location.pathname}${rest}#${hash}`);
}

/** The state a fragment (with or without #) describes; what it does not mention is left out. */
export function parse(hash: string): Partial<State> {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const found: Partial<State> = {
    switched: parseSwitches(query.get("on"), query.get("off")),
    opacity: parseOpacity(query.get("o")),
  };
  const camera = parseCamera(query.get("c"));
  if (camera) found.camera = camera;
  found.selection = parseId(query.get("s"));
  found.event = parseId(query.get("e"));
  found.unit = query.get("u") || null;
  found.now = parseFilter(query.get("now"));
  found.day = query.get("day") === "1";
  Object.assign(found, parseCommand(query));
  const lang = query.get("lang");
  if (lang === "zh" || lang === "en") found.lang = lang satisfies Lang;
  const theme = query.get("theme");
  if (theme === "light" || theme === "dark") found.theme = theme satisfies Theme;
  const zone = parseZone(query.get("z"));
  if (zone) found.zone = zone;
  const look = parseLook(query);
  if (look) found.look = look;
  found.hillshade = query.get("hs") === "1";
  found.terrain = query.get("t3") === "1";
  found.underground = query.get("ug") === "1";
  found.detailed = query.get("db") === "1";
  return found;
}

/** Degrees are written to a centimetre. */
const DECIMALS = 7;

/** The ring as an address can say it: what is counted in it is then the same for whoever opens the link. */
export function asWritten(ring: Position[]): Position[] {
  return ring.map(([lon, lat]) => [Number(lon.toFixed(DECIMALS)), Number(lat.toFixed(DECIMALS))]);
}

function camera(value: Camera): string {
  const [lon, lat] = value.center;
  const view = [lon.toFixed(6), lat.toFixed(6), value.zoom.toFixed(2)];
  if (value.bearing || value.pitch) view.push(value.bearing.toFixed(0), value.pitch.toFixed(0));
  return view.join(",");
}

/** The fragment of a state, without #; commas and colons stay readable. */
export function format(state: Readonly<State>): string {
  const parts: string[] = [];
  const add = (name: string, value: string) => value && parts.push(`${name}=${value}`);
  if (state.camera) add("c", camera(state.camera));
  const ids = (on: boolean) => Object.keys(state.switched).filter((id) => state.switched[id] === on).join(",");
  add("on", ids(true));
  add("off", ids(false));
  add("o", Object.entries(state.opacity).map(([id, value]) => `${id}:${value.toFixed(2)}`).join(","));
  if (state.selection) add("s", String(state.selection));
  if (state.event) add("e", String(state.event));
  if (state.unit) add("u", encodeURIComponent(state.unit));
  if (state.now) add("now", formatFilter(state.now));
  if (state.day) add("day", "1");
  if (state.zone) add("z", asWritten(state.zone).join(","));
  if (state.command) add("cmd", state.command);
  if (state.command === "tools" && state.tool !== "isolate") add("tool", state.tool);
  if (state.storedZone) add("zone", String(state.storedZone));
  if (state.incident) add("inc", String(state.incident));
  if (state.look) formatLook(state.look).forEach(([name, value]) => add(name, value));
  if (state.hillshade) add("hs", "1");
  if (state.terrain) add("t3", "1");
  if (state.underground) add("ug", "1");
  if (state.detailed) add("db", "1");
  if (state.lang !== "zh") add("lang", state.lang);
  if (state.theme !== "light") add("theme", state.theme);
  return parts.join("&");
}

/** Keeps the address bar in step with the store; replaces, so that the back button is not flooded. */
export function mirror(store: Store): void {
  let pending = 0;
  const write = () => {
    pending = 0;
    const hash = format(store.state);
    if (location.hash.slice(1) !== hash) history.replaceState(null, "", `#${hash}`);
  };
  store.watch(MIRRORED, () => {
    pending ||= window.setTimeout(write, 60);
  });
  window.addEventListener("pagehide", write);
}

/** Follows a link that is opened in the running viewer; of what it does not mention only the camera stays. */
export function follow(store: Store, defaults: Readonly<State>, move: (camera: Camera) => void): void {
  window.addEventListener("hashchange", () => {
    const wanted: State = { ...defaults, ...parse(location.hash) };
    const take = <K extends Key>(key: K) => store.set(key, wanted[key]);
    MIRRORED.filter((key) => key !== "camera").forEach(take);
    if (wanted.camera) move(wanted.camera);
  });
}
