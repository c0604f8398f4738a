/** Events on the map: coloured by severity, ringed when their time has run out, in groups when far. */

import type { Feature, FeatureCollection, Point } from "geojson";
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibreMap, Point as Pixel } from "maplibre-gl";
import { isOverdue } from "../live/event_book";
import { OVERDUE_COLOR, SEVERITY_COLORS, STATE_COLORS } from "../live/event_words";
import type { CityEvent } from "../live_types";
import type { Theme } from "../store";
import { EventPulse } from "./event_pulse";
import { FONTS, SIDES } from "./labels";

const EVENT_SOURCE = "viewer-events";
const FOCUS = "viewer-event-focus";
const ACCENT = "#ff8a00";
const CLUSTER_RADIUS_PX = 46;
/** From here on every event stands alone. */
const CLUSTER_MAX_ZOOM = 15;
const LABEL_ZOOM = 16.5;
const NOBODY_SAID = 5;
const REACH_PX = 4;
const MOST_MEMBERS = 10_000;
const CLICKED = ["viewer-event-cluster", "viewer-event-dot"];
const INK: Record<Theme, { text: string; halo: string; stroke: string }> = {
  light: { text: "#17212b", halo: "#ffffff", stroke: "#ffffff" },
  dark: { text: "#e6ecf2", halo: "#141a21", stroke: "#10161d" },
};

const isGroup: ExpressionSpecification = ["has", "point_count"];
const isOne: ExpressionSpecification = ["!", ["has", "point_count"]];

function colored(property: string): ExpressionSpecification {
  const pairs = [1, 2, 3, 4].flatMap((severity) => [severity, SEVERITY_COLORS[severity]!]);
  return ["match", ["get", property], ...pairs, SEVERITY_COLORS[0]!] as unknown as ExpressionSpecification;
}

/** The colour of a state, as lists have it. */
const stated = ["match", ["get", "state"], ...Object.entries(STATE_COLORS).flat(), STATE_COLORS.close] as unknown as ExpressionSpecification;

function feature(event: CityEvent): Feature<Point> {
  return {
    type: "Feature", id: event.id, geometry: { type: "Point", coordinates: [event.longitude!, event.latitude!] },
    properties: { event: event.id, severity: event.severity ?? NOBODY_SAID, state: event.state, late: isOverdue(event) ? 1 : 0, title: event.title ?? "" },
  };
}

export const placed = (events: readonly CityEvent[]): FeatureCollection<Point> => ({
  type: "FeatureCollection", features: events.filter((event) => event.longitude !== null && event.latitude !== null).map(feature),
});

export class EventDots {
  readonly #pulse: EventPulse;
  #visible = true;
  /** What is drawn. */
  drawn: readonly CityEvent[] = [];

  constructor(private readonly map: MapLibreMap, theme: Theme) {
    map.addSource(EVENT_SOURCE, {
      type: "geojson", data: placed([]), cluster: true, clusterRadius: CLUSTER_RADIUS_PX, clusterMaxZoom: CLUSTER_MAX_ZOOM,
      clusterProperties: { worst: ["min", ["get", "severity"]], late: ["+", ["get", "late"]] },
    });
    map.addSource(FOCUS, { type: "geojson", data: placed([]) });
    this.#pulse = new EventPulse(map);
    this.#addLayers();
    this.setTheme(theme);
  }

  show(events: readonly CityEvent[]): void {
    this.drawn = events;
    void this.map.getSource<GeoJSONSource>(EVENT_SOURCE)?.setData(placed(events));
  }

  setVisible(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    for (const id of ["cluster", "late", "ring", "dot", "title", "count", "focus", "chosen-ring", "chosen"]) {
      this.map.setLayoutProperty(`viewer-event-${id}`, "visibility", visible ? "visible" : "none");
    }
  }

  setTheme(theme: Theme): void {
    const ink = INK[theme];
    for (const id of ["cluster", "ring", "dot"]) this.map.setPaintProperty(`viewer-event-${id}`, "circle-stroke-color", ink.stroke);
    this.map.setPaintProperty("viewer-event-title", "text-color", ink.text);
    this.map.setPaintProperty("viewer-event-title", "text-halo-color", ink.halo);
  }

  /** Marks the event whose card is open. */
  focus(event: CityEvent | null): void {
    void this.map.getSource<GeoJSONSource>(FOCUS)?.setData(placed(event ? [event] : []));
  }

