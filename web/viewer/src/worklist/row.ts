// One job of the worklist as a row of its table.
import { cancelJob, getReport, jobPath, key, request, type Job } from "../api";
import { element } from "../element";

const figures = new Map<string, string>(); // job → text of its PSNR, read once from its report

type Failed = (problem: unknown) => void;

// link is a link that sends the key: a browser alone would not.
function link(text: string, path: string, failed: Failed): HTMLAnchorElement {
  const a = element("a", { href: path }, text);
  a.addEventListener("click", async (event) => {
    if (!key.get()) return;
    event.preventDefault();
    try {
      const url = URL.createObjectURL(await (await request(path)).blob());
      element("a", { href: url, download: path.split("/").pop() ?? "" }).click();
      URL.revokeObjectURL(url);
    } catch (problem) {
      failed(problem);
    }
  });
  return a;
}

function progress(job: Job): (Node | string)[] {
  const { slices_done: done, slices, method, eta_seconds: eta } = job.progress;
  if (job.state !== "running") return [job.error ?? ""];
  return [
    element("progress", { max: slices || 1, value: done, ariaLabel: "slices finished" }),
    ` ${method || "opening"} ${done}/${slices}` + (eta ? `, ${Math.ceil(eta)} s left` : ""),
  ];
}

async function readFigures(job: string) {
  figures.set(job, "");
  try {
    const report = await getReport(job);
    figures.set(job, report.methods.map((m) => `${m.name} ${m.volume ? m.volume.psnr.toFixed(2) : "no reference"}`).join(", "));
  } catch {
    figures.delete(job);
  }
}

function results(job: Job, failed: Failed, changed: () => void): (Node | string)[] {
  const path = jobPath(job.id);
  if (job.state === "queued" || job.state === "running") {
    const cancel = element("button", {}, "Cancel");
    cancel.addEventListener("click", () => cancelJob(job.id).catch(failed).then(changed));
    return [cancel];
  }
  if (job.state !== "done") return [];
  return [
    element("a", { href: "/study/" + job.id }, "read"), " ", link("report", path + "/report.html", failed), " ",
    link("DICOM", path + "/dicom.zip", failed), " ", link("HDF5", path + "/reconstruction.h5", failed),
  ];
}

// row draws a job. failed is told of problems, changed that the list is another one.
export function row(job: Job, failed: Failed, changed: () => void): HTMLTableRowElement {
  if (job.state === "done" && !figures.has(job.id)) void readFigures(job.id);
  const cells: (Node | string)[][] = [
    [job.scan.slice(0, 8)], [new Date(job.created).toLocaleString()], [job.state], progress(job),
    [job.recipe.mask === "none" ? "as acquired" : "×" + job.recipe.accel], [figures.get(job.id) ?? ""], results(job, failed, changed),
  ];
  const row = element("tr", {}, ...cells.map((content) => element("td", {}, ...content)));
  row.cells[2]?.classList.add(job.state);
  return row;
}
