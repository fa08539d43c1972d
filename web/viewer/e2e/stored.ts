// Series that a test makes of the phantom's and stores by DICOMweb: where they lie is the test's choice.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { read, type Server } from "./server";

export const study = "2.25.4711";

// relocate copies slices into a series of the study that the tests share; tags says what else is different in the k-th.
export function relocate(server: Server, series: number, slices: string[], tags: (k: number) => Record<string, string>): string[] {
  const dir = join(server.dir, `series-${series}`);
  mkdirSync(dir);
  return slices.map((file, k) => {
    const path = join(dir, `${k}.dcm`);
    copyFileSync(file, path);
    const set = { "0020,000d": study, "0020,0052": "2.25.4712", "0020,000e": `2.25.${series}`, "0008,0018": `2.25.${series}00${k + 1}`, "0020,4000": "made for a test", "0008,0070": "a scanner", ...tags(k) };
    execFileSync("dcmodify", ["-nb", "-imt", ...Object.entries(set).flatMap(([tag, value]) => ["-i", `(${tag})=${value}`]), path]);
    return path;
  });
}

// store sends files by STOW-RS: each series becomes a scan.
export async function store(server: Server, paths: string[]): Promise<void> {
  const part = (path: string) => Buffer.concat([Buffer.from("--x\r\nContent-Type: application/dicom\r\n\r\n"), read(path), Buffer.from("\r\n")]);
  const body = Buffer.concat([...paths.map(part), Buffer.from("--x--\r\n")]);
  const response = await fetch(`${server.url}/dicom-web/studies`, { method: "POST", body, headers: { "Content-Type": 'multipart/related; type="application/dicom"; boundary=x' } });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

// done waits for a number of jobs to be done and returns them, newest first.
export async function done(server: Server, n: number): Promise<{ id: string; state: string }[]> {
  for (;;) {
    const { scans } = (await (await fetch(`${server.url}/api/v1/scans`)).json()) as { scans: { jobs: { id: string; state: string }[] }[] };
    const jobs = scans.flatMap((s) => s.jobs);
    if (jobs.some((j) => j.state === "failed")) throw new Error("a job failed");
    if (jobs.length >= n && jobs.every((j) => j.state === "done")) return jobs;
    await new Promise((wait) => setTimeout(wait, 200));
  }
}
