// Opens an instance's study in a viewer in headless Chromium. Arguments: ohif or dwv, the URL of the DICOMweb server, the study, series
// and instance UIDs, the file for the screenshot, the file for the requests that the viewer made. PAGES_PORT is the port of its pages,
// which the server must allow as an origin; OHIF is the folder of its dist.
import { createReadStream, existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import puppeteer from "puppeteer-core";

const [viewer, root, study, series, instance, picture, record] = process.argv.slice(2);

// What OHIF is told of the server is all a user would write; the rest are defaults of its build.
const ohifConfig = `window.config = ${JSON.stringify({
  routerBasename: null, extensions: [], modes: [], customizationService: {}, showStudyList: true, maxNumberOfWebWorkers: 1, showErrorDetails: "always",
  investigationalUseDialog: { option: "never" }, defaultDataSourceName: "closer",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb", sourceName: "closer",
    configuration: {
      friendlyName: "closer", name: "closer", qidoRoot: root, wadoRoot: root, wadoUriRoot: root + "/wado", qidoSupportsIncludeField: true, imageRendering: "wadors",
      thumbnailRendering: "wadors", enableStudyLazyLoad: true, supportsFuzzyMatching: true, supportsWildcard: true, omitQuotationForMultipartRequest: true,
    },
  }],
})};`;

const object = `${root}/studies/${study}/series/${series}/instances/${instance}`;
const uri = `${root}/wado?requestType=WADO&studyUID=${study}&seriesUID=${series}&objectUID=${instance}&contentType=application/dicom`;
const dwvPage = `<!doctype html><div id="rs" style="width:400px;height:400px"></div><div id="uri" style="width:400px;height:400px"></div>
<script src="/node_modules/jszip/dist/jszip.min.js"></script>
<script type="importmap">{"imports": {"dwv": "/node_modules/dwv/dist/dwv.min.js", "konva": "/node_modules/konva/lib/index.js",
  "jszip": "data:text/javascript,export default window.JSZip", "magic-wand-tool": "data:text/javascript,export default {}"}}</script>
<script type="module">
import { App, AppOptions, ViewConfig } from "dwv";
function open(div, url, headers) {
  const app = new App();
  app.init(new AppOptions({ "*": [new ViewConfig(div)] }));
  app.addEventListener("error", (e) => console.error(div, String(e.error)));
  app.loadURLs([url], headers && { requestHeaders: headers });
}
open("rs", "${object}", [{ name: "Accept", value: 'multipart/related; type="application/dicom"; transfer-syntax=*' }]);
open("uri", "${uri}");
</script>`;

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json", ".svg": "image/svg+xml" };
const pages = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
  const text = { "/app-config.js": ohifConfig, "/dwv.html": dwvPage }[path];
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  const dist = process.env.OHIF;
  let file = viewer === "dwv" ? join(import.meta.dirname, path) : join(dist, path);
  if (viewer === "ohif" && (!existsSync(file) || statSync(file).isDirectory())) file = join(dist, "index.html");
  response.setHeader("Content-Type", types[extname(text ? path : file)] ?? "application/octet-stream");
  if (text) return response.end(text);
  if (!existsSync(file)) return response.writeHead(404).end();
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => pages.listen(Number(process.env.PAGES_PORT), "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${process.env.PAGES_PORT}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", pipe: true,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
const page = await browser.newPage();
await page.setViewport({ width: 1400, height: 900 });
const requests = [], said = [];
page.on("console", (m) => said.push(m.text().slice(0, 300)));
page.on("pageerror", (e) => said.push(String(e).slice(0, 300)));
page.on("response", (r) => {
  const q = r.request();
  if (!r.url().startsWith(root)) return;
  const path = r.url().slice(root.length).replaceAll(study, "{study}").replaceAll(series, "{series}").replaceAll(instance, "{instance}")
    .replace(/series\/[0-9.]+/, "series/{series}").replace(/instances\/[0-9.]+/, "instances/{instance}").replace(/(00100020|PatientID)=[^&]+/, "$1={patient}");
  const headers = Object.fromEntries(Object.entries(q.headers()).filter(([name]) => !/^(host|connection|sec-ch.*)$/.test(name)));
  requests.push({ method: q.method(), path, headers });
});

// shown waits for so many large canvases with many shades: without an image they are black.
const shown = (selector, count) => page.waitForFunction((selector, count) => {
  let found = 0;
  for (const canvas of document.querySelectorAll(selector)) {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    if (canvas.clientWidth < 300 || !copy.height) continue;
    const draw = copy.getContext("2d");
    draw.drawImage(canvas, 0, 0);
    const shades = new Set();
    const { data } = draw.getImageData(0, 0, copy.width, copy.height);
    for (let i = 0; i < data.length; i += 4) shades.add(data[i]);
    if (shades.size > 50) found++;
  }
  return found >= count;
}, { timeout: 180000, polling: 500 }, selector, count);

async function ohif() {
  await page.goto(`${origin}/?patientName=anon&modalities=MR&startDate=20000101&endDate=20991231`, { waitUntil: "domcontentloaded", timeout: 120000 });
  await page.waitForFunction(() => document.body.innerText.includes("RESEARCH"), { timeout: 120000, polling: 500 }); // the study in the list
  await page.goto(`${origin}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: "domcontentloaded", timeout: 120000 });
  await shown(".cornerstone-canvas", 1);
  const tour = () => [...document.querySelectorAll("button")].find((b) => b.textContent.trim() === "Skip all");
  await page.waitForFunction(tour, { timeout: 30000 });
  await page.evaluate(`(${tour})().click()`);
  await new Promise((resolve) => setTimeout(resolve, 3000)); // it fades
}

async function dwv() {
  await page.goto(`${origin}/dwv.html`);
  await shown("canvas", 2);
}

try {
  await { ohif, dwv }[viewer]();
} catch (e) {
  console.error([String(e), ...said.slice(-15)].join("\n"));
  process.exitCode = 1;
}
await page.screenshot({ path: picture });
const seen = new Map(requests.map((r) => [r.method + r.path + r.headers.accept, r])); // each request once
writeFileSync(record, `[\n${[...seen.values()].map((r) => "  " + JSON.stringify(r)).join(",\n")}\n]\n`);
await browser.close();
pages.close();
