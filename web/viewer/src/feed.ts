// Jobs live, as events over one connection: browsers allow a server six.
import { getSession, type Job } from "./api";

const pause = 2000; // ms between attempts

export const notConnected = "Not connected: what follows may be old. Trying again …";

// follow calls job with every job that the events of a path tell of, now and after each change, and connected with whether news can
// come, until the page is left or the function is called that it returns.
export function follow(path: string, job: (job: Job) => void, connected: (yes: boolean) => void): () => void {
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const open = () => {
    source = new EventSource(path);
    source.addEventListener("open", () => connected(true));
    source.addEventListener("job", (event) => job(JSON.parse(event.data)));
    source.addEventListener("error", async () => {
      connected(false);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
      await getSession().catch(() => {}); // an answer without events: perhaps the session is over, and this asks for a key
      if (!stopped) again = setTimeout(open, pause);
    });
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(again);
    source.close();
  };
}
