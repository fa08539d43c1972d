// The table of jobs: rows stay where they are in the document unless the order changes, so that the keyboard's focus stays too.
import type { Job } from "../api";
import { element } from "../element";
import { everything, type Column } from "./jobs";
import type { Toolbar } from "./toolbar";

const columns: { title: string; by?: Column }[] = [
  { title: "Scan" }, { title: "Pushed", by: "pushed" }, { title: "State", by: "state" }, { title: "Acceleration", by: "acceleration" },
  { title: "PSNR, dB", by: "psnr" }, { title: "Review" }, { title: "Open" },
];

const page = 100; // rows; more when asked

export class Table {
  readonly element: HTMLElement;
  private readonly rows = element("tbody");
  private readonly heads: { by: Column; head: HTMLElement }[] = [];
  private readonly nothing = element("div", { className: "nothing", hidden: true });
  private readonly more = element("button", { hidden: true, className: "more" });
  private readonly table: HTMLElement;
  private limit = page;

  constructor(private readonly toolbar: Toolbar, changed: () => void) {
    const titles = columns.map(({ title, by }) => {
      const head = element("th", { scope: "col" }, title);
      if (by) {
        const button = element("button", {}, title);
        button.addEventListener("click", () => toolbar.set({ by, descending: toolbar.view.by === by ? !toolbar.view.descending : true }));
        head.replaceChildren(button);
        this.heads.push({ by, head });
      }
      return head;
    });
    this.table = element("table", {}, element("caption", {}, "Jobs"), element("thead", {}, element("tr", {}, ...titles)), this.rows);
    this.more.addEventListener("click", () => {
      this.limit += page;
      changed();
    });
    this.rows.addEventListener("keydown", move);
    this.element = element("div", {}, this.table, this.nothing, this.more);
  }

  // draw shows the jobs, of so many in all, and returns those that are on the page.
  draw(jobs: Job[], all: number, row: (job: Job) => HTMLTableRowElement): Job[] {
    const shown = jobs.slice(0, this.limit);
    const focused = document.activeElement;
    let at = this.rows.firstElementChild;
    for (const job of shown) {
      const wanted = row(job);
      if (wanted === at) at = at.nextElementSibling;
      else this.rows.insertBefore(wanted, at);
    }
    while (at) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.rows.contains(focused)) focused.focus(); // its row was moved
    for (const { by, head } of this.heads) {
      const { by: sorted, descending } = this.toolbar.view;
      head.ariaSort = by === sorted ? (descending ? "descending" : "ascending") : "none";
    }
    this.table.hidden = shown.length === 0;
    this.more.hidden = shown.length === jobs.length;
    this.more.textContent = `Show more: ${jobs.length - shown.length} are not shown`;
    this.empty(shown.length > 0 ? "no" : all > 0 ? "filtered" : "empty");
    return shown;
  }

  // empty says what to do where there is nothing to see.
  private empty(why: "no" | "filtered" | "empty") {
    if (this.nothing.dataset.why === why) return;
    this.nothing.dataset.why = why;
    this.nothing.hidden = why === "no";
    if (why === "filtered") {
      const clear = element("button", {}, "Show all jobs");
      clear.addEventListener("click", () => this.toolbar.set({ text: everything.text, state: everything.state }));
      this.nothing.replaceChildren(element("p", {}, "No job is like that."), clear);
    } else if (why === "empty") {
      const command = (text: string) => element("pre", {}, text);
      this.nothing.replaceChildren(
        element("h2", {}, "No scans yet"),
        element("p", {}, "Drop a fastMRI .h5 or DICOM file anywhere on this page. Or push one from a shell:"),
        command(`closer push scan.h5 --to ${location.origin}`), element("p", {}, "Without data, draw a head that nobody has:"),
        command("closer phantom -o scan.h5"),
      );
    }
  }
}

// move takes the focus to the same place of the next or the previous row.
function move(event: KeyboardEvent): void {
  const row = event.target instanceof Element ? event.target.closest("tr") : null;
  const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.querySelector("a")?.focus();
}
