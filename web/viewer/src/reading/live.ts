// A job while it runs: what it has made so far, as soon as it has made it.
import { getJob, jobPath, runs, type Job } from "../api";
import { follow as followEvents, notConnected } from "../feed";
import { methodTitle, seriesOf } from "./series";

// follow calls changed with the job, results included, when it has gone on to another method and when it has ended, and going with
// how far it is, or that nobody knows. It stops by itself, or by the function that it returns.
export function follow(id: string, changed: (job: Job) => void, going: (text: string) => void): () => void {
  let last: Job | undefined; // as the events said
  let taken: string | undefined; // the method up to which the results are known
  const stop = followEvents(`${jobPath(id)}/events`, (job) => {
    last = job;
    going(progress(job));
    if (runs(job) && job.progress.method === taken) return;
    taken = job.progress.method;
    getJob(id).then((whole) => {
      if (!runs(whole)) stop();
      changed(whole);
    }, () => (taken = undefined)); // the next event asks again
  }, (yes) => {
    if (!yes && (!last || runs(last))) going([notConnected, last && progress({ ...last, progress: { ...last.progress, eta_seconds: 0 } })].filter(Boolean).join(" "));
  });
  return stop;
}

// progress says how far a job is, and how it ended unless it is done. Of one that stopped it says what is missing, where the job has its
// results.
export function progress({ state, error, results, recipe, progress: p }: Job): string {
  if (state === "done") return "";
  if (state === "running") return `Running: ${p.method ?? "opening"}, ${p.slices_done} of ${p.slices} slices${p.eta_seconds ? `, ${Math.ceil(p.eta_seconds)} s left` : ""}`;
  const made = seriesOf(results ?? []).map((s) => s.id);
  const missing = results && state !== "queued" ? (recipe.methods ?? []).filter((m) => !made.includes(m)) : [];
  return [error ? `The job is ${state}: ${error.replace(/\.?$/, ".")}` : `The job is ${state}.`, missing.length ? `Not made: ${missing.map(methodTitle).join(", ")}.` : ""].filter(Boolean).join(" ");
}
