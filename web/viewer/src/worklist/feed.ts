// The live list of jobs, over one connection: browsers allow a server six.
import { getSession, type Job } from "../api";

const pause = 2000; // ms between attempts

// follow calls job with every job now and after each change, and connected with whether news can come, until the page is left.
export function follow(job: (job: Job) => void, connected: (yes: boolean) => void): void {
  const source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => connected(true));
  source.addEventListener("job", (event) => job(JSON.parse(event.data)));
  source.addEventListener("error", async () => {
    connected(false);
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    await getSession().catch(() => {}); // an answer without events: perhaps the session is over, and this asks for a key
    setTimeout(() => follow(job, connected), pause);
  });
}
