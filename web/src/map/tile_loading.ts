/** How a tileset's tiles are asked for: two ways of loaders.gl mended. */

interface Tile {
  children: Tile[];
  parent: Tile | null;
  hasRenderContent: boolean;
  _shouldRefine?: boolean;
}

interface Traverser {
  updateAndPushChildren(tile: Tile, frame: unknown, stack: unknown, depth: number): boolean;
  loadTile(tile: Tile, frame: unknown): void;
  touchTile(tile: Tile, frame: unknown): void;
  selectTile(tile: Tile, frame: unknown): void;
}

export interface Tileset {
  options: { maximumScreenSpaceError: number };
  memoryAdjustedScreenSpaceError: number;
  /** Of tiles: asked for and not there yet. */
  _pendingCount: number;
  /** Whether it was asked at least once what is to be drawn, and all of it is there. */
  isLoaded(): boolean;
  _traverser: Traverser;
}

const REPLACE = 2;

/**
 * The tiles that replace another are asked for together instead of one after the other, and none of them is drawn
 * before all are there: a model's blocks and its walls are never seen at once.
 */
export function replaceAtOnce(tileset: Tileset): void {
  const traverser = tileset._traverser;
  const push = traverser.updateAndPushChildren.bind(traverser);
  const select = traverser.selectTile.bind(traverser);
  const isReplaced = (tile: Tile) => tile.hasRenderContent && (tile as unknown as { refine: number }).refine === REPLACE;
  traverser.updateAndPushChildren = (tile, frame, stack, depth) => {
    for (const child of isReplaced(tile) ? tile.children : []) {
      traverser.loadTile(child, frame);
      traverser.touchTile(child, frame);
    }
    return push(tile, frame, stack, depth);
  };
  traverser.selectTile = (tile, frame) => {
    for (let above = tile.parent; above; above = above.parent) {
      if (isReplaced(above) && !above._shouldRefine) return;
    }
    select(tile, frame);
  };
}

/** Sets the error in pixels below which a tile is good enough. */
export function setScreenSpaceError(tileset: Tileset, pixels: number): boolean {
  if (tileset.options.maximumScreenSpaceError === pixels) return false;
  tileset.options.maximumScreenSpaceError = pixels;
  tileset.memoryAdjustedScreenSpaceError = pixels;
  return true;
}
