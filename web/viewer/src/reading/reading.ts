// The reading page: all series of one scan side by side.
import "./reading.css";
import "./review/review.css";
import { getJob, getReport, getScan, Problem, type Job, type Report } from "../api";
import { element } from "../element";
import { drawn } from "./review/blind";

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
  body.replaceChildren(element("main", { className: "wait" }, message, element("a", { href: "/" }, "Worklist")));
  const room = import("./room"); // cornerstone comes while the job is asked for
  try {
    const job = await find(id);
    const report = await getReport(job.id).catch((problem): Report | undefined => {
      if (problem instanceof Problem && problem.status === 404) return undefined; // the job is not done
      throw problem;
    });
    await (await room).open(body, job, report, await drawn(job));
  } catch (problem) {
    message.textContent = problem instanceof Error ? problem.message : String(problem);
  }
}
