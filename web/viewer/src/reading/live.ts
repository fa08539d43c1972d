// A job while it runs: what it has made so far, as soon as it has made it.
import { getJob, jobPath, type Job } from "../api";

// follow calls changed with the job, results included, when it has gone on to another method and when it has ended, and going with
// how far it is. It stops by itself.
export function follow(id: string, changed: (job: Job) => void, going: (text: string) => void): void {
  const source = new EventSource(`${jobPath(id)}/events`);
  let method: string | undefined;
  source.addEventListener("job", (event) => {
    const job: Job = JSON.parse(event.data);
    going(progress(job));
    const ended = ["done", "failed", "canceled"].includes(job.state);
    if (ended) source.close();
    if (ended || job.progress.method !== method) {
      method = job.progress.method;
      void getJob(id).then(changed, () => undefined);
    }
  });
}

export function progress({ state, error, progress: p }: Job): string {
  if (state === "done") return "";
  if (state !== "running") return error ? `The job is ${state}: ${error}` : `The job is ${state}.`;
  return `Running: ${p.method ?? "opening"}, ${p.slices_done} of ${p.slices} slices${p.eta_seconds ? `, ${Math.ceil(p.eta_seconds)} s left` : ""}`;
}
