import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// cornerstone writes an attribute `style`, which the page's Content-Security-Policy forbids; the same through the object model is
// allowed.
const styles: Plugin = {
  name: "styles-through-the-object-model",
  transform(code, id) {
    if (!id.endsWith("/drawingSvg/drawTextBox.js")) return undefined;
    const changed = code.replace("textElement.setAttribute('style', combinedStyle)", "textElement.style.cssText = combinedStyle");
    if (changed === code) this.error("drawTextBox.js is not what it was");
    return changed;
  },
};

// The server gives the page at / and /study/…, and what it is made of at /assets/, whose names change with their content.
// dist/ keeps its .gitignore, which lets the Go program compile before the first build; `npm run build` empties dist/assets.
export default defineConfig({
  build: { target: "esnext", emptyOutDir: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 5000 },
  plugins: [styles],
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
  test: { include: ["{src,e2e,bench,pictures}/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 180_000 },
});
