/** One of the city's layers as 3D Tiles: its tileset, replaced without a flash when the data changes, and how it fares. */

import { failure, unreachable, type ApiError } from "../api";
import { ElementTileLayer } from "./element_layer";
import { patientFetch } from "./patient_fetch";

/** far: the camera is too far away; loading: nothing has been drawn yet; empty: the service has nothing to draw; failed: it could not be had. */
export type CityState = "off" | "far" | "loading" | "drawn" | "empty" | "failed";

/** A tileset is not fetched anew more often. */
const LEAST_MS = 4000;
/** The error in pixels below which a tile is good enough. */
const GOOD_ENOUGH_PX = 12;
/** Of parts that are kept, in MB. */
const CACHE_MB = 512;
const NOT_FOUND = 404;

export interface CityLook {
  /** Of the tileset, with its query. */
  address: string;
  /** Whether the camera is near enough; what has come is kept while it is not. */
  visible: boolean;
  /** Of ElementTileLayer and of deck.gl's layers. */
  props: Record<string, unknown>;
}

interface Version {
  number: number;
  address: string;
  layer: ElementTileLayer | null;
  /** The service's tag of the tileset: another when anything of it has changed. */
  tag: Promise<string | null>;
}

export class CityTiles {
  state: CityState = "off";
  /** Why it failed, in the service's words. */
  reason: ApiError | null = null;
  #look: CityLook | null = null;
  #shown: Version | null = null;
  /** Takes the place of what is shown once all that the camera sees of it is there. */
  #next: Version | null = null;
  #count = 0;
  #fetched_ms = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** changed() is called when other layers are to be drawn, or the state is another. */
  constructor(private readonly id: string, private readonly changed: () => void) {}

  /** Sets how it is drawn; null: not at all. */
  setLook(look: CityLook | null): void {
    const before = this.#look?.address;
    this.#look = look;
    if (!look) this.#end();
    else if (!this.#shown) this.#begin(look.address);
    else if (look.address !== before) this.#replace();
  }

  /** The data may have changed; then what is drawn is fetched anew, soon. */
  refresh(): void {
    if (!this.#look) return;
    this.#timer ??= setTimeout(() => void this.#renew(), Math.max(this.#fetched_ms + LEAST_MS - performance.now(), 0));
  }

  /** Whether all that the camera asks for is drawn. */
  get isComplete(): boolean {
    if (!this.#look?.visible || !this.#isThere) return true;
    return !this.#timer && !this.#next && this.#shown?.layer?.isComplete === true;
  }

  /** Whether it is seen: then it takes the place of what the map draws of the same objects. */
  get isDrawn(): boolean {
    return this.state === "drawn" && this.#look?.visible === true;
  }

  /** The beginning of the ids of its layers that can be picked. */
  get pickable(): string[] {
    return this.#shown && this.isDrawn ? [this.#layerId(this.#shown)] : [];
  }

  layers(): ElementTileLayer[] {
    if (!this.#look || !this.#isThere) return [];
    // what comes is asked for as if it were drawn, but nothing is seen of it
    const hidden = { opacity: 0, pickable: false, parameters: { depthWriteEnabled: false } };
    return [this.#made(this.#shown, {}), this.#made(this.#next, hidden)].filter((layer) => layer !== null);
  }

  /** To be called after each picture: takes note of what has come. */
  follow(): void {
    if (this.#next?.layer?.isComplete) {
      this.#shown = this.#next;
      this.#next = null;
      this.changed();
    } else if (this.state === "loading" && this.#shown?.layer?.isComplete) {
      this.state = "drawn";
      this.changed();
    }
  }

  async #renew(): Promise<void> {
    this.#timer = undefined;
    const newest = this.#next ?? this.#shown;
    const address = this.#look?.address;
    this.#fetched_ms = performance.now();
    const isSame = newest !== null && newest.address === address && (await newest.tag) === (await tagOf(newest.address));
    if (!this.#look || (isSame && this.#isThere)) return;
    this.#replace();
    this.changed();
  }

  #begin(address: string): void {
    this.#shown = this.#version(address);
    this.#next = null;
    this.state = "loading";
    this.reason = null;
  }

  /** Whether there is something to draw, as far as it is known. */
  get #isThere(): boolean {
    return this.state === "loading" || this.state === "drawn";
  }

  #replace(): void {
    const { address } = this.#look!;
    if (this.state === "drawn") this.#next = this.#version(address);
    else this.#begin(address);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shown = this.#next = null;
    this.state = "off";
  }

  #version(address: string): Version {
    this.#fetched_ms = performance.now();
    return { number: (this.#count += 1), address, layer: null, tag: tagOf(address) };
  }

  #layerId(version: Version): string {
    return `city-${this.id}-${version.number}-`;
  }

  #made(version: Version | null, more: Record<string, unknown>): ElementTileLayer | null {
    if (!version || !this.#look) return null;
    version.layer = new ElementTileLayer({
      id: this.#layerId(version),
      data: new URL(version.address, location.origin).href,
      visible: this.#look.visible,
      pickable: true,
      screenSpaceError: GOOD_ENOUGH_PX,
      // workers of loaders.gl would be fetched from a CDN: the tiles are plain glTF, parsed on the page
      loadOptions: { worker: false, core: { worker: false, fetch: patientFetch }, tileset: { maximumScreenSpaceError: GOOD_ENOUGH_PX, maximumMemoryUsage: CACHE_MB } },
      onTileError: (tile: unknown, url: string) => void (tile === null && this.#fail(version, url)),
      ...this.#look.props,
      ...more,
    });
    return version.layer;
  }

  /** The tileset could not be had: the service is asked why. */
  async #fail(version: Version, url: string): Promise<void> {
    const answer = await fetch(url).catch(() => null);
    if (version === this.#next) this.#next = null;
    else if (version !== this.#shown) return;
    if (answer?.status === NOT_FOUND) this.state = "empty";
    // what was there before stays unless the service says that there is nothing any more
    else if (this.state !== "drawn") this.state = "failed";
    this.reason = answer ? await failure(answer) : unreachable();
    this.changed();
  }
}

async function tagOf(address: string): Promise<string | null> {
  const answer = await patientFetch(address).catch(() => null);
  return answer?.ok ? answer.headers.get("ETag") : null;
}
