/** Readings of sensors as the service answers them. */

/** The last reading of every sensor, as columns; times in seconds since 1970. */
export interface LastReadings {
  id: number[];
  lon: (number | null)[];
  lat: (number | null)[];
  value: (number | null)[];
  time: (number | null)[];
  /** 1: the sensor has fallen silent, or has never told anything. */
  stale: (0 | 1)[];
}

/** A sensor as the catalogue lists it. */
export interface SensorFeature {
  id: number;
  properties: { code?: string | null; name?: string | null; kind?: string | null; unit?: string | null };
}

export interface Bucket {
  time: string;
  min: number;
  max: number;
  avg: number;
  count: number;
}

/** The readings of one sensor, in as many spans of time at most as were asked for. */
export interface Series {
  unit: string | null;
  from?: string;
  to?: string;
  bucket_s?: number;
  buckets: Bucket[];
}

export interface Threshold {
  id: number;
  sensor_id: number | null;
  /** Of all sensors of a kind, where it is not of one. */
  kind: string | null;
  direction: "above" | "below";
  limit_value: number | null;
}

/** What a curve is drawn of: moments in milliseconds since 1970. */
export interface Curve {
  unit: string;
  from: number;
  to: number;
  points: { time: number; value: number; least: number; most: number }[];
  limits: { value: number; direction: "above" | "below" }[];
}

/** Limits of the sensor itself come before those of its kind. */
export function curveOf(series: Series, unit: string, sensor: { id: number; kind: unknown }, thresholds: Threshold[]): Curve | null {
  if (!series.buckets.length || !series.from || !series.to) return null;
  const own = thresholds.filter(({ sensor_id: id }) => id === sensor.id);
  const limits = own.length ? own : thresholds.filter(({ sensor_id: id, kind }) => id === null && kind === sensor.kind);
  return {
    unit: series.unit ?? unit, from: Date.parse(series.from), to: Date.parse(series.to),
    points: series.buckets.map(({ time, avg, min, max }) => ({ time: Date.parse(time), value: avg, least: min, most: max })),
    limits: limits.flatMap(({ limit_value: value, direction }) => (value === null ? [] : [{ value, direction }])),
  };
}
