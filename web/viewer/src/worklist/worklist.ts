// The worklist: every scan that was pushed, live.
import "./worklist.css";
import { decisions, getReport, getSession, listReviews, logout, messageOf, reviewsCSV, type Job, type Review, type Role } from "../api";
import { element } from "../element";
import { follow, notConnected } from "../feed";
import { figuresOf, own, select, type Figures, type Own } from "./jobs";
import { pushing } from "./push";
import { Row } from "./row";
import { Table } from "./table";
import { Toolbar } from "./toolbar";

export async function show(body: HTMLElement): Promise<void> {
  document.title = "Worklist – closer";
  const message = element("p", { className: "message", role: "alert" });
  const session = await getSession().catch((problem): undefined => void (body.textContent = messageOf(problem)));
  if (!session) return;
  new Worklist(body, session.user, session.roles, message);
}

class Worklist {
  private readonly jobs = new Map<string, Job>();
  private readonly rows = new Map<string, Row>();
  readonly figures = new Map<string, Figures>();
  readonly came = new Map<string, Own>();
  private readonly asked = new Set<string>(); // jobs whose report was asked for
  decided = new Map<string, Map<string, Review>>();
  private readonly news = element("p", { className: "news", role: "status" });
  private readonly connection = element("p", { className: "connection", role: "status" });
  private readonly table: Table;
  private readonly toolbar: Toolbar;
  private drawing = 0;
  private reading = 0; // reports that are being fetched

  constructor(body: HTMLElement, user: string, private readonly roles: Role[], private readonly message: HTMLElement) {
    this.toolbar = new Toolbar(() => this.later());
    this.table = new Table(this.toolbar, () => this.later());
    const out = element("button", { hidden: user === "anonymous" }, "Log out");
    out.addEventListener("click", () => logout().then(() => location.reload(), (problem) => this.fail(problem)));
    const who = element("p", { className: "who" }, user === "anonymous" ? "" : user, out);
    const csv = element("a", { href: reviewsCSV, download: "reviews.csv" }, "Reviews as CSV");
    body.replaceChildren(element(
      "div", { className: "worklist" },
      element("header", {}, element("h1", {}, "closer"), element("p", { className: "research" }, "For research. Not for diagnostic use."), csv, who),
      element(
        "main", {}, roles.includes("push") ? pushing((scan) => (this.news.textContent = `Scan ${scan.slice(0, 8)} is taken.`)) : "",
        this.message, this.toolbar.element, this.connection, this.table.element, this.news,
      ),
    ));
    follow("/api/v1/events", (job) => this.take(job), (yes) => this.connected(yes));
    const reviews = () => document.hidden || listReviews().then((list) => { this.decided = decisions(list); this.later(); }, (problem) => this.fail(problem));
    document.addEventListener("visibilitychange", reviews);
    reviews();
  }

  private fail(problem: unknown) {
    this.message.textContent = messageOf(problem);
  }

  private connected(yes: boolean) {
    if (yes) this.jobs.clear(); // all that there are come now; some may be deleted since
    this.connection.textContent = yes ? "" : notConnected;
    this.later();
  }

  private take(job: Job) {
    const before = this.jobs.get(job.id);
    this.jobs.set(job.id, job);
    if (before && before.state !== job.state) this.news.textContent = `Scan ${job.scan.slice(0, 8)} is ${job.state}.`;
    if (job.state !== "done") this.asked.delete(job.id); // it runs again
    this.later();
  }

  // later draws once before the next frame, however much happens until then.
  private later() {
    this.drawing ||= requestAnimationFrame(() => {
      this.drawing = 0;
      this.draw();
    });
  }

  private draw() {
    const found = select(this.jobs.values(), this.toolbar.view, this);
    this.toolbar.counted(this.jobs.values());
    const shown = this.table.draw(found, this.jobs.size, (job) => this.row(job));
    this.readReports(shown);
  }

  private row(job: Job): HTMLTableRowElement {
    let row = this.rows.get(job.id);
    if (!row) this.rows.set(job.id, (row = new Row(job, (problem) => this.fail(problem))));
    row.update(job, {
      figures: this.figures.get(job.id), came: this.came.get(job.scan), decisions: this.decided.get(job.id), mayCancel: this.roles.includes("admin"),
    });
    return row.element;
  }

  // readReports fetches what the shown jobs measured, two at a time, so that other requests find a connection.
  private readReports(shown: Job[]) {
    for (const job of shown) {
      if (this.reading >= 2) return;
      if (job.state !== "done" || this.asked.has(job.id)) continue;
      this.asked.add(job.id);
      this.reading++;
      getReport(job.id)
        .then((report) => {
          this.figures.set(job.id, figuresOf(report));
          this.came.set(job.scan, own(report));
        }, () => {}) // without it the row has no figures
        .finally(() => {
          this.reading--;
          this.later();
        });
    }
  }
}
