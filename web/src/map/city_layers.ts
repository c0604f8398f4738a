/** The layers of the city that the service has as 3D Tiles. */
export const CITY_LAYERS = ["pipes", "buildings"] as const;
export type CityLayer = (typeof CITY_LAYERS)[number];
