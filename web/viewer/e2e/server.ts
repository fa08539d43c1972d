// The real server, the real command line and real Chromium, for tests that see what a reader sees.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import puppeteer, { type Browser, type Page } from "puppeteer-core";

const repository = resolve(import.meta.dirname, "../../..");
const closer = process.env.CLOSER ?? join(repository, "bin/closer");
const env = { ONNXRUNTIME_SHARED_LIBRARY_PATH: join(repository, "bin/lib/libonnxruntime.so.1"), ...process.env };
const run = promisify(execFile);

export class Server {
  private constructor(readonly dir: string, readonly url: string, private readonly child: ChildProcess) {}

  // start serves a new data directory on a free port of loopback.
  static async start(...flags: string[]): Promise<Server> {
    const dir = mkdtempSync(join(tmpdir(), "closer-e2e-"));
    const child = spawn(closer, ["serve", "--listen", "127.0.0.1:0", "--data", join(dir, "data"), ...flags], { env, stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    const url = await new Promise<string>((ready, failed) => {
      child.on("error", failed);
      child.on("exit", (code) => failed(new Error(`closer serve ended with ${code}: ${log}`)));
      child.stderr!.on("data", (text) => {
        log += text;
        const address = /msg="server ready" address=(\S+)/.exec(log)?.[1];
        if (address) ready(`http://${address}`);
      });
    });
    return new Server(dir, url, child);
  }

  // phantom draws a scan and returns its path.
  async phantom(name: string, ...flags: string[]): Promise<string> {
    const path = join(this.dir, name + ".h5");
    await run(closer, ["phantom", "-o", path, ...flags], { env });
    return path;
  }

  // push sends a scan as a scanner does, waits for its results, fetches them and returns the job and the folder they are in.
  async push(scan: string, ...flags: string[]): Promise<{ job: string; out: string }> {
    const out = mkdtempSync(join(this.dir, "out-"));
    const { stdout, stderr } = await run(closer, ["push", scan, "--to", this.url, "-o", out, ...flags], { env });
    const job = /job ([0-9a-f]{32})/.exec(stdout + stderr)?.[1];
    if (!job) throw new Error(`no job in: ${stdout}${stderr}`);
    return { job, out };
  }

  async stop(): Promise<void> {
    const gone = new Promise((exited) => this.child.removeAllListeners("exit").on("exit", exited));
    this.child.kill();
    await gone;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// launch starts Chromium without a GPU.
export const launch = (): Promise<Browser> =>
  puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", pipe: true, args: ["--no-sandbox", "--disable-gpu", "--disable-3d-apis"] });

// open shows a page and collects what the browser complains of: errors, refused by the policy, requests to other hosts.
export async function open(browser: Browser, url: string, width = 1280, height = 800, deviceScaleFactor = 1): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage();
  await page.setViewport({ width, height, deviceScaleFactor });
  const complaints: string[] = [];
  page.on("pageerror", (e) => complaints.push(`error: ${(e as Error).message}`));
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("request", (r) => new URL(r.url()).protocol.startsWith("http") && new URL(r.url()).origin !== new URL(url).origin && complaints.push(`request: ${r.url()}`));
  await page.goto(url);
  return { page, complaints };
}

// files are the DICOM files of a series that push fetched, in the order of its slices.
export function files(out: string, series: string): string[] {
  const dir = join(out, "dicom", series);
  return readdirSync(dir).sort().map((name) => join(dir, name));
}

export const read = (path: string) => readFileSync(path);
