/** From metres around a tile's origin to offsets that bring a vertex to its own longitude, latitude and height on the map. */

const A = 6378137;
const E2 = 6.69437999014e-3;
const B = A * Math.sqrt(1 - E2);
/** Of the second eccentricity, squared. */
const EP2 = (A * A - B * B) / (B * B);
const RADIANS = Math.PI / 180;
/** The map's world, and the earth's circumference by which deck.gl takes metres for parts of it. */
const WORLD = 512;
const CIRCUMFERENCE_M = 40.03e6;

/**
 * The plane around an origin leaves the curved earth by 2 m in 5 km, and deck.gl takes the earth for a sphere, which is
 * 0.4 % of the way to the north or south: too much for tiles that are as large as a district. Hence every vertex is
 * brought to its longitude and latitude (by Bowring's formula, to less than a millimetre), and from there to the offset
 * in "metres" that deck.gl's own formula takes to that place.
 */
export class Placement {
  readonly #east: readonly number[];
  readonly #north: readonly number[];
  readonly #up: readonly number[];
  readonly #earth: readonly number[];
  readonly #units: number;
  readonly #units2: number;
  readonly #mercator: number;
  readonly #longitude: number;
  /** Of the origin. */
  readonly height_m: number;

  /** The origin in degrees and metres. */
  constructor([longitude, latitude, height_m]: ArrayLike<number> & Iterable<number>) {
    const lon = longitude! * RADIANS, lat = latitude! * RADIANS;
    const sinLon = Math.sin(lon), cosLon = Math.cos(lon), sin = Math.sin(lat), cos = Math.cos(lat);
    const across = A / Math.sqrt(1 - E2 * sin * sin);
    this.#east = [-sinLon, cosLon, 0];
    this.#north = [-sin * cosLon, -sin * sinLon, cos];
    this.#up = [cos * cosLon, cos * sinLon, sin];
    this.height_m = height_m ?? 0;
    const out = across + this.height_m;
    this.#earth = [out * cos * cosLon, out * cos * sinLon, (across * (1 - E2) + this.height_m) * sin];
    this.#units = WORLD / CIRCUMFERENCE_M / cos;
    this.#units2 = (this.#units * 2 * Math.PI * Math.tan(lat)) / CIRCUMFERENCE_M;
    this.#mercator = mercator(sin);
    this.#longitude = lon;
  }

  /** Writes the offset of a point that lies so many metres east, north and up of the origin. */
  place(east: number, north: number, up: number, to: Float32Array, at: number): void {
    const [ex, ey] = this.#east as [number, number], n = this.#north, u = this.#up, o = this.#earth;
    const x = o[0]! + ex * east + n[0]! * north + u[0]! * up;
    const y = o[1]! + ey * east + n[1]! * north + u[1]! * up;
    const z = o[2]! + n[2]! * north + u[2]! * up;
    const p = Math.hypot(x, y);
    // Bowring 1976: the latitude by one step from the reduced latitude
    const length = Math.hypot(z * A, p * B), sinT = (z * A) / length, cosT = (p * B) / length;
    const upward = z + EP2 * B * sinT ** 3, outward = p - E2 * A * cosT ** 3;
    const sin = upward / Math.hypot(upward, outward), cos = outward / Math.hypot(upward, outward);
    let turn = Math.atan2(y, x) - this.#longitude;
    if (turn > Math.PI) turn -= 2 * Math.PI;
    if (turn < -Math.PI) turn += 2 * Math.PI;
    const offset = ((mercator(sin) - this.#mercator) * WORLD) / (2 * Math.PI) / this.#units;
    to[at] = (turn * WORLD) / (2 * Math.PI) / (this.#units + this.#units2 * offset);
    to[at + 1] = offset;
    to[at + 2] = p * cos + z * sin - A * Math.sqrt(1 - E2 * sin * sin) - this.height_m;
  }
}

/** The ordinate of a latitude, given by its sine, in radii. */
function mercator(sin: number): number {
  return Math.atanh(sin);
}
