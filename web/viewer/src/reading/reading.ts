// The reading page: all series of one scan side by side.
import "./reading.css";
import "./review/review.css";
import { getJob, getScan, messageOf, Problem, type Job } from "../api";
import { element } from "../element";
import { follow } from "./live";
import { drawn } from "./review/blind";
import { seriesOf } from "./series";

// find reads the job that an address names: a job, or a scan, which stands for its newest job that has results.
async function find(id: string): Promise<Job> {
  try {
    return await getJob(id);
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
  }
  const { jobs } = await getScan(id);
  const job = jobs.find((j) => j.results?.length) ?? jobs[0];
  if (!job) throw new Error("The scan has no job.");
  return job;
}

export async function show(body: HTMLElement, id: string): Promise<void> {
  document.title = "closer: reading";
  const message = element("p", { role: "status" }, "Loading …");
  body.replaceChildren(element("main", { className: "wait" }, element("h1", {}, "Reading"), message, element("a", { href: "/" }, "Worklist")));
  const failed = (problem: unknown) => {
    message.role = "alert";
    message.textContent = messageOf(problem);
  };
  const room = import("./room"); // cornerstone comes while the job is asked for
  try {
    const job = await find(id);
    const { open } = await room;
    if (seriesOf(job.results ?? []).length) return await open(body, job, await drawn(job));
    let opened = false; // there is nothing to see yet
    const stop = follow(job.id, (newer) => {
      if (opened || !seriesOf(newer.results ?? []).length) return;
      opened = true;
      stop();
      open(body, newer, undefined).catch(failed);
    }, (text) => (message.textContent = text));
  } catch (problem) {
    failed(problem);
  }
}
