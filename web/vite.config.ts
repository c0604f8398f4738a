import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// Every asset is served by the service itself, below one origin; nothing is inlined as a data: script, so a strict
// Content-Security-Policy (script-src 'self') holds.
export default defineConfig({
  base: "/",
  resolve: {
    // The service's tiles are not compressed; the decoder would start WebAssembly, which script-src 'self' forbids.
    alias: { "meshoptimizer/decoder": fileURLToPath(new URL("src/map/no_meshopt.ts", import.meta.url)) },
  },
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    sourcemap: false,
  },
  worker: { format: "es" },
  server: {
    proxy: Object.fromEntries(
      ["api", "tiles", "styles", "objects", "buildings", "search", "query", "ogc", "live", "3d", "scenes", "terrain", "session"]
        .map((name) => [`^/${name}(/|\\.|\\?|$)`, { target: "http://127.0.0.1:8000" }]),
    ),
  },
});
