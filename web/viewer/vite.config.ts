import { defineConfig } from "vitest/config";

// The server gives the page at / and /study/…, and what it is made of at /assets/, whose names change with their content.
// dist/ keeps its .gitignore, which lets the Go program compile before the first build; `npm run build` empties dist/assets.
export default defineConfig({
  build: { target: "esnext", emptyOutDir: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 5000 },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
  test: { include: ["src/**/*.test.ts"] },
});
