// The worklist: asks the API once a second while the page is seen, and draws what it says.
import "./worklist.css";
import { key, listScans, Problem, pushScan, type Scan } from "../api";
import { element } from "../element";
import { row } from "./row";

const columns = ["Scan", "Pushed", "State", "Progress", "Acceleration", "PSNR, dB", "Results"];

export function show(body: HTMLElement): void {
  document.title = "closer: worklist";
  const secret = element("input", { type: "password", autocomplete: "off", value: key.get() });
  const ask = element("label", { className: "key", hidden: !key.get() }, "Key ", secret);
  const file = element("input", { type: "file" });
  const drop = element("p", { className: "drop" }, element("label", {}, "Push a scan: drop a fastMRI .h5 or DICOM file here, or ", file));
  const message = element("p", { role: "status" });
  const jobs = element("tbody");
  const titles = columns.map((title) => element("th", { scope: "col" }, title));

  const failed = (problem: unknown) => {
    if (problem instanceof Problem && problem.status === 401) ask.hidden = false;
    message.textContent = problem instanceof Error ? problem.message : String(problem);
  };
  const draw = (scans: Scan[]) => {
    const list = scans.flatMap((scan) => scan.jobs).sort((a, b) => b.created.localeCompare(a.created));
    const focused = document.activeElement?.closest("tbody");
    if (!focused) jobs.replaceChildren(...list.map((job) => row(job, failed, refresh))); // not under the keyboard's focus
  };
  const refresh = () => listScans().then(draw, failed);
  const push = async (chosen: File | undefined) => {
    if (!chosen) return;
    message.textContent = `Pushing ${chosen.size} bytes …`;
    try {
      message.textContent = "Taken: SHA-256 " + (await pushScan(chosen)).sha256;
    } catch (problem) {
      failed(problem);
    }
    await refresh();
  };

  secret.addEventListener("change", () => (key.set(secret.value), refresh()));
  file.addEventListener("change", () => push(file.files?.[0]));
  for (const name of ["dragover", "dragleave", "drop"] as const) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") void push(event.dataTransfer?.files[0]);
    });
  }
  const head = element("header", {}, element("h1", {}, "closer"), element("p", { className: "research" }, "Research. Not for diagnostic use."), ask);
  const table = element("table", {}, element("caption", {}, "Jobs, newest first"), element("thead", {}, element("tr", {}, ...titles)), jobs);
  body.replaceChildren(element("div", { className: "worklist" }, head, element("main", {}, drop, message, table)));
  setInterval(() => document.hidden || refresh(), 1000);
  void refresh();
}
