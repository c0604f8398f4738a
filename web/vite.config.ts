import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** Brings the files of the API's page (swagger-ui) into the build: the service shows it without any outside address. */
function swaggerFiles(): Plugin {
  const from = new URL("node_modules/swagger-ui-dist/", import.meta.url);
  const to = new URL("dist/swagger/", import.meta.url);
  return {
    name: "swagger-files",
    apply: "build",
    closeBundle() {
      mkdirSync(to, { recursive: true });
      for (const name of ["swagger-ui-bundle.js", "swagger-ui.css", "LICENSE"]) copyFileSync(new URL(name, from), new URL(name, to));
    },
  };
}

// Every asset is served by the service itself, below one origin; nothing is inlined as a data: script, so a strict
// Content-Security-Policy (script-src 'self') holds.
export default defineConfig({
  base: "/",
  plugins: [swaggerFiles()],
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
      ["api", "tiles", "styles", "objects", "buildings", "search", "query", "ogc", "live", "3d", "scenes", "terrain", "session",
        "events", "sensors", "cameras", "parking", "tracks", "sta", "zones", "networks", "grids", "receipts", "incidents"]
        .map((name) => [`^/${name}(/|\\.|\\?|$)`, { target: "http://127.0.0.1:8000" }]),
    ),
  },
});