  /** Draws a ring that grows around each, once. */
  pulse(events: readonly CityEvent[]): void {
    if (this.#visible) this.#pulse.start(placed(events));
  }

  /** Ends what is being pointed at. */
  still(): void {
    this.#pulse.stop();
  }

  /** What of the events lies at a place of the canvas: an event's id, or a group. */
  at({ x, y }: Pixel): { event: number } | { group: number; center: [number, number] } | null {
    if (!this.#visible) return null;
    const [hit] = this.map.queryRenderedFeatures([[x - REACH_PX, y - REACH_PX], [x + REACH_PX, y + REACH_PX]], { layers: CLICKED });
    if (!hit) return null;
    const { cluster_id: group, event } = hit.properties as Record<string, number>;
    if (group === undefined) return { event: event! };
    return { group, center: (hit.geometry as Point).coordinates as [number, number] };
  }

  /** The ids of the events in a group. */
  async members(group: number): Promise<number[]> {
    const leaves = await this.map.getSource<GeoJSONSource>(EVENT_SOURCE)!.getClusterLeaves(group, MOST_MEMBERS, 0);
    return leaves.map(({ properties }) => Number(properties?.event));
  }

  /** Comes so near to a group that it falls apart. */
  async open(group: number, center: [number, number]): Promise<void> {
    const zoom = await this.map.getSource<GeoJSONSource>(EVENT_SOURCE)!.getClusterExpansionZoom(group);
    this.map.easeTo({ center, zoom: zoom + 0.2 });
  }

  #addLayers(): void {
    const { map } = this;
    // its ring is a little larger than the group itself, by the same steps
    const late: ExpressionSpecification = [">", ["get", "late"], 0];
    const size: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 11, ["-", 7, ["*", 0.5, ["get", "severity"]]], 17, ["-", 12, ["get", "severity"]]];
    const ringSize: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 11, ["-", 9.5, ["*", 0.5, ["get", "severity"]]], 17, ["-", 16, ["get", "severity"]]];
    const groupSize: ExpressionSpecification = ["step", ["get", "point_count"], 14, 10, 17, 100, 22, 1000, 27];
    const aroundGroup: ExpressionSpecification = ["step", ["number", ["get", "point_count"], 1], 18, 10, 21, 100, 26, 1000, 31];
    map.addLayer({
      id: "viewer-event-late", type: "circle", source: EVENT_SOURCE, filter: late,
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, ["case", isGroup, aroundGroup, 12], 17, ["case", isGroup, aroundGroup, 18]],
        "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": OVERDUE_COLOR, "circle-stroke-width": 2.5,
      },
    });
    map.addLayer({
      id: "viewer-event-cluster", type: "circle", source: EVENT_SOURCE, filter: isGroup,
      paint: { "circle-color": colored("worst"), "circle-radius": groupSize, "circle-stroke-width": 2, "circle-opacity": 0.94 },
    });
    map.addLayer({
      id: "viewer-event-ring", type: "circle", source: EVENT_SOURCE, filter: isOne,
      paint: { "circle-color": stated, "circle-radius": ringSize, "circle-stroke-width": 1 },
    });
    map.addLayer({
      id: "viewer-event-dot", type: "circle", source: EVENT_SOURCE, filter: isOne,
      paint: { "circle-color": colored("severity"), "circle-radius": size, "circle-stroke-width": 1.5 },
    });
    map.addLayer({
      id: "viewer-event-count", type: "symbol", source: EVENT_SOURCE, filter: isGroup,
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-font": FONTS, "text-size": 12.5, "text-allow-overlap": true, "text-ignore-placement": true },
      paint: { "text-color": "#ffffff", "text-halo-color": "rgba(0,0,0,0.35)", "text-halo-width": 0.8 },
    });
    map.addLayer({
      id: "viewer-event-title", type: "symbol", source: EVENT_SOURCE, filter: isOne, minzoom: LABEL_ZOOM,
      layout: { "text-field": ["get", "title"], "text-font": FONTS, "text-size": 12, "text-variable-anchor": SIDES, "text-radial-offset": 1.1, "text-justify": "auto", "text-max-width": 11 },
      paint: { "text-halo-width": 1.4 },
    });
    map.addLayer({
      id: "viewer-event-focus", type: "circle", source: FOCUS,
      paint: { "circle-radius": 19, "circle-color": ACCENT, "circle-opacity": 0.16, "circle-stroke-color": ACCENT, "circle-stroke-width": 3 },
    });
    // on top of the names of others
    map.addLayer({
      id: "viewer-event-chosen-ring", type: "circle", source: FOCUS,
      paint: { "circle-color": stated, "circle-radius": 12.5, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1 },
    });
    map.addLayer({
      id: "viewer-event-chosen", type: "circle", source: FOCUS,
      paint: { "circle-color": colored("severity"), "circle-radius": 8, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 },
    });
  }
}
